"""Take the tutorial's pictures: each is what its command wrote, or the page that it opened.

    python docs/make_tutorial.py docs/tutorial

Needs Chromium and the `dev` extra. The film is one of streamtrack's own scenes, drawn by arithmetic.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import Page, sync_playwright

from streamtrack.ingest import make_scene
from streamtrack.ingest.scene_file import write_scene

TUTORIAL = Path(__file__).with_name("tutorial.md")
SCENE = "demo?width=640&height=360&fps=25"
FRAMES = 64
COMMAND = "streamtrack track film.mp4"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CAR, BALL = (411, 265), (51, 282)
"""Pixels on the car on frame 0 and on the ball on frame 60."""
PICTURES = {
    "one": ("one/overlay/00000.png", 640),
    "panels": ("three/panels/00060.png", 1280),
    "sheet": ("three/contact_sheet.png", 960),
}
"""What of the commands' results is shown, and how wide."""
JPEG_QUALITY = 84
WAIT_MS = 60_000


def main() -> None:
    """Make the film, run the tutorial's commands in a folder of their own, keep the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_scene(make_scene(SCENE), work / "film.mp4", FRAMES)
        for command in tutorial_commands():
            if "--pick" in command:
                take_page(command, work, folder / "pick.jpg")
            else:
                subprocess.run(command, cwd=work, check=True)
        for picture, (path, width) in PICTURES.items():
            keep(work / path, folder / f"{picture}.jpg", width)


def tutorial_commands() -> list[list[str]]:
    """The commands of the tutorial, in their order, to be run by this Python."""
    blocks = TUTORIAL.read_text(encoding="utf-8").split("```sh\n")[1:]
    lines = [line for block in blocks for line in block.partition("```")[0].splitlines()]
    return [
        [sys.executable, "-m", "streamtrack.cli.main", *shlex.split(line)[1:]]
        for line in lines
        if line.startswith(COMMAND)
    ]


def take_page(command: list[str], work: Path, path: Path) -> None:
    """Click two objects on two frames of the page, and take its picture."""
    browser_path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser_path is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    with subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        address = served.stdout.readline().removeprefix("pick at ").strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 760}, color_scheme="dark")
            page.goto(address)
            page.wait_for_selector("#stage[data-frame='0']", timeout=WAIT_MS)
            click(page, CAR)
            page.wait_for_selector("#stage[data-masks='0:1']", timeout=WAIT_MS)
            page.locator("#objects .label").fill("car")
            page.locator("#new").click()
            page.locator("#slider").fill("60")
            page.wait_for_selector("#stage[data-frame='60']", timeout=WAIT_MS)
            click(page, BALL)
            page.wait_for_selector("#stage[data-masks^='60:']:not([data-busy])", timeout=WAIT_MS)
            page.screenshot(path=path.with_suffix(".png"))
            browser.close()
        served.terminate()
    keep(path.with_suffix(".png"), path, 1280)
    path.with_suffix(".png").unlink()


def click(page: Page, place: tuple[int, int]) -> None:
    """Click a pixel of the film."""
    box = page.locator("#stage").bounding_box()
    assert box is not None
    scale = min(box["width"] / 640, box["height"] / 360)
    left = box["x"] + (box["width"] - 640 * scale) / 2
    top = box["y"] + (box["height"] - 360 * scale) / 2
    page.mouse.click(left + place[0] * scale, top + place[1] * scale)


def keep(source: Path, target: Path, width: int) -> None:
    """A picture as a JPEG of at most that width."""
    picture = cv2.imread(str(source))
    assert picture is not None, source
    scale = min(1.0, width / picture.shape[1])
    scaled = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target), scaled, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))


if __name__ == "__main__":
    main()
