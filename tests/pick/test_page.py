"""The page of `track --pick` in a real browser: frames, prompts, previews, and the job."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect

from streamtrack.cli import main as cli
from streamtrack.config import SourceConfig
from streamtrack.frame import Image
from streamtrack.ingest import FilmReader, make_scene
from streamtrack.pick.run import Ended
from tests.support.browser_tab import Browsers, Tab, browsers, decode_png
from tests.support.page_look import violations
from tests.support.pick_page import PickPage, picking
from tests.support.recordings import FRAMES, SCENE_FILE, write_clip

# What the page shows, and which frame it says that is.
SHOWN = """() => {
  const canvas = document.getElementById("picture");
  return [canvas.toDataURL("image/png"), Number(document.getElementById("stage").dataset.frame)];
}"""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "light",
}
TARGET_PX = 44
LAST = 6
"""The last frame that is tracked: a prompt is on frame 5, and each frame takes its time."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "a clip.mp4")


@pytest.fixture
def page(clip: Path, tmp_path: Path) -> Iterator[PickPage]:
    with picking(str(clip), tmp_path / "out") as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def tab(page: PickPage, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(page, page.path, **DESKTOP) as opened:
        await shows(opened, 0)
        yield opened


async def shows(tab: Tab, number: int) -> None:
    await expect(tab.page.locator("#stage")).to_have_attribute("data-frame", str(number), timeout=20_000)


async def previewed(tab: Tab, number: int, revision: int) -> None:
    stage = tab.page.locator("#stage")
    await expect(stage).to_have_attribute("data-masks", f"{number}:{revision}", timeout=30_000)


def middle(object_id: int, number: int) -> tuple[float, float]:
    """A pixel in the middle of one of the scene's balls."""
    rows, columns = np.nonzero(make_scene(SCENE_FILE).render(number)[1][object_id])
    return float(np.median(columns)), float(np.median(rows))


async def click(tab: Tab, place: tuple[float, float], modifier: str | None = None) -> None:
    """Click a pixel of the film."""
    if modifier:
        await tab.page.keyboard.down(modifier)
    await tab.page.mouse.click(*await on_screen(tab, place))
    if modifier:
        await tab.page.keyboard.up(modifier)


async def on_screen(tab: Tab, place: tuple[float, float]) -> tuple[float, float]:
    box = await tab.page.locator("#stage").bounding_box()
    assert box is not None
    scale = min(box["width"] / 320, box["height"] / 180)
    left = box["x"] + (box["width"] - 320 * scale) / 2
    top = box["y"] + (box["height"] - 180 * scale) / 2
    return left + place[0] * scale, top + place[1] * scale


def films_pictures(clip: Path) -> list[Image]:
    return [frame.image for frame in FilmReader(SourceConfig(url=str(clip))).frames(range(FRAMES))]


async def test_slider_keys_and_field_show_exactly_the_frame_that_they_name(clip: Path, tab: Tab) -> None:
    pictures = films_pictures(clip)

    async def check(number: int) -> None:
        await shows(tab, number)
        address, said = await tab.page.evaluate(SHOWN)
        assert said == number
        shown = decode_png(address).astype(int)
        distances = [float(np.abs(shown - picture).mean()) for picture in pictures]
        assert int(np.argmin(distances)) == number, distances

    await check(0)
    await tab.page.locator("#slider").fill("7")
    await check(7)
    for key, number in (("ArrowLeft", 6), ("k", 7), ("ArrowRight", 8), ("j", 7), ("End", 11), ("Home", 0)):
        await tab.page.keyboard.press(key)
        await check(number)
    await tab.page.locator("#frame").fill("9")
    await tab.page.locator("#frame").press("Enter")
    await check(9)
    await tab.page.locator("#frame").fill("400")
    await tab.page.locator("#frame").press("Enter")
    await check(11)


async def test_two_objects_on_two_frames_are_tracked_as_the_shown_command_tracks_them(
    page: PickPage, tab: Tab, tmp_path: Path
) -> None:
    await click(tab, middle(1, 0))
    await previewed(tab, 0, 1)
    await expect(tab.page.locator("#masks")).to_be_visible()
    await tab.page.keyboard.press("n")
    await tab.page.locator("#slider").fill("5")
    await shows(tab, 5)
    await click(tab, middle(2, 5))
    await previewed(tab, 5, 2)
    await expect(tab.page.locator("#objects > li")).to_have_count(2)
    await tab.page.locator("#direction").select_option("both")
    await tab.page.locator("#end").fill(str(LAST))
    await tab.page.locator("#end").press("Enter")
    await expect(tab.page.locator("#command")).to_contain_text(f"--end {LAST}")
    await expect(tab.page.locator("#command")).to_contain_text("--direction both")

    await tab.page.locator("#go").click()
    await expect(tab.page.locator("#result-line")).to_contain_text("2 objects", timeout=60_000)
    assert page.desk.jobs.newest is not None
    assert page.desk.jobs.newest.state == "done", page.desk.jobs.newest.error
    out = tmp_path / "out"
    found = sorted(path.relative_to(out) for path in out.rglob("*.png"))
    assert len(found) == 2 * (LAST + 1)

    command = (await tab.page.locator("#command").inner_text()).replace("\\\n", "")
    words = shlex.split(command)
    assert words[:2] == ["streamtrack", "track"]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert cli.run(words[1:]) == 0
    assert [
        path for path in found if (tmp_path / "again" / path).read_bytes() != (out / path).read_bytes()
    ] == []
    # And by the file that the run left.
    third = tmp_path / "third"
    options = ["--direction", "both", "--end", str(LAST), "--only", "--export", "masks-png"]
    options += ["--out", str(third)]
    assert cli.run(["track", words[2], "--prompts", str(out / "prompts.yaml"), *options]) == 0
    assert differing(found, out, third) == []

    async with httpx.AsyncClient(base_url=page.url, headers={"Authorization": f"Bearer {page.token}"}) as api:
        answer = await api.get("/pick/files/objects.csv")
        assert answer.content == (out / "objects.csv").read_bytes()
        for name in ("streamtrack-files.txt", "../a clip.mp4", "masks/001/00000.png", "nothing"):
            assert (await api.get(f"/pick/files/{name}")).status_code == 404


def differing(files: list[Path], one: Path, other: Path) -> list[Path]:
    return [file for file in files if (one / file).read_bytes() != (other / file).read_bytes()]


async def test_clicks_boxes_undo_and_clearing_reach_the_prompts(page: PickPage, tab: Tab) -> None:
    def said() -> list[tuple[int, int, list[int], bool]]:
        return [
            (one.at_frame or 0, one.object_id, one.labels.tolist(), one.box is not None)
            for one in page.desk.picked.now.in_order()
        ]

    await click(tab, (100, 80))
    await previewed(tab, 0, 1)
    for modifier in ("Shift", "Alt"):
        await click(tab, (20, 20), modifier)
    await previewed(tab, 0, 3)
    assert said() == [(0, 1, [1, 0, 0], False)]
    [prompt] = page.desk.picked.now.in_order()
    # A CSS pixel is a third of the film's.
    assert np.abs(prompt.points - [[100, 80], [20, 20], [20, 20]]).max() < 0.5
    await tab.page.keyboard.press("Control+z")
    await previewed(tab, 0, 4)
    assert said() == [(0, 1, [1, 0], False)]

    await tab.page.keyboard.press("Escape")
    await tab.page.mouse.move(*await on_screen(tab, (40, 40)))
    await tab.page.mouse.down()
    await tab.page.mouse.move(*await on_screen(tab, (120, 90)), steps=4)
    await tab.page.mouse.up()
    await previewed(tab, 0, 5)
    assert said() == [(0, 1, [1, 0], False), (0, 2, [], True)]
    box = page.desk.picked.now.in_order()[1].box
    assert box is not None
    assert np.abs(box - [40, 40, 120, 90]).max() < 0.5
    await tab.page.locator("#objects .label").nth(1).fill("a ball")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator("#command")).to_contain_text("--object '2=a ball'")

    await tab.page.keyboard.press("1")
    await tab.page.keyboard.press("c")
    await expect(tab.page.locator("#objects > li")).to_have_count(1)
    assert said() == [(0, 2, [], True)]
    await tab.page.locator("#undo").click()
    await expect(tab.page.locator("#objects > li")).to_have_count(2)
    await tab.page.locator("#objects .remove").nth(0).click()
    await expect(tab.page.locator("#objects > li")).to_have_count(1)

    await tab.page.reload()
    await shows(tab, 0)
    await expect(tab.page.locator("#objects .label")).to_have_value("a ball")


async def test_refusals_are_told_on_the_page_and_leave_it_as_it_was(page: PickPage, tab: Tab) -> None:
    await tab.page.locator("#mode-negative").check()
    await click(tab, (100, 80))
    await expect(tab.page.locator("#notice")).to_contain_text("at least one on the object")
    assert page.desk.picked.now.in_order() == ()
    await expect(tab.page.locator("#go")).to_be_disabled()
    await tab.page.locator("#start").fill("9")
    await tab.page.locator("#end").fill("3")
    await tab.page.locator("#end").press("Enter")
    await expect(tab.page.locator("#notice")).to_contain_text("end is 3, expected 9")
    assert page.desk.options.end is None


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop-dark", "phone-light"])
async def test_axe_finds_nothing_and_everything_fits_the_screen(
    screen: dict[str, Any], page: PickPage, chromium: Browsers
) -> None:
    page.desk.picked.add_box(0, (40, 40, 120, 90), object_id=None)
    page.desk.picked.rename(1, "player 7 of the home team, who came in after the break")
    page.desk.picked.add_point(3, 90, 60, on=True, object_id=None)
    async with chromium.opened(page, page.path, bypass_csp=True, **screen) as tab:
        await previewed(tab, 0, page.desk.picked.revision)
        await tab.page.locator(".exporters summary").click()
        assert await violations(tab) == []
        width = screen["viewport"]["width"]
        assert await tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
        if screen is not PHONE:
            return
        for node in await tab.page.locator(
            "button:visible, select:visible, summary:visible, .tick:visible"
        ).all():
            box = await node.bounding_box()
            assert box is not None
            assert min(box["height"], box["width"]) >= TARGET_PX, await node.evaluate(
                "(one) => one.outerHTML"
            )


async def test_nothing_but_the_empty_page_comes_without_the_token(page: PickPage) -> None:
    async with httpx.AsyncClient(base_url=page.url) as api:
        assert (await api.get("/")).status_code == 200
        for path in ("/pick", "/pick/frames/0", "/pick/masks/0", "/pick/live", "/pick/files/x", "/docs"):
            answer = await api.get(path)
            assert answer.status_code in (401, 404), path
            assert "picture" not in answer.text
        answer = await api.post("/pick/job")
        assert answer.status_code == 401
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        api.headers["Authorization"] = f"Bearer {page.token}"
        long = await api.post("/pick/clear", content=b"x" * 140_000)
        assert long.status_code == 413
        assert (await api.get("/pick/frames/99")).status_code == 422
        assert (await api.post("/pick/job", json={})).json()["error"].startswith("nothing is picked")


async def test_close_ends_the_command_and_the_page_says_so(page: PickPage, tab: Tab) -> None:
    await tab.page.locator("#close").click()
    await expect(tab.page.locator("#curtain")).to_contain_text("The command has ended")
    assert page.ended() is Ended.CLOSED


async def test_command_ends_once_nobody_has_the_page_open(
    page: PickPage, clip: Path, chromium: Browsers, tmp_path: Path
) -> None:
    with picking(str(clip), tmp_path / "b", grace_s=0.2) as served:
        async with chromium.opened(served, served.path, **DESKTOP) as tab:
            await shows(tab, 0)
        assert served.ended() is Ended.CLOSED
    page.stop()
    assert page.ended() is Ended.STOPPED
