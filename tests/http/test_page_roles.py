"""http/web in a browser: logging in, who is there, and what the page offers whom."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from streamtrack.access.key_file import KeyFile
from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.camera import DISCS
from tests.support.doors import QUICK, make_keys
from tests.support.page_look import violations
from tests.support.page_server import PageServer, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

TOKEN = "hunter2-hunter2-hunter2"
PICTURES = os.environ.get("STREAMTRACK_ROLE_PICTURES")
DARK: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "color_scheme": "light",
    "locale": "de-DE",
}
FIELD, ENTER = "#login input[type=password]", "#login button"


@dataclass
class Guarded:
    """A server with keys."""

    server: PageServer
    keys: KeyFile
    tokens: Mapping[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    path = tmp_path_factory.mktemp("state") / "keys.json"
    tokens = make_keys(path)
    async with serving("cam", token=TOKEN, keys_file=path) as server:
        yield Guarded(server, KeyFile(path, QUICK), tokens)


async def picture(tab: Tab, name: str) -> None:
    """Kept where somebody wants to look at it."""
    if PICTURES is not None:
        await tab.page.screenshot(path=Path(PICTURES) / f"{name}.png")


async def log_in(tab: Tab, guarded: Guarded, who: str) -> None:
    await tab.page.goto(f"{guarded.server.url}/login")
    await tab.page.fill(FIELD, guarded.tokens[who])
    await tab.page.click(ENTER)
    await tab.live()
    await tab.page.wait_for_selector("#who:not([hidden])")


async def visible(tab: Tab, *names: str) -> dict[str, bool]:
    return {name: await tab.page.is_visible(f"#{name}") for name in names}


@pytest.mark.parametrize(("screen", "name"), [(DARK, "login-dark"), (PHONE, "login-phone-light-de")])
async def test_login_page_says_why_not_and_leads_on(
    screen: dict[str, Any], name: str, guarded: Guarded, chromium: Browsers
) -> None:
    async with chromium.opened(guarded.server, "/login?next=/timeline", **screen, bypass_csp=True) as tab:
        german = screen.get("locale") == "de-DE"
        assert await tab.page.inner_text("#login-title") == ("Anmelden" if german else "Log in")
        await picture(tab, name)
        await tab.page.fill(FIELD, guarded.tokens["revoked"])
        await tab.page.click(ENTER)
        wrong = await tab.page.wait_for_selector("#login-wrong:not([hidden])")
        assert wrong is not None
        assert "nicht angenommen" in await wrong.inner_text() if german else "not accepted"
        await picture(tab, f"{name}-wrong")
        assert await violations(tab, 8) == []
        await tab.page.fill(FIELD, guarded.tokens["view"])
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url(f"{guarded.server.url}/timeline")
        assert not any(token in address for token in guarded.tokens.values() for address in tab.addresses)
        assert await tab.page.evaluate("[document.cookie, sessionStorage.length]") == ["", 0]


async def test_viewer_sees_everything_and_is_offered_nothing_else(
    guarded: Guarded, chromium: Browsers
) -> None:
    await guarded.server.tidy()
    object_id = await guarded.server.follow("red", "ball")
    async with chromium.opened(guarded.server, "/login", **DARK, bypass_csp=True) as tab:
        await log_in(tab, guarded, "view")
        assert await tab.page.inner_text("#who-name") == "view"
        await tab.page.wait_for_selector(f"#objects [data-id='{object_id}']")
        offered = await visible(tab, "cameras", "pause", "undo", "draw-zone", "mode-positive", "log-out")
        assert offered == {**dict.fromkeys(offered, False), "log-out": True}
        # A click on what is followed selects it; anywhere else it says why nothing comes of it.
        await tab.click(*DISCS["red"])
        await tab.page.wait_for_selector(f"#objects [data-id='{object_id}'].selected")
        await tab.click(*DISCS["blue"])
        await tab.page.get_by_text("You may watch").wait_for()
        await tab.page.keyboard.press("Delete")
        await tab.page.keyboard.press(" ")
        await tab.page.keyboard.press("z")
        await picture(tab, "viewer")
        assert await violations(tab) == []
        assert tab.commands == [], "what a viewer may not do is not even asked"
        assert [item["object_id"] for item in (await guarded.server.status())["objects"]] == [object_id]


async def test_operator_steers_and_cameras_are_not_his(guarded: Guarded, chromium: Browsers) -> None:
    await guarded.server.tidy()
    async with chromium.opened(guarded.server, "/login", **DARK, bypass_csp=True) as tab:
        await log_in(tab, guarded, "control")
        assert await visible(tab, "cameras", "pause", "draw-zone") == {
            "cameras": False,
            "pause": True,
            "draw-zone": True,
        }
        await tab.click(*DISCS["red"])
        await tab.page.wait_for_selector("#objects li")
        await picture(tab, "operator")
        assert await violations(tab) == []
        await tab.page.click("#log-out")
        await tab.page.wait_for_url(f"{guarded.server.url}/login")
        await tab.page.goto(guarded.server.url)
        await tab.page.wait_for_selector("#token-dialog[open]")


async def test_admin_is_offered_everything(guarded: Guarded, chromium: Browsers) -> None:
    async with chromium.opened(guarded.server, "/login", **PHONE, bypass_csp=True) as tab:
        await log_in(tab, guarded, "admin")
        assert (await visible(tab, "cameras", "pause")) == {"cameras": True, "pause": True}
        await picture(tab, "admin-phone-de")
        await tab.page.click("#cameras")
        await tab.page.wait_for_selector("#cameras-dialog[open]")


async def test_page_of_a_revoked_key_asks_and_goes_on_with_another(
    guarded: Guarded, chromium: Browsers
) -> None:
    await guarded.server.tidy()
    async with chromium.opened(guarded.server, "/login", **DARK) as tab:
        await log_in(tab, guarded, "view")
        guarded.keys.revoke("view")
        await tab.page.wait_for_selector("#token-dialog[open]", timeout=20_000)
        await picture(tab, "revoked")
        await tab.page.fill("#token", guarded.tokens["control"])
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_selector("#pause:visible", timeout=20_000)
        await tab.live()
        assert await tab.page.inner_text("#who-name") == "control"
