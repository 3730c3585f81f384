"""The page in headless Chromium, and what it did there."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np
from playwright.async_api import Browser, Page, Playwright, async_playwright

from streamtrack.frame import Image
from tests.support.image_files import decode_image
from tests.support.video import HEIGHT, WIDTH, until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WHEP = re.compile(r"/whep(\?.*)?$")
"""Addresses that offers are posted to."""
LOOPBACK = ("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns")

# The next picture that the page presents and its RTP timestamp: from one callback, so of one frame. PNG
# loses nothing.
GRAB = """
() => new Promise((resolve) => {
  const video = document.getElementById("video");
  video.requestVideoFrameCallback((now, metadata) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    resolve([canvas.toDataURL("image/png"), metadata.rtpTimestamp]);
  });
})
"""


def decode_png(address: str) -> Image:
    """(H, W, 3) uint8 RGB of a data: address."""
    return decode_image(base64.b64decode(address.partition(",")[2]), cv2.IMREAD_COLOR_RGB)


class HasUrl(Protocol):
    """Whatever serves the page."""

    url: str


class Tab:
    """The page in a browser, and what it did."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.commands: list[tuple[str, str, Any]] = []
        """Method, path and body of what the page asked to be done to a stream, oldest first."""
        self.sessions: list[str] = []
        self.addresses: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._on_request)
        page.on("console", self._on_console)
        page.on("response", self._on_response)

    def _on_console(self, message: Any) -> None:
        # Chromium logs every answer above 399 by itself; those the tests ask for on purpose.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)

    def _on_request(self, request: Any) -> None:
        self.addresses.append(request.url)
        path = urlsplit(request.url).path
        if request.method != "GET" and path.startswith("/streams/") and not path.endswith("/whep"):
            body = json.loads(request.post_data) if request.post_data else None
            self.commands.append((request.method, path, body))

    def _on_response(self, response: Any) -> None:
        if urlsplit(response.url).path.endswith("/whep") and response.status == 201:
            self.sessions.append(response.headers["location"])

    async def live(self) -> None:
        await self.page.wait_for_selector("#link[data-state=live]", timeout=20_000)

    async def grab(self) -> tuple[np.ndarray, int]:
        """The picture on the screen, (H, W, 3) uint8, and its RTP timestamp."""
        address, rtp_timestamp = await self.page.evaluate(GRAB)
        return decode_png(address), rtp_timestamp

    async def place(self, x: float, y: float) -> tuple[float, float]:
        """Client coordinates of a pixel of the frame."""
        box = await self.page.locator("#stage").bounding_box()
        assert box is not None
        scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
        left = box["x"] + (box["width"] - WIDTH * scale) / 2
        top = box["y"] + (box["height"] - HEIGHT * scale) / 2
        return left + x * scale, top + y * scale

    async def click(self, x: float, y: float, *, shift: bool = False) -> None:
        """Click a pixel of the frame."""
        if shift:
            await self.page.keyboard.down("Shift")
        await self.page.mouse.click(*await self.place(x, y))
        if shift:
            await self.page.keyboard.up("Shift")

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a box between two pixels of the frame."""
        await self.page.mouse.move(*await self.place(*start))
        await self.page.mouse.down()
        await self.page.mouse.move(*await self.place(*end), steps=6)
        await self.page.mouse.up()

    async def asked(self, count: int) -> list[tuple[str, str, Any]]:
        """What the page asked to be done, once it is `count` requests."""
        await until(lambda: len(self.commands) >= count)
        assert len(self.commands) == count
        return self.commands

    async def row(self, object_id: int) -> Any:
        row = self.page.locator(f"#objects li[data-id='{object_id}']")
        await row.wait_for(timeout=10_000)
        return row


class Browsers:
    """One Chromium for each set of switches, started when it is first asked for.

    Each tab has a profile of its own, so that tests share the start and nothing else.
    """

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._started: dict[tuple[str, ...], Browser] = {}

    @asynccontextmanager
    async def opened(
        self,
        server: HasUrl,
        path: str = "/",
        arguments: tuple[str, ...] = LOOPBACK,
        *,
        past: bool = False,
        **context: Any,
    ) -> AsyncIterator[Tab]:
        """A tab with the page, in which nothing may go wrong unseen.

        Args:
            past: whether the page is told what happened before, to the test before for example.
        """
        if arguments not in self._started:
            self._started[arguments] = await self._playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
            )
        settings = {"viewport": {"width": 900, "height": 560}, **context}
        profile = await self._started[arguments].new_context(**settings)
        try:
            page = await profile.new_page()
            tab = Tab(page)
            if not past:
                await page.route("**/streams/*/events", lambda route: route.fulfill(json=[]))
            await page.goto(server.url + path)
            yield tab
            assert tab.faults == []
        finally:
            await profile.close()

    async def close(self) -> None:
        for browser in self._started.values():
            await browser.close()


@asynccontextmanager
async def browsers() -> AsyncIterator[Browsers]:
    """Closed together at the end."""
    async with async_playwright() as playwright:
        shared = Browsers(playwright)
        try:
            yield shared
        finally:
            await shared.close()
