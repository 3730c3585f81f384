"""The timeline page in a browser: recordings play with their masks in step, from event to event; clips."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from streamtrack.config import ArchiveConfig, RecordingConfig
from streamtrack.frame import Event, EventKind
from streamtrack.history.event_log import EventLog
from streamtrack.history.kept_event import NewEvent
from streamtrack.recording.film_shape import read_shape
from streamtrack.recording.library import Library
from streamtrack.recording.names import recording_name
from streamtrack.recording.shelf import Shelf
from streamtrack.server import Server
from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.films import FPS, Recorded, record_source, write_clip
from tests.support.killed import killed_recordings
from tests.support.page_look import violations
from tests.support.pipelines import stream_config
from tests.support.servers import server_config, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

FRAMES = 150
SHOWN = """() => {
const film = document.getElementById("film");
const drawn = document.getElementById("drawn");
const sides = (canvas, is) => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [left, right] = [width, -1];
  for (let at = 0; at < width * height; at++) {
    if (Math.floor(at / width) < 40 || !is(data.subarray(4 * at, 4 * at + 4))) continue;
    left = Math.min(left, at % width);
    right = Math.max(right, at % width);
  }
  return [left, right];
};
const copy = new OffscreenCanvas(film.videoWidth, film.videoHeight);
copy.getContext("2d").drawImage(film, 0, 0);
return {
  at: film.currentTime,
  frame: drawn.dataset.frame,
  square: sides(copy, ([red, green]) => red > 150 && green < 110),
  mask: sides(drawn, ([, , , alpha]) => alpha > 90),
};
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Six seconds in two recordings, with an event in each."""
    folder = tmp_path_factory.mktemp("archive")
    clip = write_clip(tmp_path_factory.mktemp("clip") / "b.mp4", FRAMES, b_frames=2)
    found = record_source(folder, str(clip), RecordingConfig(mode="continuous", segment_s=3))
    # The clip was read faster than it plays: the second recording begins where the first one ends.
    first, second = found.all()
    for path in found.shelf.folder.rglob(f"{second.name}.*"):
        path.rename(path.with_name(path.name.replace(second.name, recording_name("cam", first.ended_ms))))
    found.shelf = Shelf(ArchiveConfig(folder=folder, min_free_gb=0))
    found.library = Library(found.shelf)
    log = EventLog(ArchiveConfig(folder=folder))
    for one in found.all():
        crossed = Event(EventKind.CROSSED, 7, 1, {"rule": "gate", "direction": "in"})
        log.add([NewEvent(one.begun_ms + 2_000, "cam", crossed, "person", "ann")])
    log.close()
    return found


@pytest.fixture(scope="module")
def server(recorded: Recorded) -> Any:
    archive = ArchiveConfig(folder=recorded.shelf.folder.parent, min_free_gb=0)
    with serving(server_config(stream_config(name="cam", autoprompt=None), archive=archive)) as running:
        yield Address(running)


class Address:
    def __init__(self, server: Server) -> None:
        self.url = server.http_address


async def opened_at(tab: Tab, recorded: Recorded, number: int, seconds: float) -> None:
    """Show a moment of a recording, by the address."""
    ms = recorded.all()[number].begun_ms + round(seconds * 1000)
    await tab.page.evaluate(f"location.hash = 'stream=cam&t={ms}'")
    await tab.page.reload()
    await tab.page.wait_for_function("document.getElementById('film').readyState >= 2")
    await tab.page.wait_for_function("document.getElementById('drawn').dataset.frame")


async def test_masks_are_drawn_in_step_with_the_picture(
    server: Address, recorded: Recorded, chromium: Browsers
) -> None:
    async with chromium.opened(server, "/timeline", bypass_csp=True) as tab:
        for number, seconds in ((0, 0.5), (0, 2.3), (1, 1.1)):
            await opened_at(tab, recorded, number, seconds)
            for _ in range(3):
                shown = await tab.page.evaluate(SHOWN)
                # The clip's numbers go on over both recordings.
                frame = int(shown["frame"])
                assert abs(frame - (75 * number + (shown["at"] - 2 / FPS) * FPS)) <= 1, shown
                assert shown["mask"] == pytest.approx(shown["square"], abs=4), shown
                await tab.page.keyboard.press(".")
                await tab.page.wait_for_function(
                    f"document.getElementById('drawn').dataset.frame == {frame + 1}"
                )


async def test_film_goes_on_with_the_next_recording(
    server: Address, recorded: Recorded, chromium: Browsers
) -> None:
    async with chromium.opened(server, "/timeline", bypass_csp=True) as tab:
        await opened_at(tab, recorded, 0, 2.5)
        await tab.page.keyboard.press(" ")
        name = recorded.all()[1].name
        await tab.page.wait_for_function(f"document.getElementById('film').src.includes('{name}')")
        await tab.page.wait_for_function("Number(document.getElementById('drawn').dataset.frame) > 80")


async def test_events_are_jumped_to_by_keys_and_by_the_list(
    server: Address, recorded: Recorded, chromium: Browsers
) -> None:
    async with chromium.opened(server, "/timeline", bypass_csp=True) as tab:
        rows = tab.page.locator("#events .jump")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text("1 ann")
        await expect(tab.page.locator(".track b")).to_have_count(2)
        await rows.last.click()
        await tab.page.wait_for_function("document.getElementById('film').src.includes('clean.mp4')")
        await expect(tab.page.locator(".row.chosen")).to_have_count(1)
        await tab.page.fill("#f-label", "nobody")
        await tab.page.keyboard.press("Enter")
        await expect(rows).to_have_count(0)
        await expect(tab.page.locator("#no-events")).to_be_visible()


async def test_clip_is_cut_by_keyboard_alone(server: Address, recorded: Recorded, chromium: Browsers) -> None:
    async with chromium.opened(server, "/timeline", bypass_csp=True) as tab:
        await opened_at(tab, recorded, 0, 1.5)
        await tab.page.keyboard.press("i")
        await tab.page.keyboard.press("ArrowRight")
        await tab.page.wait_for_function("document.getElementById('film').currentTime > 2.4")
        await tab.page.keyboard.press("o")
        await tab.page.keyboard.press("e")
        links = tab.page.locator("#made a")
        await expect(links).to_have_count(2)
        async with tab.page.expect_download() as waiting:
            await links.last.click()
        lines = saved_lines(await (await waiting.value).path())
        assert json.loads(lines[0])["streamtrack"] == "masks"
        assert len(lines) > FPS / 2


def saved_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("look", ["dark", "light", "phone"])
async def test_page_has_nothing_that_axe_finds_and_fits_the_screen(
    server: Address, recorded: Recorded, chromium: Browsers, look: str
) -> None:
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 800}
    scheme = "light" if look == "light" else "dark"
    async with chromium.opened(
        server, "/timeline", bypass_csp=True, viewport=size, color_scheme=scheme
    ) as tab:
        await opened_at(tab, recorded, 0, 1)
        await expect(tab.page.locator("#events .jump")).to_have_count(2)
        assert await violations(tab, 15) == []
        wide = await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The newest film with a fragment of each killed process, and the one before."""
    clip = write_clip(tmp_path_factory.mktemp("clip") / "b.mp4", 100, b_frames=2)
    folders = killed_recordings(tmp_path_factory.mktemp("killed"), clip)
    films = [sorted(folder.rglob("*.clean.mp4"))[-2:] for folder in folders]
    return [film for found in films for film in found if read_shape(film).num_fragments]


async def test_films_killed_at_random_moments_play_in_chromium_to_their_last_fragment(
    chromium: Browsers, server: Address, killed: list[Path]
) -> None:
    assert len(killed) >= 5
    async with chromium.opened(server, "/timeline") as tab:
        for film in killed:
            shape = read_shape(film)
            await tab.page.goto(film.as_uri())
            ended = await tab.page.evaluate(
                """() => new Promise((resolve) => {
                  const film = document.querySelector("video");
                  film.muted = true;
                  film.playbackRate = 8;
                  film.onended = () => resolve(film.currentTime);
                  film.onerror = () => resolve(film.error.message);
                  film.play();
                })"""
            )
            assert ended == pytest.approx(shape.duration_s, abs=4 / FPS), film
