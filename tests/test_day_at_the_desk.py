"""A day at the desk: a camera is added in the page, watched, recorded and looked back at, while the server
dies and comes back. Pictures of each step are kept where STREAMTRACK_DESK_PICTURES says."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import parse_scene_name
from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.desk import (
    DESKTOP,
    FILM_S,
    FPS,
    GOES,
    ROUND_MS,
    SCENE,
    SOON_MS,
    STAYS,
    Desk,
    Keys,
    Look,
    SlowLeave,
)
from tests.support.rtsp import RtspServer
from tests.support.video import HEIGHT, WIDTH

pytestmark = [
    pytest.mark.browser,
    pytest.mark.rtsp,
    pytest.mark.slow,
    pytest.mark.needs_program("ffprobe"),
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    film = tmp_path_factory.mktemp("film") / "lawn.mp4"
    write_scene(SlowLeave(parse_scene_name(SCENE)), film, FILM_S * FPS, keyframe_interval=FPS)
    with RtspServer([film], fps=FPS) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, camera: RtspServer) -> Iterator[Desk]:
    running = Desk(tmp_path, camera)
    try:
        running.start()
        yield running
    finally:
        running.kill()


def frames_of(film: Path) -> int:
    """Pictures that ffprobe decodes of a film."""
    asked = ("-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames")
    told = subprocess.run(
        ("ffprobe", *asked, "-of", "json", str(film)), capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stderr == ""
    return int(json.loads(told.stdout)["streams"][0]["nb_read_frames"])


async def live(tab: Tab) -> None:
    await tab.page.wait_for_selector("#link[data-state=live]", timeout=SOON_MS)


async def shows_recording(page: Page) -> None:
    """The timeline has a picture, with the masks of its frame."""
    await page.wait_for_function("document.getElementById('film').readyState >= 2", timeout=SOON_MS)
    # On a busy machine not every picture of the film was tracked: on to one that was.
    async with asyncio.timeout(SOON_MS / 1000):
        while not await page.evaluate("document.getElementById('drawn').dataset.frame"):
            await page.keyboard.press(".")
            await page.wait_for_timeout(300)


def told(tab: Tab, words: str) -> Locator:
    """A line of the page's events."""
    return tab.page.locator("#events li").filter(has_text=words).first


async def dies_and_comes_back(desk: Desk, tab: Tab, look: Look) -> None:
    """The page is left open meanwhile, and nobody touches it."""
    await asyncio.to_thread(desk.kill)
    await expect(tab.page.locator("#link")).not_to_have_attribute("data-state", "live", timeout=SOON_MS)
    await expect(tab.page.locator("#curtain-text")).to_have_text(
        "The server does not answer", timeout=SOON_MS
    )
    await look("server-away")
    await asyncio.to_thread(desk.start)
    await live(tab)
    await expect(tab.page).to_have_title("lawn · streamtrack")
    await expect(tab.page.locator("#rules li[data-rule=yard]")).to_be_visible()
    await expect(tab.page.locator("#curtain")).to_be_hidden()
    await look("server-back", phone=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_day_with_the_mouse(desk: Desk, chromium: Browsers, tmp_path: Path, scheme: str) -> None:
    async with chromium.opened(
        desk, past=True, bypass_csp=True, viewport=DESKTOP, color_scheme=scheme
    ) as tab:
        page, look = tab.page, Look(tab, tmp_path, f"mouse-{scheme}")
        await expect(page.locator("#curtain-text")).to_have_text("This server has no camera")
        await look("no-camera", phone=True)
        # A camera, tried first.
        await page.click("#cameras")
        await page.click("#camera-add")
        await page.fill("#camera-url", desk.camera.url)
        await page.click("#camera-test")
        await expect(page.locator("#camera-told")).to_contain_text("640 × 384", timeout=SOON_MS)
        await page.fill("#camera-name", "lawn")
        await page.select_option("#camera-records", "continuous")
        await look("camera", phone=True)
        await page.click("#camera-save")
        await live(tab)
        # A zone, and two objects with names.
        await page.click("#draw-zone")
        for corner in desk.yard():
            await tab.click(*corner)
        await look("drawing")
        await page.click("#draw-done")
        await page.fill("#rule-name", "yard")
        await page.click("#rule-dialog button[value=save]")
        await desk.football_is_back(tab)
        for number, (ball, name) in enumerate(((GOES, "Ann"), (STAYS, "Bob")), start=1):
            await tab.click(*desk.place(ball))
            label = page.locator(f"#objects li:nth-child({number}) .label")
            await label.fill(name, timeout=SOON_MS)
            await label.press("Enter")
        await expect(page.locator("#objects li")).to_have_count(2)
        await look("two-objects", phone=True)
        # One leaves: the event leads to what was recorded of it.
        left = told(tab, "Ann left yard")
        await left.wait_for(timeout=ROUND_MS)
        await look("left", phone=True)
        await left.locator(".moment").click()
        await shows_recording(page)
        await page.click("#clip-from")
        await page.click("#play")
        await page.wait_for_function("document.getElementById('film').currentTime > 3", timeout=SOON_MS)
        await page.click("#play")
        await page.click("#clip-to")
        await page.click("#cut")
        await expect(page.locator("#made a")).to_have_count(2, timeout=SOON_MS)
        await look("timeline", phone=True)
        async with page.expect_download() as waiting:
            await page.locator("#made a").first.click()
        await (await waiting.value).save_as(tmp_path / "clip.mp4")
        assert frames_of(tmp_path / "clip.mp4") >= FPS
        # The page anew, and the server.
        await page.click("header a[href='/']")
        await live(tab)
        await page.reload()
        await live(tab)
        await told(tab, "Ann left yard").wait_for(timeout=SOON_MS)
        await expect(page.locator("#objects li")).to_have_count(2)
        await dies_and_comes_back(desk, tab, look)


async def middle_of_stage(tab: Tab) -> tuple[float, float]:
    """Where the cross begins, in client coordinates."""
    return await tab.place(WIDTH / 2, HEIGHT / 2)


async def test_day_with_the_keyboard_alone(desk: Desk, chromium: Browsers, tmp_path: Path) -> None:
    async with chromium.opened(
        desk, past=True, bypass_csp=True, viewport=DESKTOP, color_scheme="dark"
    ) as tab:
        page, look, keys = tab.page, Look(tab, tmp_path, "keys"), Keys(tab.page)
        await expect(page.locator("#curtain-text")).to_have_text("This server has no camera")
        # Every key, over a page that has nothing to do it to.
        for key in (*"xcomkzldfs,.v+-0anwg1fx", "Space", "Delete", "PageUp", "Control+z", "Escape"):
            await keys.press(key)
        await keys.do("#cameras")
        await keys.do("#camera-add")
        await keys.to("#camera-url")
        await keys.type(desk.camera.url)
        await keys.do("#camera-test")
        await expect(page.locator("#camera-told")).to_contain_text("640 × 384", timeout=SOON_MS)
        await keys.press("Shift+Tab")
        await keys.to("#camera-name")
        await keys.press("Control+a")
        await keys.type("lawn")
        await keys.to("#camera-records")
        await keys.press("ArrowDown")
        await look("camera")
        await keys.do("#camera-save")
        await live(tab)
        # A zone: the stage has the focus while it is drawn.
        await keys.press("z")
        at = await middle_of_stage(tab)
        for corner in desk.yard():
            goal = await tab.place(*corner)
            await keys.move(at, goal)
            at = goal
            await keys.press("Enter")
        await look("drawing")
        await keys.press("d")
        await expect(page.locator("#rule-dialog")).to_be_visible()
        await keys.type("yard")
        await keys.press("Enter")
        await expect(page.locator("#rules li[data-rule=yard]")).to_be_visible()
        # Two objects with names.
        await desk.football_is_back(tab)
        for number, (ball, name) in enumerate(((GOES, "Ann"), (STAYS, "Bob")), start=1):
            await keys.to("#stage")
            await keys.move(await middle_of_stage(tab), await tab.place(*desk.place(ball)))
            await keys.press("Enter")
            await page.locator(f"#objects li:nth-child({number})").wait_for(timeout=SOON_MS)
            await keys.press(str(number))
            await keys.press("n")
            await keys.type(name)
            await keys.press("Enter")
            await keys.press("Escape")
            await expect(page.locator("#objects li.selected")).to_have_count(0)
        await look("two-objects")
        left = told(tab, "Ann left yard")
        await left.wait_for(timeout=ROUND_MS)
        href = await left.locator(".moment").get_attribute("href")
        await look("left")
        await keys.do(f'.moment[href="{href}"]')
        await shows_recording(page)
        await keys.press("i")
        for second in (1, 2, 3):
            await keys.press("ArrowRight")
            await page.wait_for_function(f"document.getElementById('film').currentTime > {second}")
        await keys.press("o")
        await keys.press("e")
        await expect(page.locator("#made a")).to_have_count(2, timeout=SOON_MS)
        await look("timeline")
        await keys.to("#made a")
        async with page.expect_download() as waiting:
            await keys.press("Enter")
        await (await waiting.value).save_as(tmp_path / "clip.mp4")
        assert frames_of(tmp_path / "clip.mp4") >= FPS
        await keys.do("header a[href='/']")
        await live(tab)
        await page.reload()
        await live(tab)
        await dies_and_comes_back(desk, tab, look)
        # The camera goes.
        await keys.do("#cameras")
        await keys.do("#camera-list .remove")
        await keys.do("#camera-remove-dialog .danger")
        await expect(page.locator("#camera-list li")).to_have_count(0, timeout=SOON_MS)
        await keys.press("Escape")
        words = "There is no stream lawn on this server"
        await expect(page.locator("#curtain-text")).to_have_text(words, timeout=SOON_MS)
        await look("camera-gone")
