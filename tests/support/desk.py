"""An operator's desk: the product's process, a camera that shows who leaves, what is seen, and keys."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import yaml
from playwright.async_api import Page, ViewportSize

from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.scene import Scene, innermost_point, parse_scene_name
from tests.support.browser_tab import Tab
from tests.support.page_look import violations
from tests.support.process import streamtrack
from tests.support.rtsp import RtspServer, free_port
from tests.support.video import WIDTH
from tests.support.waiting import wait_until

FPS = 8
FINE = 16
"""Pictures of the scene for each one of the film: what is slow moves evenly."""
SCENE = f"leave?width=640&height=384&fps={FPS * FINE}"
STAYS_S, ROLLS_S, AWAY_S = 22, 6, 6
FILM_S = STAYS_S + 2 * ROLLS_S + AWAY_S
STAYS_AT_S, AWAY_AT_S = 1.8, 3.9
"""Times of the scene at which both balls lie on the lawn, and at which the football is out of the picture."""
GOES, STAYS = 1, 2
PX = 640 / WIDTH
"""Of the camera's pixels to those of `Tab.click`."""
SOON_MS = 60_000
"""What a server on a busy machine needs to start and to see its camera."""
ROUND_MS = 1000 * FILM_S + SOON_MS
"""The film is over once: whatever happens in it has happened."""
LIFE_S = 380.0
PICTURES = os.environ.get("STREAMTRACK_DESK_PICTURES")
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


class SlowLeave(Scene):
    """The football lies for a while, rolls out, stays away and comes back; in a loop it never jumps."""

    def render(self, index: int) -> tuple[Image, dict[int, BoolMask]]:
        """The scene at the moment that a frame of the film stands for."""
        changes = np.cumsum((0, STAYS_S, ROLLS_S, AWAY_S, ROLLS_S))
        moments = (STAYS_AT_S, STAYS_AT_S, AWAY_AT_S, AWAY_AT_S, STAYS_AT_S)
        return super().render(round(float(np.interp(index / FPS, changes, moments)) * self.fps))


class Desk:
    """The server as an operator starts it, and the camera that it does not know yet."""

    def __init__(self, folder: Path, camera: RtspServer) -> None:
        self._folder, self.camera = folder, camera
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._image, masks = SlowLeave(parse_scene_name(SCENE)).render(0)
        self._places = {number: innermost_point(mask) for number, mask in masks.items()}
        archive = {"folder": str(folder / "kept"), "min_free_gb": 0}
        zmq = {"masks_address": "tcp://127.0.0.1:*", "control_address": None}
        settings = {"streams": [], "archive": archive, "zmq": zmq, "http": {"port": self._port}}
        (folder / "live.yaml").write_text(yaml.safe_dump(settings))
        self._running = ExitStack()

    def start(self) -> None:
        """Start it, or start it again; it listens when this returns."""
        config, state = str(self._folder / "live.yaml"), str(self._folder / "state")
        command = streamtrack("serve", config, "--state-dir", state, "--model", "nano")
        with open(self._folder / "said.txt", "a") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)
        self._running.callback(end, process)
        wait_until(self._answers, "the server to answer", SOON_MS / 1000)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/streams").is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As a power cut would; may be called again."""
        self._running.close()

    def place(self, ball: int) -> tuple[float, float]:
        """Where a ball lies, in the pixels of `Tab.click`."""
        x, y = self._places[ball]
        return x / PX, y / PX

    def yard(self) -> list[tuple[float, float]]:
        """Corners of a zone around where the football lies."""
        (x, y), far = self.place(GOES), 34
        return [(x - far, y - far), (x + far, y - far), (x + far, y + far), (x - far, y + far)]

    async def football_lies(self, tab: Tab) -> bool:
        """Whether the screen shows it where it lies."""
        shown, _ = await tab.grab()
        x, y = (round(value) for value in self._places[GOES])
        there = np.s_[y - 20 : y + 20, x - 20 : x + 20]
        return float(np.abs(shown[there].astype(int) - self._image[there]).mean()) < 16

    async def football_is_back(self, tab: Tab) -> None:
        """Wait until it has just come back, so that there is time."""
        for lies in (False, True):
            async with asyncio.timeout(ROUND_MS / 1000):
                while await self.football_lies(tab) != lies:
                    await tab.page.wait_for_timeout(100)


def end(process: subprocess.Popen[bytes]) -> None:
    """As a power cut would."""
    process.kill()
    process.wait(20)


class Look:
    """The page's pictures, taken step by step, and what axe says of each."""

    def __init__(self, tab: Tab, folder: Path, day: str) -> None:
        self._tab, self._folder, self._day = tab, Path(PICTURES or folder), day
        self._count = 0

    async def __call__(self, name: str, *, phone: bool = False, min_passes: int = 12) -> None:
        page = self._tab.page
        self._count += 1
        for size in (DESKTOP, PHONE) if phone else (DESKTOP,):
            await page.set_viewport_size(size)
            await page.wait_for_timeout(300)  # until it has been laid out and painted
            which = "phone" if size is PHONE else "desktop"
            path = self._folder / f"{self._day}-{self._count:02}-{name}-{which}.png"
            await page.screenshot(path=path, full_page=size is PHONE)
            assert await violations(self._tab, min_passes) == [], path.name
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path.name
        await page.set_viewport_size(DESKTOP)


class Keys:
    """Nothing but the keyboard."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.press = page.keyboard.press
        self.type = page.keyboard.type

    async def to(self, selector: str) -> None:
        """Tab until this has the focus."""
        for _ in range(120):
            if await self._page.evaluate("(one) => document.activeElement?.matches(one)", selector):
                return
            await self.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    async def do(self, selector: str) -> None:
        """Tab there, and Enter."""
        await self.to(selector)
        await self.press("Enter")

    async def move(self, place: tuple[float, float], goal: tuple[float, float]) -> None:
        """Move the cross over the picture, from client coordinates to others."""
        for start, stop, names in zip(place, goal, (("Left", "Right"), ("Up", "Down")), strict=True):
            way = round(stop - start)
            for step, held in ((50, "Control+"), (10, ""), (1, "Shift+")):
                count, rest = divmod(abs(way), step)
                for _ in range(count):
                    await self.press(f"{held}Arrow{names[way > 0]}")
                way = rest if way > 0 else -rest
