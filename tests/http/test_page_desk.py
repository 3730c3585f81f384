"""A desk with several cameras: the grid, the follow view, names, languages, and no mouse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from streamtrack.video.follow_view import WIDTH_PX
from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.camera import DISCS
from tests.support.page_server import PageServer, serving
from tests.support.video import HEIGHT, WIDTH, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

BLUE = DISCS["blue"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[PageServer]:
    async with serving("cam", "yard", fps=5) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: PageServer) -> PageServer:
    await shared.tidy()
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def tab(server: PageServer, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(server, "/#cam") as opened:
        await opened.live()
        yield opened


async def test_all_streams_are_stills_and_one_is_chosen_by_keyboard(server: PageServer, tab: Tab) -> None:
    tiles = tab.page.locator("#tiles li")
    await expect(tiles).to_have_count(2)
    await tab.page.keyboard.press("g")
    await expect(tab.page.locator("body")).to_have_class("all")
    await until(lambda: server.num_viewers("cam") == 0, 10)  # nobody sees the large one
    await expect(tiles.first.locator("canvas")).to_have_js_property("width", WIDTH)
    await tab.page.keyboard.press("Tab")
    await tab.page.keyboard.press("Enter")
    await tab.live()
    await expect(tab.page).to_have_title("yard · streamtrack")
    await until(lambda: server.num_viewers("yard") == 1, 10)
    await tab.page.keyboard.press("PageUp")
    await expect(tab.page).to_have_title("cam · streamtrack")
    await tab.live()
    stills = [address for address in tab.addresses if "snapshot.jpg?view=small" in address]
    assert {address.split("/")[4] for address in stills} == {"cam", "yard"}


async def test_follow_view_plays_beside_the_picture(server: PageServer, tab: Tab) -> None:
    red = await server.follow("red", "cup")
    await (await tab.row(red)).locator(".pick").click()
    await tab.page.keyboard.press("w")
    video = tab.page.locator("#follow-video")
    await expect(video).to_have_js_property("videoWidth", WIDTH_PX, timeout=20_000)
    await expect(tab.page.locator("#follow-text")).to_contain_text("cup")
    assert server.num_viewers("cam") == 2
    await tab.page.keyboard.press("w")
    await expect(tab.page.locator("#follow-view")).to_be_hidden()
    await until(lambda: server.num_viewers("cam") == 1, 10)


async def test_names_are_offered_again_and_help_lists_the_keys(server: PageServer, tab: Tab) -> None:
    await server.follow("red")
    await tab.page.locator("#objects li").wait_for()
    await tab.page.keyboard.press("1")
    await tab.page.keyboard.press("n")
    await tab.page.keyboard.type("Ada")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator("#names option")).to_have_attribute("value", "Ada")
    await tab.page.keyboard.press("?")
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("all cameras")
    await tab.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_a_whole_day_is_done_by_keyboard_alone(server: PageServer, tab: Tab) -> None:
    keys = tab.page.keyboard

    async def cross_to(goal: tuple[float, float], start: tuple[float, float]) -> None:
        """Move the cross by steps of ten pixels of the screen."""
        (x, y), (goal_x, goal_y) = await tab.place(*start), await tab.place(*goal)
        for key, way in (
            ("Right", goal_x - x),
            ("Left", x - goal_x),
            ("Down", goal_y - y),
            ("Up", y - goal_y),
        ):
            for _ in range(max(0, round(way / 10))):
                await keys.press(f"Arrow{key}")

    middle = (WIDTH / 2, HEIGHT / 2)
    await tab.page.focus("#stage")
    await cross_to(BLUE, middle)
    await keys.press("Enter")  # followed
    await tab.page.locator("#objects li").wait_for()
    await keys.press("1")
    await keys.press("n")
    await keys.type("Ada")
    await keys.press("Enter")
    await expect(tab.page.locator("#objects .label")).to_have_value("Ada")
    await keys.press("a")  # another style
    await expect(tab.page.locator("#style")).to_have_value("outline")
    await tab.page.focus("#stage")
    await keys.press("z")  # a zone around where she stands
    corners = [(BLUE[0] - 40, BLUE[1] - 40), (BLUE[0] + 40, BLUE[1] - 40), (BLUE[0], BLUE[1] + 50)]
    for start, corner in zip([middle, *corners], corners, strict=False):
        await cross_to(corner, start)
        await keys.press("Enter")
    await keys.press("d")
    await tab.page.locator("#rule-dialog[open]").wait_for()
    await keys.type("door")
    await keys.press("Enter")
    await tab.page.get_by_role("log").get_by_text("Ada entered door").wait_for()
    await keys.press("w")
    await expect(tab.page.locator("#follow-view")).to_be_visible()
    await keys.press(",")
    await keys.press(",")
    await expect(tab.page.locator("#to-live")).to_be_visible()
    await keys.press("v")
    await keys.press("+")
    await expect(tab.page.locator("#zoom-whole")).not_to_have_text("1×")
    await keys.press("0")
    await keys.press("Delete")
    await expect(tab.page.locator("#objects li")).to_have_count(0)
    async with server.api() as api:
        await api.delete("/streams/cam/rules/door")


@pytest.mark.parametrize("on", [True, False], ids=["recorded", "not recorded"])
async def test_events_lead_to_what_was_recorded_then(
    on: bool, server: PageServer, chromium: Browsers
) -> None:
    async def tell(route: Any) -> None:
        await route.fulfill(json={"on": on})

    async with chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.route("**/recordings?*", tell)
        await tab.page.goto(f"{server.url}/#cam")
        await tab.live()
        red = await server.follow("red")
        row = tab.page.locator("#events li").filter(has_text=f"Object {red}: followed")
        await row.wait_for()
        link = re.compile(r"^/timeline#stream=cam&t=\d{13}$")
        if on:
            await expect(row.locator(".moment")).to_have_attribute("href", link)
        else:
            await expect(row.locator(".moment")).not_to_have_attribute("href", link)
        await expect(tab.page.locator("#history")).to_be_visible(visible=on)


async def test_german_page_says_so_and_another_language_can_be_chosen(
    server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server, locale="de-AT") as tab:
        await tab.live()
        await expect(tab.page.locator("html")).to_have_attribute("lang", "de")
        await expect(tab.page.locator("#pause")).to_have_text("Pause")
        await expect(tab.page.locator("#objects-title")).to_contain_text("Objekte")
        await tab.page.locator(".settings summary").click()
        await tab.page.select_option("#theme", "light")
        await expect(tab.page.locator("html")).to_have_attribute("data-theme", "light")
        await tab.page.select_option("#language", "en")
        await expect(tab.page.locator("#objects-title")).to_contain_text("Objects")
        await expect(tab.page.locator("html")).to_have_attribute("data-theme", "light")
        await tab.live()


async def test_newer_page_of_a_server_that_came_back_is_offered(
    server: PageServer, chromium: Browsers
) -> None:
    versions = ["one"]

    async def tell(route: Any) -> None:
        await route.fulfill(json={"version": versions[-1]})

    async with chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.route("**/version.json", tell)
        await tab.page.goto(f"{server.url}/#cam")
        await tab.live()
        await until(lambda: any("version.json" in address for address in tab.addresses))
        versions.append("two")
        await asyncio.to_thread(server.stop)
        await tab.page.get_by_text("The server does not answer", exact=True).first.wait_for(timeout=5000)
        await asyncio.to_thread(server.start)
        await expect(tab.page.locator("#fresh")).to_be_visible(timeout=20_000)
        await tab.live()
        await tab.page.locator("#reload").click()
        await tab.live()
        await expect(tab.page.locator("#fresh")).to_be_hidden()
