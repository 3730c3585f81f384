"""The page in a real browser: it plays the stream, and what it sends is what a person pointed at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from streamtrack.video.palette import object_colour
from tests.support.browser_tab import Browsers, browsers, decode_png
from tests.support.page_server import FollowedObject, serving
from tests.support.video import HEIGHT, WIDTH, read_code, until

PLAYER = Path(__file__).parents[2] / "examples" / "whep_player.html"
# Keeps the picture that is on the screen at the moment of a click, before the page sees the click.
KEEP_CLICKED = """
() => addEventListener("pointerdown", () => {
  const video = document.getElementById("video");
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  window.clicked = canvas.toDataURL("image/png");
}, { capture: true })
"""

# One loop for all, because a browser lives in the loop that started it.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_browser_shows_the_overlay_and_each_picture_leads_back_to_its_frame(
    codec: str, chromium: Browsers
) -> None:
    answers: list[str] = []

    async def offer_only(route: Route) -> None:
        # A Chromium that was built without H264 offers the rest.
        offer = route.request.post_data or ""
        answer = await route.fetch(post_data=offer if codec == "H264" else offer.replace("H264/", "NONE/"))
        answers.append(await answer.text())
        await route.fulfill(response=answer)

    async with serving() as server:
        server.objects[3] = FollowedObject(160, 80, "cup")
        async with chromium.opened(server, "/web/icon.svg") as tab:
            await tab.page.route("**/whep", offer_only)
            await tab.page.goto(server.url)
            await tab.live()
            if f"{codec}/90000" not in answers[-1]:
                pytest.skip("this Chromium was built without H264")
            for _ in range(5):
                image, rtp_timestamp = await tab.grab()
                session = server.sessions.get(tab.sessions[-1].rpartition("/")[2])
                assert session is not None
                assert session.frame_idx_at(rtp_timestamp) == read_code(image)
    scale = image.shape[1] / WIDTH
    inside = image[int(72 * scale) : int(88 * scale), int(152 * scale) : int(168 * scale)]
    expected = 0.55 * np.full(3, 90) + 0.45 * np.array(object_colour(3))
    # 14 levels: chroma is quantised by the codec, and the browser has its own conversion to RGB.
    assert np.abs(inside.reshape(-1, 3).mean(axis=0) - expected).max() < 14
    assert np.abs(image[20:40, 20:40].reshape(-1, 3).mean(axis=0) - 90).max() < 14


async def test_click_adds_an_object_on_the_frame_that_was_on_the_screen(chromium: Browsers) -> None:
    # Slow enough that a click never falls between a picture's decoding and its showing.
    async with serving(fps=4) as server, chromium.opened(server) as tab:
        await tab.live()
        await tab.page.evaluate(KEEP_CLICKED)
        await tab.grab()
        await tab.click(100, 60)
        method, path, body = (await tab.asked(1))[0]
        assert (method, path) == ("POST", "/streams/cam/objects")
        assert body["labels"] == [1]
        assert np.abs(np.array(body["points"]) - [[100, 60]]).max() < 0.6  # a CSS pixel is 0.3 of the frame's
        assert body["at_frame"] == read_code(decode_png(await tab.page.evaluate("window.clicked")))
        row = await tab.row(1)
        swatch = await row.locator(".swatch").evaluate("(node) => getComputedStyle(node).backgroundColor")
        assert swatch == "rgb({}, {}, {})".format(*object_colour(1))


async def test_click_is_marked_where_it_was_until_the_server_has_answered(chromium: Browsers) -> None:
    marked = """([x, y]) => {
      const canvas = document.getElementById("marks");
      const box = canvas.getBoundingClientRect();
      return [...canvas.getContext("2d").getImageData(x - box.left, y - box.top, 1, 1).data];
    }"""
    async with serving(answer_delay_s=3) as server, chromium.opened(server) as tab:
        await tab.live()
        place = await tab.place(100, 60)
        assert await tab.page.evaluate(marked, place) == [0, 0, 0, 0]
        await tab.click(100, 60)
        await tab.asked(1)
        red, green, blue, alpha = await tab.page.evaluate(marked, place)
        assert alpha > 200
        assert green > max(red, blue), "the colour of including"
        await tab.row(1)
        async with asyncio.timeout(10):
            while (await tab.page.evaluate(marked, place))[3]:  # noqa: ASYNC110  the page tells nobody
                await asyncio.sleep(0.1)


async def test_selected_object_takes_points_boxes_and_their_opposite(chromium: Browsers) -> None:
    async with serving() as server:
        server.objects[4] = FollowedObject(160, 80)
        async with chromium.opened(server) as tab:
            await tab.live()
            await (await tab.row(4)).locator(".pick").click()
            await tab.click(100, 60)
            await tab.asked(1)
            await tab.click(100, 60, shift=True)
            await tab.asked(2)
            await tab.page.click("#mode-negative")
            await tab.click(110, 60)
            await tab.asked(3)
            await tab.page.click("#mode-positive")
            await tab.page.keyboard.press("Escape")
            await tab.page.mouse.move(*await tab.place(200, 120))
            await tab.page.mouse.down()
            await tab.page.mouse.move(*await tab.place(180, 90), steps=4)
            await tab.page.mouse.move(*await tab.place(140, 70), steps=4)
            await tab.page.mouse.up()
            requests = await tab.asked(4)
    assert [path for _, path, _ in requests] == ["/streams/cam/objects/4/prompts"] * 3 + [
        "/streams/cam/objects"
    ]
    assert [body.get("labels") for _, _, body in requests] == [[1], [0], [0], None]
    assert np.abs(np.array(requests[3][2]["box"]) - [140, 70, 200, 120]).max() < 0.6
    assert all(isinstance(body["at_frame"], int) for _, _, body in requests)


async def test_objects_can_be_named_and_removed(chromium: Browsers) -> None:
    async with serving() as server:
        server.objects |= {1: FollowedObject(80, 60), 2: FollowedObject(200, 60, "cup")}
        async with chromium.opened(server) as tab:
            label = (await tab.row(1)).locator(".label")
            await label.fill("player 7")
            await label.press("Enter")
            await tab.asked(1)
            assert await (await tab.row(2)).locator(".label").input_value() == "cup"
            await (await tab.row(2)).locator(".remove").click()
            requests = await tab.asked(2)
            await expect(tab.page.locator("#objects li")).to_have_count(1)
    assert requests == [
        ("PATCH", "/streams/cam/objects/1", {"label": "player 7"}),
        ("DELETE", "/streams/cam/objects/2", None),
    ]


async def test_keyboard_alone_points_selects_and_removes(chromium: Browsers) -> None:
    async with serving() as server:
        server.objects[1] = FollowedObject(80, 60)
        async with chromium.opened(server) as tab:
            await tab.live()
            await tab.row(1)
            await tab.page.focus("#stage")
            await tab.page.keyboard.press("ArrowLeft")
            await tab.page.keyboard.press("ArrowRight")
            await tab.page.keyboard.press("Enter")
            await tab.asked(1)
            await tab.page.keyboard.press("1")
            await tab.page.keyboard.press("Shift+Enter")
            await tab.asked(2)
            await tab.page.keyboard.press("Delete")
            requests = await tab.asked(3)
    assert [(method, path) for method, path, _ in requests] == [
        ("POST", "/streams/cam/objects"),
        ("POST", "/streams/cam/objects/1/prompts"),
        ("DELETE", "/streams/cam/objects/1"),
    ]
    assert np.abs(np.array(requests[0][2]["points"]) - [[WIDTH / 2, HEIGHT / 2]]).max() < 0.6
    assert requests[1][2]["labels"] == [0]


async def test_lost_object_and_refused_click_are_told(chromium: Browsers) -> None:
    async with serving() as server:
        server.objects[2] = FollowedObject(80, 60, "cup")
        async with chromium.opened(server) as tab:
            await tab.live()
            row = await tab.row(2)
            server.lose(2)
            await tab.page.get_by_text("2 cup: lost").wait_for()
            await expect(row.locator(".state")).to_have_text("lost")
            server.refusal = "at_frame is 3, expected a kept frame from 40 to 71"
            await tab.click(100, 60)
            await tab.page.get_by_role("alert").get_by_text(re.compile("^at_frame is 3, expected")).wait_for()
            await tab.click(100, 60, shift=True)
            await tab.page.get_by_text("Select an object first").wait_for()
            assert len(server.requests) == 1


async def test_figures_and_pause_follow_the_server(chromium: Browsers) -> None:
    async with serving() as server, chromium.opened(server) as tab:
        await tab.live()
        assert await tab.page.inner_text("#fps") == "15.0"
        assert await tab.page.inner_text("#latency") == "41 ms"
        assert await tab.page.inner_text("#dropped") == "3"
        await tab.page.click("#pause")
        await tab.page.get_by_role("button", name="Resume").click()
        requests = await tab.asked(2)
        assert [path for _, path, _ in requests] == ["/streams/cam/pause", "/streams/cam/resume"]


async def test_token_is_asked_for_and_stays_out_of_the_address(chromium: Browsers) -> None:
    async with serving(token="s3cret") as server, chromium.opened(server) as tab:
        for attempt in ("wrong", "s3cret"):
            await tab.page.wait_for_selector("#token-dialog[open]")
            await tab.page.fill("#token", attempt)
            await tab.page.keyboard.press("Enter")
        await tab.live()
        assert "s3cret" not in tab.page.url
        assert not [address for address in tab.addresses if "s3cret" in address]


async def test_token_in_the_address_is_taken_out_of_it(chromium: Browsers) -> None:
    async with serving(token="s3cret") as server, chromium.opened(server, "/?token=s3cret") as tab:
        await tab.live()
        assert tab.page.url == f"{server.url}/#cam"


async def test_offline_source_is_told_and_play_goes_on_when_it_is_back(chromium: Browsers) -> None:
    async with serving() as server:
        server.stream.set_online(False)
        server.state = "offline"
        async with chromium.opened(server) as tab:
            await tab.page.get_by_text("Offline: no answer from the camera").wait_for()
            server.stream.set_online(True)
            server.state = "online"
            await tab.live()


async def test_page_reconnects_when_its_session_ends(chromium: Browsers) -> None:
    async with serving() as server, chromium.opened(server) as tab:
        await tab.live()
        await server.sessions.close(tab.sessions[0].rpartition("/")[2])
        await until(lambda: len(tab.sessions) == 2, 20)
        await tab.live()
        image, _ = await tab.grab()
        assert image.shape[1] == WIDTH


async def test_page_reconnects_when_tracking_goes_on_without_pictures(chromium: Browsers) -> None:
    async with serving() as server, chromium.opened(server) as tab:
        await tab.live()
        session = server.sessions.get(tab.sessions[0].rpartition("/")[2])
        assert session is not None
        # A network that has begun to swallow packets: nothing ends, nothing arrives.
        session._queue.offer = lambda picture: 0  # type: ignore[method-assign]
        await until(lambda: len(tab.sessions) == 2, 30)
        await tab.live()


async def test_closed_tab_frees_its_place(chromium: Browsers) -> None:
    async with serving() as server, chromium.opened(server) as tab:
        await tab.live()
        assert server.stream.num_viewers == 1
        await tab.page.goto("about:blank")
        await until(lambda: server.stream.num_viewers == 0, 5)


async def test_motion_jpeg_takes_over_where_webrtc_cannot_pass(chromium: Browsers) -> None:
    async def block(route: Route) -> None:
        """Name a port where nobody listens. The browser hides its own addresses, so neither side finds the
        other."""
        answer = await route.fetch()
        sdp = re.sub(r"(a=candidate:(?:\S+ ){5})\d+", r"\g<1>9", await answer.text())
        await route.fulfill(response=answer, body=sdp)

    async def hurry(route: Route) -> None:
        """Give up on each try sooner: the page makes two, and nothing else happens meanwhile."""
        answer = await route.fetch()
        script, patient = await answer.text(), "CONNECT_TIMEOUT_MS = 6000"
        assert patient in script
        await route.fulfill(response=answer, body=script.replace(patient, "CONNECT_TIMEOUT_MS = 1000"))

    async with serving(token="s3cret") as server, chromium.opened(server, "/web/icon.svg", ()) as tab:
        server.objects[1] = FollowedObject(160, 80)
        await tab.page.route("**/whep", block)
        await tab.page.route("**/player.js", hurry)
        await tab.page.goto(f"{server.url}/#token=s3cret")
        await tab.page.get_by_text("Live, MJPEG").wait_for(timeout=60_000)
        size = (
            "[document.getElementById('mjpeg').naturalWidth, document.getElementById('mjpeg').naturalHeight]"
        )
        assert await tab.page.evaluate(size) == [WIDTH, HEIGHT]
        await tab.click(100, 60)
        _, _, body = (await tab.asked(1))[0]
        assert "at_frame" not in body, "nobody knows which picture an <img> shows: the newest frame is meant"
        assert np.abs(np.array(body["points"]) - [[100, 60]]).max() < 0.6


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ()], ids=["loopback", "machine"])
async def test_browser_with_its_own_settings_connects(addresses: tuple[str, ...], chromium: Browsers) -> None:
    # No switches: it hides its addresses behind mDNS names and offers none of loopback.
    async with serving(ice_addresses=addresses) as server, chromium.opened(server, arguments=()) as tab:
        await tab.page.get_by_text("Live", exact=True).wait_for(timeout=20_000)


async def test_player_in_one_file_plays_from_another_origin(chromium: Browsers) -> None:
    async with serving(cors_origins=("*",)) as server, chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.goto(PLAYER.as_uri())
        await tab.page.fill("#url", f"{server.url}/streams/cam/whep")
        await tab.page.click("button")
        image, _ = await tab.grab()
        assert image.shape[1] == WIDTH
        assert server.stream.num_viewers == 1
        await tab.page.goto("about:blank")
        await until(lambda: server.stream.num_viewers == 0, 5)


async def test_page_needs_nothing_from_elsewhere_and_its_policy_forbids_it(chromium: Browsers) -> None:
    async with serving() as server, chromium.opened(server) as tab:
        await tab.live()
        assert all(address.startswith((server.url, "blob:", "data:")) for address in tab.addresses)
        response = await tab.page.request.get(server.url)
        assert "script-src 'self'" in response.headers["content-security-policy"]
        assert (await tab.page.request.get(f"{server.url}/web/nothing.js")).status == 404
        assert (await tab.page.request.get(f"{server.url}/web/..%2f__init__.py")).status == 404


async def test_touch_adds_an_object(chromium: Browsers) -> None:
    async with serving() as server:
        phone = {"viewport": {"width": 420, "height": 800}, "has_touch": True, "is_mobile": True}
        async with chromium.opened(server, **phone) as tab:
            await tab.live()
            await tab.page.touchscreen.tap(*await tab.place(100, 60))
            _, path, body = (await tab.asked(1))[0]
    assert path == "/streams/cam/objects"
    assert np.abs(np.array(body["points"]) - [[100, 60]]).max() < 0.6


async def test_snapshot_button_saves_the_picture(chromium: Browsers) -> None:
    async with serving(token="s3cret") as server, chromium.opened(server, "/?token=s3cret") as tab:
        await tab.live()
        async with tab.page.expect_download() as saved:
            await tab.page.click("#snapshot")
        download = await saved.value
        assert re.fullmatch(r"cam-[\dT-]+\.jpg", download.suggested_filename)
        data = await asyncio.to_thread((await download.path()).read_bytes)
        assert data[:3] == b"\xff\xd8\xff"
