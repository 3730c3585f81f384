"""The page in a real browser before the product's own server: it plays, and it sends what was meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from streamtrack.video.palette import object_colour
from tests.support.browser_tab import WHEP, Browsers, Tab, browsers, decode_png
from tests.support.camera import DISCS, EMPTY
from tests.support.page_server import PageServer, serving
from tests.support.video import HEIGHT, WIDTH, read_code

RED, BLUE = DISCS["red"], DISCS["blue"]
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
# The page's own drawing at a client coordinate, RGBA.
MARKED = """([x, y]) => {
  const canvas = document.getElementById("marks");
  const box = canvas.getBoundingClientRect();
  return [...canvas.getContext("2d").getImageData(x - box.left, y - box.top, 1, 1).data];
}"""

# One loop for all, because a browser lives in the loop that started it.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[PageServer]:
    async with serving("cam") as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: PageServer) -> PageServer:
    await shared.tidy()
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def tab(server: PageServer, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(server) as opened:
        await opened.live()
        yield opened


async def selected(tab: Tab, object_id: int) -> None:
    row = await tab.row(object_id)
    await expect(row.locator(".pick")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_browser_shows_the_overlay_and_each_picture_leads_back_to_its_frame(
    codec: str, server: PageServer, chromium: Browsers
) -> None:
    answers: list[str] = []

    async def offer_only(route: Route) -> None:
        # A Chromium that was built without H264 offers the rest.
        offer = route.request.post_data or ""
        answer = await route.fetch(post_data=offer if codec == "H264" else offer.replace("H264/", "NONE/"))
        answers.append(await answer.text())
        await route.fulfill(response=answer)

    object_id = await server.follow("red", "cup")
    async with chromium.opened(server, "/web/icon.svg") as tab, server.api() as api:
        await tab.page.evaluate("""localStorage.setItem("streamtrack.looks", '{"style": "burnt"}')""")
        await tab.page.route(WHEP, offer_only)
        await tab.page.goto(server.url)
        await tab.live()
        if f"{codec}/90000" not in answers[-1]:
            pytest.skip("this Chromium was built without H264")
        for _ in range(3):
            image, rtp_timestamp = await tab.grab()
            frame = await api.get(f"{tab.sessions[-1]}/frame", params={"rtp_timestamp": rtp_timestamp})
            assert await server.picture_of(frame.json()["frame_idx"]) == read_code(image)
    scale = image.shape[1] / WIDTH
    x, y = RED
    inside = image[int((y - 6) * scale) : int((y + 6) * scale), int((x - 6) * scale) : int((x + 6) * scale)]
    expected = 0.55 * np.array((120, 36, 36)) + 0.45 * np.array(object_colour(object_id))
    # 14 levels: chroma is quantised by the codecs, and the browser has its own conversion to RGB.
    assert np.abs(inside.reshape(-1, 3).mean(axis=0) - expected).max() < 14
    ground = image[int(130 * scale) : int(150 * scale), int(20 * scale) : int(40 * scale)]
    assert np.abs(ground.reshape(-1, 3).mean(axis=0) - 90).max() < 14


async def test_click_adds_an_object_on_the_frame_that_was_on_the_screen(server: PageServer, tab: Tab) -> None:
    await tab.page.evaluate(KEEP_CLICKED)
    await tab.grab()
    await tab.click(*RED)
    method, path, body = (await tab.asked(1))[0]
    assert (method, path) == ("POST", "/streams/cam/objects")
    assert body["labels"] == [1]
    assert np.abs(np.array(body["points"]) - [RED]).max() < 0.6  # a CSS pixel is 0.6 of the frame's
    clicked = decode_png(await tab.page.evaluate("window.clicked"))
    assert await server.picture_of(body["at_frame"]) == read_code(clicked)
    row = tab.page.locator("#objects li")
    await row.wait_for()
    object_id = int(await row.get_attribute("data-id") or 0)
    swatch = await row.locator(".swatch").evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert swatch == "rgb({}, {}, {})".format(*object_colour(object_id))


async def test_first_steps_are_told_over_the_picture_until_they_are_taken(
    server: PageServer, tab: Tab
) -> None:
    await expect(tab.page.locator("#hint")).to_have_text(
        "Click an object to follow it, or drag a box around it"
    )
    await tab.click(*RED)
    await expect(tab.page.locator("#hint")).to_have_text("")


async def test_click_is_marked_where_it_was_until_the_server_has_answered(tab: Tab) -> None:
    answering = asyncio.Event()

    async def hold(route: Route) -> None:
        await answering.wait()
        await route.continue_()

    await tab.page.route("**/streams/cam/objects", hold)
    place = await tab.place(*RED)
    assert await tab.page.evaluate(MARKED, place) == [0, 0, 0, 0]
    await tab.click(*RED)
    await tab.asked(1)
    await tab.page.wait_for_timeout(1000)  # longer than a mark stays that is not waited for
    red, green, blue, alpha = await tab.page.evaluate(MARKED, place)
    assert alpha > 200
    assert green > max(red, blue), "the colour of including"
    answering.set()
    await tab.page.locator("#objects li").wait_for()
    async with asyncio.timeout(10):
        while (await tab.page.evaluate(MARKED, place))[3]:  # noqa: ASYNC110  the page tells nobody
            await asyncio.sleep(0.1)


async def test_click_on_a_followed_object_selects_it_and_adds_nothing(server: PageServer, tab: Tab) -> None:
    red, blue = await server.follow("red"), await server.follow("blue")
    await tab.row(blue)
    await tab.click(*RED)
    await selected(tab, red)
    corner = await tab.place(RED[0] - 24, RED[1] - 24)
    async with asyncio.timeout(10):  # four corners around the object, a little outside of it
        while not await marked_near(tab, corner, object_colour(red)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await tab.click(BLUE[0] + 5, BLUE[1] - 5)
    await selected(tab, blue)
    assert tab.commands == []
    assert len((await server.status())["objects"]) == 2


async def marked_near(tab: Tab, place: tuple[float, float], colour: tuple[int, int, int]) -> bool:
    """Whether the page draws in this colour within a few pixels."""
    for dx in range(-14, 6, 2):
        for dy in range(-14, 6, 2):
            *drawn, alpha = await tab.page.evaluate(MARKED, (place[0] + dx, place[1] + dy))
            if alpha > 200 and np.abs(np.array(drawn) - colour).max() < 40:
                return True
    return False


async def test_double_click_makes_one_object(server: PageServer, tab: Tab) -> None:
    await tab.page.mouse.dblclick(*await tab.place(*BLUE))
    await tab.page.locator("#objects li").wait_for()
    # As fast as a hand can, and not as a double click: the second finds what the first has made.
    await tab.page.wait_for_timeout(500)
    await tab.click(*RED)
    await tab.page.wait_for_timeout(460)
    await tab.click(*RED)
    await expect(tab.page.locator("#objects li.selected")).to_have_count(1)
    assert [path for _, path, _ in tab.commands] == ["/streams/cam/objects"] * 2
    assert len((await server.status())["objects"]) == 2


async def test_box_around_a_followed_object_selects_it(server: PageServer, tab: Tab) -> None:
    red = await server.follow("red")
    await tab.row(red)
    await tab.drag((RED[0] - 25, RED[1] - 25), (RED[0] + 25, RED[1] + 25))
    await selected(tab, red)
    await expect(tab.page.locator("#notice")).to_have_text(
        f"Object {red} is followed there already: it is selected now"
    )
    assert len((await server.status())["objects"]) == 1


async def test_click_on_empty_ground_says_so_and_leaves_nothing(server: PageServer, tab: Tab) -> None:
    for count in ("", "×2"):
        await tab.click(*EMPTY)
        await tab.page.get_by_role("alert").get_by_text("Nothing was found there").wait_for()
        entry = tab.page.get_by_role("log").locator("li")
        await expect(entry).to_have_count(1)
        await expect(entry).to_contain_text(f"around it{count}")
        await tab.page.wait_for_timeout(500)
    assert (await server.status())["objects"] == []
    await expect(tab.page.locator("#objects li")).to_have_count(0)


async def test_selected_object_takes_points_and_their_opposite(server: PageServer, tab: Tab) -> None:
    red = await server.follow("red")
    await (await tab.row(red)).locator(".pick").click()
    await tab.click(RED[0] + 9, RED[1])
    await tab.asked(1)
    await tab.click(*EMPTY, shift=True)
    await tab.asked(2)
    await tab.page.locator("#mode-positive").focus()
    await tab.page.keyboard.press("ArrowRight")
    await expect(tab.page.locator("#mode-negative")).to_be_checked()
    await tab.click(EMPTY[0], EMPTY[1] + 10)
    await tab.asked(3)
    await tab.page.keyboard.press("x")
    await tab.page.keyboard.press("Escape")
    await tab.drag((BLUE[0] + 28, BLUE[1] + 28), (BLUE[0] - 28, BLUE[1] - 28))
    requests = await tab.asked(4)
    await expect(tab.page.locator("#objects li")).to_have_count(2)
    prompts = f"/streams/cam/objects/{red}/prompts"
    assert [path for _, path, _ in requests] == [prompts] * 3 + ["/streams/cam/objects"]
    assert [body.get("labels") for _, _, body in requests] == [[1], [0], [0], None]
    box = [BLUE[0] - 28, BLUE[1] - 28, BLUE[0] + 28, BLUE[1] + 28]
    assert np.abs(np.array(requests[3][2]["box"]) - box).max() < 0.6
    assert all(isinstance(body["at_frame"], int) for _, _, body in requests)


async def test_objects_can_be_named_and_removed_and_the_last_step_taken_back(
    server: PageServer, tab: Tab
) -> None:
    red = await server.follow("red", "cup")
    label = (await tab.row(red)).locator(".label")
    long = "player 7 of the home team, who came in after the break"
    await label.fill(long)
    await label.press("Enter")
    await tab.asked(1)
    await expect(label).to_have_attribute("title", long)
    await tab.page.keyboard.press("Control+z")
    await expect(label).to_have_value("cup")
    await tab.click(*BLUE)
    await expect(tab.page.locator("#objects li")).to_have_count(2)
    await tab.page.keyboard.press("Control+z")
    await expect(tab.page.locator("#objects li")).to_have_count(1)
    await (await tab.row(red)).locator(".remove").click()
    await expect(tab.page.locator("#objects li")).to_have_count(0)
    blue = f"/streams/cam/objects/{red + 1}"
    assert [(method, path) for method, path, _ in tab.commands] == [
        ("PATCH", f"/streams/cam/objects/{red}"),
        ("PATCH", f"/streams/cam/objects/{red}"),
        ("POST", "/streams/cam/objects"),
        ("POST", f"{blue}/undo"),
        ("DELETE", f"/streams/cam/objects/{red}"),
    ]


async def test_all_objects_are_removed_once_that_is_confirmed(server: PageServer, tab: Tab) -> None:
    await server.follow("red")
    await server.follow("blue")
    await tab.page.click("#remove-all")
    await tab.page.get_by_role("heading", name="Stop following all 2 objects?").wait_for()
    await tab.page.keyboard.press("Escape")
    assert tab.commands == []
    await tab.page.click("#remove-all")
    await tab.page.locator("#remove-dialog .danger").click()
    await expect(tab.page.locator("#objects li")).to_have_count(0)
    await expect(tab.page.locator("#remove-all")).to_be_hidden()


async def test_keyboard_alone_points_selects_and_removes(server: PageServer, tab: Tab) -> None:
    await tab.page.focus("#stage")
    x, y = await tab.place(WIDTH / 2, HEIGHT / 2)
    goal_x, goal_y = await tab.place(*BLUE)
    for _ in range(round((goal_x - x) / 10)):
        await tab.page.keyboard.press("ArrowRight")
    for _ in range(round((y - goal_y) / 10)):
        await tab.page.keyboard.press("ArrowUp")
    await tab.page.keyboard.press("Enter")
    await tab.page.locator("#objects li").wait_for()
    await tab.page.keyboard.press("1")
    await tab.page.keyboard.press("Shift+Enter")
    await tab.asked(2)
    await tab.page.keyboard.press("Backspace")
    requests = await tab.asked(3)
    object_path = requests[2][1]
    assert [(method, path) for method, path, _ in requests] == [
        ("POST", "/streams/cam/objects"),
        ("POST", f"{object_path}/prompts"),
        ("DELETE", object_path),
    ]
    assert np.abs(np.array(requests[0][2]["points"]) - [BLUE]).max() < 3
    assert requests[1][2]["labels"] == [0]


async def test_refused_clicks_are_told_in_a_persons_words(server: PageServer, tab: Tab) -> None:
    notice = tab.page.locator("#notice")
    await tab.click(*RED, shift=True)
    await expect(notice).to_have_text("Select an object first: excluding needs one to take from")

    async def fill(route: Route) -> None:
        error = {"error": "object 17: 16 objects are followed, expected fewer than max_objects (16)"}
        await route.fulfill(status=503, json={**error, "kind": "capacity"})

    red = await server.follow("red")
    await tab.row(red)
    await tab.page.route("**/streams/cam/objects", fill)
    await tab.click(*BLUE)
    await expect(notice).to_have_text("Every place for an object is taken (1). Remove one first")


async def test_touch_adds_an_object(server: PageServer, chromium: Browsers) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    async with chromium.opened(server, **phone) as tab:
        await tab.live()
        await expect(tab.page.locator("#hint")).to_contain_text("Tap an object")
        await tab.page.touchscreen.tap(*await tab.place(*RED))
        _, path, body = (await tab.asked(1))[0]
    assert path == "/streams/cam/objects"
    assert np.abs(np.array(body["points"]) - [RED]).max() < 1.3  # a CSS pixel is 0.8 of the frame's
