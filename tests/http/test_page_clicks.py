"""Clicks on what moves, seen late: each starts the object that was under the pointer on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route

from streamtrack.frame import Update
from tests.support.browser_tab import Browsers, Tab, browsers, decode_png
from tests.support.moving_camera import DISCS, RADIUS, moving_scene, place_of
from tests.support.page_server import PageServer, serving
from tests.support.video import read_code, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

LATE_MS = 150
MOST_CLICKS = 5
"""Times as many as are to be late."""
# Presses on a colour in the picture on the screen, while that picture is there; the picture, and where.
PRESS_ON = """([red, green, blue]) => new Promise((resolve) => {
  const video = document.getElementById("video");
  const stage = document.getElementById("stage");
  video.requestVideoFrameCallback(() => {
    const canvas = document.createElement("canvas");
    const [width, height] = [video.videoWidth, video.videoHeight];
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.drawImage(video, 0, 0);
    const { data } = pen.getImageData(0, 0, width, height);
    let [x, y, count] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      const far = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
      if (far > 75) continue;
      x += (at / 4) % width;
      y += Math.floor(at / 4 / width);
      count += 1;
    }
    const box = video.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    const clientX = box.left + (box.width - width * scale) / 2 + (x / count) * scale;
    const clientY = box.top + (box.height - height * scale) / 2 + (y / count) * scale;
    const pointer = { clientX, clientY, button: 0, pointerId: 1, pointerType: "mouse", bubbles: true };
    for (const kind of ["pointerdown", "pointerup"]) stage.dispatchEvent(new PointerEvent(kind, pointer));
    resolve(canvas.toDataURL("image/png"));
  });
})"""


@dataclass
class Seen:
    """A consumer that reads which picture of the camera each frame is."""

    newest: tuple[int, int] = (-1, 0)
    """Number and capture time of the newest tracked picture."""
    captured_ns: dict[int, int] = field(default_factory=dict)
    """By picture's number."""
    name: str = "seen"

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        frame = update.result.frame
        number = read_code(frame.image)
        self.captured_ns[number] = frame.capture_monotonic_ns
        if frame.capture_monotonic_ns > self.newest[1]:
            self.newest = (number, frame.capture_monotonic_ns)

    def close(self) -> None:
        pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[PageServer]:
    async with serving("cam", fps=10, draw=moving_scene) as shared:
        yield shared


def under(number: int, x: float, y: float) -> str | None:
    """The disc at a pixel of a picture; None where there is none."""
    for name in DISCS:
        at = place_of(name, number)
        if (at[0] - x) ** 2 + (at[1] - y) ** 2 <= RADIUS**2:
            return name
    return None


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.slow)], ids=["few", "twenty"])
async def test_every_click_starts_what_was_under_the_pointer(
    count: int, server: PageServer, chromium: Browsers
) -> None:
    async def late(route: Route) -> None:
        """The browser shows every picture half a second later: six of the camera's pictures, 72 px."""
        answer = await route.fetch()
        script, at_once = await answer.text(), "jitterBufferTarget = 0"
        assert at_once in script
        await route.fulfill(response=answer, body=script.replace(at_once, "jitterBufferTarget = 500"))

    seen = Seen(name=f"seen-{count}")
    server.attach(seen)
    async with chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.route("**/whep.js", late)
        await tab.page.goto(server.url)
        await tab.live()
        await tab.page.mouse.move(200, 200)  # a pointer that is there can be captured
        await tab.page.wait_for_timeout(3000)  # the buffer reaches its length
        clicks, started, newest_hits = 0, 0, 0
        behind_ms: list[float] = []
        # The test shows something only where the picture is late: those clicks miss on the newest frame.
        # Where the machine is so busy that tracking is as late, it is clicked once more.
        while len(behind_ms) < count and clicks < MOST_CLICKS * count:
            wanted = tuple(DISCS)[clicks % len(DISCS)]
            right, newest_right, late_ms = await click_on(wanted, tab, server, seen)
            clicks += 1
            started += right
            if late_ms > LATE_MS:
                newest_hits += newest_right
                behind_ms.append(late_ms)
    print(f"{started} of {clicks} started, {newest_hits} on the newest frame, {sorted(behind_ms)} ms behind")
    assert started == clicks
    assert len(behind_ms) == count
    assert newest_hits < (count if count < 10 else count / 2)


async def click_on(wanted: str, tab: Tab, server: PageServer, seen: Seen) -> tuple[bool, bool, float]:
    """Click a disc where it is on the screen; whether that one was started, whether the same click on the
    newest frame would have been on it, and how late the screen was in milliseconds."""
    asked = len(tab.commands)
    pressed = await tab.page.evaluate(PRESS_ON, DISCS[wanted].colour)
    newest = seen.newest
    await until(lambda: len(tab.commands) > asked, 10)
    _, path, body = tab.commands[asked]
    assert path == "/streams/cam/objects"
    (x, y), number = body["points"][0], read_code(decode_png(pressed))
    expected = under(number, x, y)
    assert expected == wanted, "the pointer was not on the disc"
    object_id = await only_object(server)
    async with server.api() as api:
        found = (await api.get(f"/streams/cam/objects/{object_id}/candidates")).json()
        await api.delete(f"/streams/cam/objects/{object_id}")
    x0, y0, x1, y1 = next(one["box"] for one in found if one["chosen"])  # on the frame of the click
    right = under(number, (x0 + x1) / 2, (y0 + y1) / 2) == expected and x1 - x0 < 3 * RADIUS
    await tab.page.keyboard.press("Escape")
    late_ms = (newest[1] - seen.captured_ns[number]) / 1e6
    return right, under(newest[0], x, y) == expected, late_ms


async def only_object(server: PageServer) -> int:
    async with asyncio.timeout(20):
        while True:
            objects: list[dict[str, Any]] = (await server.status())["objects"]
            if objects:
                return int(objects[-1]["object_id"])
            await asyncio.sleep(0.05)
