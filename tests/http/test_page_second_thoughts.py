"""Second thoughts on the page: a click taken back, another of its masks, another beginning, a merger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.camera import DISCS
from tests.support.page_server import PageServer, serving

RED, BLUE = DISCS["red"], DISCS["blue"]
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


async def marked_near(tab: Tab, place: tuple[float, float], colour: tuple[int, int, int]) -> bool:
    """Whether the page draws in this colour within a few pixels."""
    for dx in range(-14, 6, 2):
        for dy in range(-14, 6, 2):
            *drawn, alpha = await tab.page.evaluate(MARKED, (place[0] + dx, place[1] + dy))
            if alpha > 200 and np.abs(np.array(drawn) - colour).max() < 40:
                return True
    return False


async def test_a_click_is_taken_back_and_another_of_its_masks_chosen(server: PageServer, tab: Tab) -> None:
    await tab.click(*RED)
    strip = tab.page.get_by_role("group", name="What the click means")
    offered = strip.get_by_role("button")
    await expect(offered).to_have_count(3)
    assert await offered.all_inner_texts() == ["Whole", "Part", "Detail"]
    pressed = strip.locator("[aria-pressed=true]")
    await expect(pressed).to_have_count(1)
    first = await pressed.inner_text()
    [red] = [found["object_id"] for found in (await server.status())["objects"]]
    await offered.nth(0).hover()
    async with asyncio.timeout(20):  # the mask that would be chosen, white over the disc
        while not await marked_near(tab, await tab.place(*RED), (255, 255, 255)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await tab.page.keyboard.press("c")
    await expect(pressed).not_to_have_text(first)
    await tab.page.keyboard.press("Control+z")
    await expect(tab.page.locator("#notice")).to_have_text(f"Taken back: object {red} has its former mask")
    await expect(strip).to_be_hidden()
    await tab.page.keyboard.press("Control+z")
    await expect(tab.page.locator("#objects li")).to_have_count(0)
    path = f"/streams/cam/objects/{red}"
    assert [(method, where) for method, where, _ in tab.commands] == [
        ("POST", "/streams/cam/objects"),
        ("POST", f"{path}/choose"),
        ("POST", f"{path}/undo"),
        ("POST", f"{path}/undo"),
    ]


async def test_selected_object_is_started_over_merged_and_cleared(server: PageServer, tab: Tab) -> None:
    red, blue = await server.follow("red", "cup"), await server.follow("blue")
    await tab.row(blue)
    await (await tab.row(red)).locator(".pick").click()
    await selected(tab, red)
    mend = tab.page.get_by_role("group", name="The selected object")
    await mend.get_by_role("button", name="Merge").click()
    await expect(tab.page.locator("#hint")).to_contain_text("Click the object that belongs to")
    await tab.click(*BLUE)
    await expect(tab.page.locator("#objects li")).to_have_count(1)
    await tab.page.keyboard.press("Control+z")
    await expect(tab.page.locator("#objects li")).to_have_count(2)
    await selected(tab, red)
    await tab.page.keyboard.press("o")
    await expect(mend.get_by_role("button", name="Start over")).to_have_attribute("aria-pressed", "true")
    await tab.drag((RED[0] - 25, RED[1] - 25), (RED[0] + 25, RED[1] + 25))
    await expect(tab.page.locator("#notice")).to_have_text(f"Object {red} starts here anew")
    await tab.page.keyboard.press("k")
    await expect(tab.page.locator("#objects li")).to_have_count(1)
    path = f"/streams/cam/objects/{red}"
    assert [(method, where) for method, where, _ in tab.commands] == [
        ("POST", f"{path}/merge"),
        ("POST", f"{path}/undo"),
        ("POST", f"{path}/start-over"),
        ("DELETE", f"{path}/prompts"),
    ]
