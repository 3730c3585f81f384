"""Zones and lines in the page: drawn by mouse and by keyboard, their events read, their alerts silenced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.page_look import violations
from tests.support.page_server import PageServer, serving
from tests.support.video import HEIGHT, WIDTH

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

AROUND_RED = [(30, 20), (140, 20), (140, 120), (30, 120)]
# What the page asks of the browser's notifications, and what it shows.
WATCH_NOTIFICATIONS = """() => {
window.asked = 0;
window.shown = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() {
    window.asked += 1;
    return (this.permission = "granted");
  }
  constructor(words, options) {
    window.shown.push([words, options.body, (options.icon ?? "").slice(0, 22)]);
  }
};
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[PageServer]:
    async with serving("cam", fps=8) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: PageServer) -> PageServer:
    await shared.tidy()
    async with shared.api() as api:
        for found in await rules_of(shared):
            await api.delete(f"/streams/cam/rules/{found['name']}")
    return shared


async def rules_of(server: PageServer) -> list[dict[str, Any]]:
    async with server.api() as api:
        return [one["rule"] for one in (await api.get("/streams/cam/rules")).json()["rules"]]


async def save(tab: Tab, **fields: str) -> None:
    """Answer the questions about what was drawn."""
    await tab.page.locator("#rule-dialog[open]").wait_for()
    for name, value in fields.items():
        await tab.page.fill(f"#rule-{name}", value)
    await tab.page.locator("#rule-dialog button[value=save]").click()
    await expect(tab.page.locator("#rule-dialog")).to_be_hidden()


async def test_zone_is_drawn_by_mouse_and_tells_who_enters(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server, bypass_csp=True) as tab:
        await tab.live()
        await tab.page.evaluate(WATCH_NOTIFICATIONS)
        await tab.page.locator(".alerts summary").click()
        assert await tab.page.evaluate("window.asked") == 0, "asked before anybody wanted to be told"
        await tab.page.locator("#notify").click()
        assert await tab.page.evaluate("window.asked") == 1
        await tab.page.locator("#draw-zone").click()
        for corner in AROUND_RED:
            await tab.click(*corner)
        assert await violations(tab) == []
        await tab.click(*AROUND_RED[0])  # the first one closes it
        await tab.page.locator("#rule-dialog[open]").wait_for()
        assert await violations(tab, min_passes=12) == []
        await save(tab, name="yard")
        (rule,) = await rules_of(server)
        assert rule["unit"] == "share"
        drawn = [(round(x * WIDTH), round(y * HEIGHT)) for x, y in rule["points"]]
        assert all(
            abs(x - ax) <= 1 and abs(y - ay) <= 1 for (x, y), (ax, ay) in zip(drawn, AROUND_RED, strict=True)
        )
        assert tab.commands[-1][:2] == ("POST", "/streams/cam/rules"), "corners were taken for clicks"
        await server.follow("red", "Ann")
        await server.follow("blue")
        entered = tab.page.get_by_role("log").get_by_text("Ann entered yard")
        await entered.wait_for(timeout=20_000)
        assert await tab.page.locator("#events .thumb").count() == 1
        row = tab.page.locator("#rules li[data-rule=yard]")
        await expect(row.locator(".rule-counts")).to_contain_text("1 inside")
        assert await violations(tab) == []
        ((words, body, icon),) = await tab.page.evaluate("window.shown")
        assert words.endswith("Ann entered yard")
        assert (body, icon) == ("cam", "data:image/jpeg;base64")
        await row.locator(".remove").click()
        await expect(row).to_have_count(0)


async def test_zone_is_drawn_by_keyboard_alone(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server) as tab:
        await tab.live()
        keys = tab.page.keyboard
        await keys.press("z")
        await expect(tab.page.locator("#drawing")).to_be_visible()
        for moves in (("ArrowUp", "ArrowLeft"), ("ArrowRight", "ArrowRight"), ("ArrowDown",), ("ArrowLeft",)):
            for move in moves:
                await keys.press(f"Control+{move}")
            await keys.press("Enter")
        await keys.press("Backspace")
        await expect(tab.page.locator("#drawing-text")).to_contain_text("3 corners")
        await keys.press("d")
        await tab.page.locator("#rule-dialog[open]").wait_for()
        await keys.type("porch")
        await keys.press("Enter")
        await expect(tab.page.locator("#rule-dialog")).to_be_hidden()
        (rule,) = await rules_of(server)
        assert (rule["name"], len(rule["points"])) == ("porch", 3)
        await keys.press("l")
        await keys.press("Escape")
        await expect(tab.page.locator("#drawing")).to_be_hidden()
        assert tab.commands == [tab.commands[0]]


async def test_line_is_drawn_changed_and_silenced(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server) as tab:
        await tab.live()
        await tab.page.locator("#draw-line").click()
        await tab.click(150, 20)
        await tab.click(150, 150)
        await tab.page.locator("#draw-done").click()
        await save(tab, name="gate", forward="home", backward="away")
        row = tab.page.locator("#rules li[data-rule=gate]")
        await expect(row.locator(".rule-counts")).to_have_text("home 0 · away 0")
        # A corner that is dragged, and a name that is another's.
        async with server.api() as api:
            taken = {"kind": "line", "name": "taken", "points": [[0, 0], [9, 9]]}
            assert (await api.post("/streams/cam/rules", json=taken)).status_code == 201
        await row.locator(".change").click()
        await tab.drag((150, 150), (200, 160))
        await tab.page.locator("#draw-done").click()
        await tab.page.fill("#rule-name", "taken")
        await tab.page.locator("#rule-dialog button[value=save]").click()
        await expect(tab.page.locator("#rule-wrong")).to_have_text("cam: there is a rule 'taken' already")
        await save(tab, name="gate")
        (rule,) = [one for one in await rules_of(server) if one["name"] == "gate"]
        assert [round(rule["points"][1][0] * WIDTH), round(rule["points"][1][1] * HEIGHT)] == [200, 160]
        await row.locator(".snooze").select_option("60")
        await expect(row.locator(".snooze option:checked")).to_contain_text("Silent until")
        async with server.api() as api:
            (snooze,) = (await api.get("/alerts")).json()["snoozes"]
            assert (snooze["stream"], snooze["rule"], snooze["alert"]) == ("cam", "gate", None)
        await row.locator(".snooze").select_option("0")
        await expect(row.locator(".snooze option:checked")).to_have_text("Alerts on")


async def test_rule_that_is_refused_is_asked_again(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server) as tab:
        await tab.live()
        await tab.page.locator("#draw-zone").click()
        for corner in [(50, 50), (150, 150), (150, 50), (50, 150)]:  # crosses itself
            await tab.click(*corner)
        await tab.page.locator("#draw-done").click()
        await tab.page.locator("#rule-dialog button[value=save]").click()
        await expect(tab.page.locator("#rule-wrong")).to_contain_text("crosses itself")
        await tab.page.locator("#rule-dialog .second").click()
        assert await rules_of(server) == []
