"""Cut-outs and overlays in a browser."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import async_playwright

from tests.support.browser_tab import ARGUMENTS, CHROMIUM
from tests.support.exports import BALL, export
from tests.support.recordings import update

# The picture at a time and two of its pixels: on the object, off it.
LOOK = """
async (address) => {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, src: address });
  await new Promise((done, failed) => {
    video.onloadeddata = done;
    video.onerror = () => failed(new Error(video.error.message));
  });
  await new Promise((done) => { video.onseeked = done; video.currentTime = 0.1; });
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  return [[140, 40], [280, 150]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
}
"""


@pytest.mark.browser
@pytest.mark.timeout(90)
async def test_browser_shows_the_overlay_and_sees_through_the_cut_out(tmp_path: Path) -> None:
    image = np.full((192, 320, 3), (200, 100, 50), np.uint8)
    updates = [update(index, image, [BALL]) for index in range(6)]
    seen = {}
    for name, file, kind in (("cutout", "cutout.webm", "webm"), ("overlay", "overlay.mp4", "mp4")):
        export(name, tmp_path / name, *updates)
        data = base64.b64encode((tmp_path / name / file).read_bytes()).decode("ascii")
        seen[name] = f"data:video/{kind};base64,{data}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await browser.new_page()
            cutout = await page.evaluate(LOOK, seen["cutout"])
            overlay = await page.evaluate(LOOK, seen["overlay"])
        finally:
            await browser.close()
    (red, green, blue, alpha), (*_, alpha_off) = cutout
    assert (alpha, alpha_off) == (255, 0)
    # A lossy codec and a browser's own conversion of colours.
    assert abs(red - 200) + abs(green - 100) + abs(blue - 50) < 30
    on, off = (np.array(pixel[:3], int) for pixel in overlay)
    assert np.abs(off - (200, 100, 50)).max() < 12
    assert np.abs(on - (200, 100, 50)).max() > 40, "tinted"
