"""Which stream the page shows, and how it comes to play: the picker, the address, a recording's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.page_server import PageServer, serving
from tests.support.video import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[PageServer]:
    clips = {"clip": "synthetic:leave?frames=3&width=320&height=192"}
    async with serving("cam", "yard", addresses={"yard": ()}, clips=clips, fps=3) as shared:
        yield shared


@pytest_asyncio.fixture(loop_scope="module")
async def tab(server: PageServer, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(server) as opened:
        await opened.live()
        yield opened


def has_one_viewer(server: PageServer, stream: str) -> bool:
    return server.num_viewers(stream) == 1


async def test_streams_are_switched_back_and_forth(server: PageServer, tab: Tab) -> None:
    for turn in range(10):
        name = ("yard", "cam")[turn % 2]
        await tab.page.select_option("#streams", name)
        await expect(tab.page).to_have_title(f"{name} · streamtrack")
        await tab.page.wait_for_selector("#link[data-state=live]", timeout=8_000)
        await until(partial(has_one_viewer, server, name), 5)
    await until(lambda: server.num_viewers("yard") == 0, 5)
    assert len(tab.sessions) == 11, "one connection for each turn, and none again"
    await tab.grab()


async def test_streams_that_are_switched_in_haste_end_at_the_last_choice(
    server: PageServer, tab: Tab
) -> None:
    for name in ("yard", "cam", "yard", "cam", "yard"):
        await tab.page.select_option("#streams", name)
    await tab.live()
    await expect(tab.page).to_have_title("yard · streamtrack")
    await until(lambda: (server.num_viewers("cam"), server.num_viewers("yard")) == (0, 1), 10)


async def test_address_names_the_stream_and_back_returns_to_the_one_before(
    server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server, "/#attic") as tab:
        await (
            tab.page.get_by_role("log").get_by_text("There is no stream attic here: cam is shown").wait_for()
        )
        assert tab.page.url == f"{server.url}/#cam"
        await tab.page.select_option("#streams", "yard")
        assert tab.page.url == f"{server.url}/#yard"
        await tab.page.go_back()
        await expect(tab.page).to_have_title("cam · streamtrack")
        assert await tab.page.input_value("#streams") == "cam"
        await tab.live()


@pytest.mark.parametrize("stream", ["cam", "yard"], ids=["loopback", "machine"])
async def test_browser_with_its_own_settings_connects(
    stream: str, server: PageServer, chromium: Browsers
) -> None:
    # No switches: it hides its addresses behind mDNS names and offers none of loopback.
    async with chromium.opened(server, f"/#{stream}", arguments=()) as tab:
        await tab.page.locator("#link").get_by_text("Live", exact=True).wait_for(timeout=20_000)


async def test_recording_that_has_ended_can_be_played_again(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server, "/#clip") as tab:
        await tab.page.locator("#link[data-state=ended]").wait_for()
        before = (await server.status("clip"))["newest_frame_idx"]
        await tab.page.get_by_role("button", name="Play again").click()
        async with asyncio.timeout(10):
            while (await server.status("clip"))["newest_frame_idx"] < before + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await tab.page.locator("#link[data-state=ended]").wait_for()


async def test_closed_tab_frees_its_place(server: PageServer, tab: Tab) -> None:
    assert server.num_viewers() == 1
    await tab.page.goto("about:blank")
    await until(lambda: server.num_viewers() == 0, 5)
