"""What the page says when something is away: the camera, the server, the picture, or the right to come in."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.support.browser_tab import WHEP, Browsers, Tab, browsers
from tests.support.camera import DISCS
from tests.support.page_server import PageServer, serving
from tests.support.video import HEIGHT, WIDTH, until

PLAYER = Path(__file__).parents[2] / "examples" / "whep_player.html"
TOKEN = "s3cret-and-long-enough"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[PageServer]:
    async with serving("cam", token=TOKEN, cors_origins=("null",)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: PageServer) -> PageServer:
    await shared.tidy()
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def tab(server: PageServer, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(server, f"/?token={TOKEN}") as opened:
        await opened.live()
        yield opened


async def figures(tab: Tab) -> list[str]:
    return [await tab.page.inner_text(f"#{name}") for name in ("fps", "latency")]


async def log_texts(tab: Tab) -> list[str]:
    """The event list, newest first, without times."""
    return await tab.page.locator("#events .what").all_inner_texts()


# the camera


async def test_camera_that_is_away_is_told_and_nothing_claims_to_be_seen(
    server: PageServer, tab: Tab
) -> None:
    red = await server.follow("red")
    row = await tab.row(red)
    await expect(row.locator(".state")).to_have_text("tracking")
    await until_figures(tab, shown=True)

    server.cameras["cam"].unplug()
    await tab.page.get_by_text("The camera is offline", exact=True).wait_for()
    await tab.page.get_by_text(re.compile(r"Next try in \d s|Trying now")).wait_for()
    assert await tab.page.get_attribute("#link", "data-state") == "offline"
    await expect(row.locator(".state")).to_have_text("unseen")
    assert await figures(tab) == ["–", "–"]
    assert await row.locator(".score").evaluate("(node) => node.value") == 0
    await tab.click(*DISCS["blue"])
    await tab.page.get_by_role("alert").get_by_text("The camera is offline: this picture is old").wait_for()
    assert tab.commands == []

    server.cameras["cam"].plug_in()
    await tab.live()
    await expect(row.locator(".state")).to_have_text("tracking", timeout=10_000)
    await tab.page.get_by_role("log").get_by_text("The camera was away").wait_for()
    # What is hidden is not read out either.
    assert await tab.page.get_by_text("The camera is offline", exact=True).count() == 0 or not (
        await tab.page.locator("#curtain").is_visible()
    )
    assert "offline" not in await tab.page.locator("#stage").aria_snapshot()


async def until_figures(tab: Tab, *, shown: bool) -> None:
    async with asyncio.timeout(10):
        while ("–" in await figures(tab)) == shown:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_lost_and_found_objects_are_kept_in_the_list_of_events(
    server: PageServer, tab: Tab, chromium: Browsers
) -> None:
    red = await server.follow("red", "cup")
    row = await tab.row(red)
    server.cameras["cam"].hidden = frozenset({"red"})
    await tab.page.get_by_role("log").get_by_text(f"{red} cup: lost").wait_for()
    await expect(row.locator(".state")).to_have_text("lost")
    lost = tab.page.locator("#events li").filter(has_text=f"{red} cup: lost")
    await expect(lost.locator(".thumb")).to_have_js_property("complete", True)
    server.cameras["cam"].hidden = frozenset()
    await tab.page.get_by_role("log").get_by_text(f"{red} cup: found again").wait_for()
    texts = await log_texts(tab)
    assert texts.index(f"{red} cup: found again") < texts.index(f"{red} cup: lost") < len(texts) - 1
    async with chromium.opened(server, f"/?token={TOKEN}", past=True) as later:
        for words in ("lost", "found again"):
            await later.page.get_by_role("log").get_by_text(f"{red} cup: {words}").wait_for()


# pause


async def test_pause_is_told_in_every_tab_and_is_no_absence_of_the_camera(
    server: PageServer, tab: Tab, chromium: Browsers
) -> None:
    red = await server.follow("red")
    async with chromium.opened(server, f"/?token={TOKEN}") as other:
        await other.live()
        await until_figures(tab, shown=True)
        await other.page.keyboard.press("Space")
        for each in (tab, other):
            await expect(each.page.locator("#link")).to_have_attribute("data-state", "paused")
            await expect(each.page.locator("#pause")).to_have_text("Resume")
            await expect((await each.row(red)).locator(".state")).to_have_text("unseen")
            assert await figures(each) == ["–", "–"]
        await tab.page.get_by_role("log").get_by_text("Paused by another viewer").wait_for()
        await other.page.get_by_role("log").get_by_text("Paused, for every viewer").wait_for()
        await tab.click(*DISCS["blue"])
        await expect(tab.page.locator("#objects li")).to_have_count(2)
        await tab.page.click("#pause")
        for each in (tab, other):
            await each.live()
            await expect((await each.row(red)).locator(".state")).to_have_text("tracking")
        await other.page.get_by_role("log").get_by_text("Another viewer let it go on").wait_for()
        assert not [words for words in await log_texts(tab) + await log_texts(other) if "away" in words]


# the server


async def test_silent_server_is_noticed_within_a_second(server: PageServer, tab: Tab) -> None:
    await until_figures(tab, shown=True)
    begun = time.monotonic()
    await asyncio.to_thread(server.hold, 2.2)
    await tab.page.get_by_text("Reconnecting", exact=True).wait_for(timeout=4000)
    assert time.monotonic() - begun < 1.6  # a second, and how long a busy browser takes to be asked
    assert await figures(tab) == ["–", "–"]
    await tab.click(*DISCS["red"])
    await tab.page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
    assert tab.commands == []
    await tab.live()


async def test_page_is_live_again_soon_after_the_server_is_back(server: PageServer, tab: Tab) -> None:
    await server.follow("red")
    await asyncio.to_thread(server.stop)
    await tab.page.get_by_text("The server does not answer", exact=True).first.wait_for(timeout=3000)
    assert await tab.page.inner_text("#link-text") == "Reconnecting"
    assert await figures(tab) == ["–", "–"]
    await tab.page.get_by_text(re.compile(r"Next try in \d s")).wait_for()
    assert await tab.page.locator("#mjpeg").is_hidden()
    await asyncio.to_thread(server.start)
    started = time.monotonic()
    await tab.page.get_by_role("log").get_by_text("The server answers again").wait_for(timeout=4000)
    await tab.live()
    assert time.monotonic() - started < 4  # two to ask again, and two for pictures to come
    await expect(tab.page.locator("#objects li")).to_have_count(0)
    assert not [words for words in await log_texts(tab) if "no longer followed" in words]


# the way for pictures


async def test_page_reconnects_when_its_session_ends(server: PageServer, tab: Tab) -> None:
    async with server.api() as api:
        await api.delete(tab.sessions[0])
    await until(lambda: len(tab.sessions) == 2, 20)
    await tab.live()
    image, _ = await tab.grab()
    assert image.shape[1] == WIDTH


async def test_page_reconnects_when_tracking_goes_on_without_pictures(server: PageServer, tab: Tab) -> None:
    def swallow(queue: object) -> None:
        # A network that has begun to lose everything: nothing ends, nothing arrives.
        queue.offer = lambda picture: 0  # type: ignore[attr-defined]

    server.break_viewers(swallow)
    await until(lambda: len(tab.sessions) == 2, 30)
    await tab.live()


async def test_motion_jpeg_takes_over_where_webrtc_cannot_pass(
    server: PageServer, chromium: Browsers
) -> None:
    async def block(route: Route) -> None:
        """Name a port where nobody listens. The browser hides its own addresses, so neither side finds the
        other."""
        answer = await route.fetch()
        sdp = re.sub(r"(a=candidate:(?:\S+ ){5})\d+", r"\g<1>9", await answer.text())
        await route.fulfill(response=answer, body=sdp)

    async def hurry(route: Route) -> None:
        """Give up on each try sooner: the page makes two, and nothing else happens meanwhile."""
        answer = await route.fetch()
        script, patient = await answer.text(), "CONNECT_LIMIT_MS = 6000"
        assert patient in script
        await route.fulfill(response=answer, body=script.replace(patient, "CONNECT_LIMIT_MS = 700"))

    async with chromium.opened(server, "/web/icon.svg", ()) as tab:
        await tab.page.route(WHEP, block)
        await tab.page.route("**/whep.js", hurry)
        await tab.page.goto(f"{server.url}/#token={TOKEN}")
        await tab.page.get_by_text("Live, MJPEG").wait_for(timeout=60_000)
        size = (
            "[document.getElementById('mjpeg').naturalWidth, document.getElementById('mjpeg').naturalHeight]"
        )
        assert await tab.page.evaluate(size) == [WIDTH, HEIGHT]
        await tab.click(*DISCS["red"])
        _, _, body = (await tab.asked(1))[0]
        assert "at_frame" not in body, "nobody knows which picture an <img> shows: the newest frame is meant"


async def test_player_in_one_file_plays_from_another_origin(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.goto(PLAYER.as_uri())
        await tab.page.fill("#url", f"{server.url}/streams/cam/whep")
        await tab.page.fill("#token", TOKEN)
        await tab.page.click("button")
        image, _ = await tab.grab()
        assert image.shape[1] == WIDTH
        await until(lambda: server.num_viewers() == 1, 5)
        await tab.page.goto("about:blank")
        await until(lambda: server.num_viewers() == 0, 5)


# the token


async def test_token_is_asked_for_and_stays_out_of_the_address(
    server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server) as tab:
        for attempt in ("wrong-but-long-enough", TOKEN):
            await tab.page.wait_for_selector("#token-dialog[open]")
            await tab.page.fill("#token", attempt)
            await tab.page.keyboard.press("Enter")
        await tab.live()
        assert TOKEN not in tab.page.url
        assert not [address for address in tab.addresses if TOKEN in address]


async def test_token_in_the_address_is_taken_out_of_it_and_saves_the_picture(
    server: PageServer, tab: Tab
) -> None:
    assert tab.page.url == f"{server.url}/#cam"
    async with tab.page.expect_download() as saved:
        await tab.page.click("#snapshot")
    download = await saved.value
    assert re.fullmatch(r"cam-[\dT-]+\.jpg", download.suggested_filename)
    data = await asyncio.to_thread((await download.path()).read_bytes)
    assert data[:3] == b"\xff\xd8\xff"
