"""Cameras in the page: tried, added, changed and removed with a question."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.page_server import PageServer, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]
SCENE = "synthetic:leave?width=320&height=192&fps=5"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[PageServer]:
    async with serving("cam", fps=3) as shared:
        yield shared


@pytest_asyncio.fixture(loop_scope="module")
async def tab(server: PageServer, chromium: Browsers) -> AsyncIterator[Tab]:
    async with chromium.opened(server) as opened:
        await opened.live()
        yield opened


async def test_camera_is_tried_added_changed_and_removed(server: PageServer, tab: Tab) -> None:
    page = tab.page
    await page.click("#cameras")
    await expect(page.locator("#camera-list li")).to_have_count(1)
    await expect(page.locator("#camera-list .change")).to_be_hidden()
    await page.click("#camera-add")
    await page.fill("#camera-url", SCENE)
    await page.click("#camera-test")
    await expect(page.locator("#camera-told")).to_contain_text("synthetic, 320 × 192, 5 FPS")
    assert await page.evaluate("document.getElementById('camera-still').naturalWidth") == 320
    await page.fill("#camera-name", "yard")
    assert await faults(page) == []
    await page.click("#camera-save")
    await expect(page).to_have_title("yard · streamtrack")
    await tab.live()
    await page.click("#cameras")
    await page.get_by_role("button", name="Change the camera yard", exact=True).click()
    await page.select_option("#camera-finds", "motion")
    await page.click("#camera-save")
    async with server.api() as api:
        await expect(page.locator("#camera-dialog")).to_be_hidden()
        told = (await api.get("/streams/yard/config")).json()["settings"]
        assert told["autoprompt"] == {"kind": "motion"}
        await page.click("#cameras")
        await page.get_by_role("button", name="Remove the camera yard", exact=True).click()
        await expect(page.get_by_role("heading", name="Remove the camera yard?")).to_be_visible()
        await page.get_by_role("button", name="Remove", exact=True).click()
        await expect(page.locator("#camera-list li")).to_have_count(1)
        assert [one["name"] for one in (await api.get("/streams")).json()] == ["cam"]
    await page.get_by_role("button", name="Close", exact=True).click()
    await expect(page).to_have_title("cam · streamtrack")


async def test_what_is_refused_is_said_in_the_dialog(tab: Tab) -> None:
    page = tab.page
    await page.click("#cameras")
    await page.click("#camera-add")
    await page.fill("#camera-url", "http://169.254.169.254/latest")
    await page.click("#camera-test")
    await expect(page.locator("#camera-wrong")).to_contain_text("cameras.allow_hosts")
    await expect(page.locator("#camera-records")).to_be_disabled()
    await expect(page.locator("#camera-no-archive")).to_contain_text("archive.folder")
    await page.select_option("#camera-kind", "file")
    await expect(page.locator("#camera-no-files")).to_be_visible()
    await page.fill("#camera-path", "/etc/passwd")
    await page.fill("#camera-name", "cam")
    await page.click("#camera-save")
    await expect(page.locator("#camera-wrong")).to_contain_text("exists already")
    await page.fill("#camera-name", "other")
    await page.click("#camera-save")
    await expect(page.locator("#camera-wrong")).to_contain_text("cameras.allow_folders")
    await page.get_by_role("button", name="Back", exact=True).click()
    await expect(page.locator("#cameras-dialog")).to_be_visible()


async def faults(page: Page) -> list[str]:
    """What axe finds serious."""
    found = (await Axe().run(page)).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]
