"""How the page looks and reads: any scheme and size of screen, without a mouse, and to a screen reader."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from streamtrack.frame import EventKind
from tests.support.browser_tab import Browsers, Tab, browsers
from tests.support.page_look import violations
from tests.support.page_server import PageServer, serving

WEB = Path(__file__).parents[2] / "streamtrack" / "http" / "web"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ON_ITS_SIDE: dict[str, Any] = {**PHONE, "viewport": {"width": 844, "height": 390}}
SCREENS = {
    "desktop-dark": {**DESKTOP, "color_scheme": "dark"},
    "desktop-light": {**DESKTOP, "color_scheme": "light"},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
    "landscape-light": {**ON_ITS_SIDE, "color_scheme": "light"},
}
TARGET_PX = 44
LABEL = "player 7 of the home team, who came in after the break"

browser = [pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


def with_browser(test: Any) -> Any:
    for mark in browser:
        test = mark(test)
    return test


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browsers]:
    async with browsers() as shared:
        yield shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[PageServer]:
    async with serving("cam", "yard", fps=2) as shared:
        await shared.tidy()
        await shared.follow("red", LABEL)
        await shared.follow("blue")
        yield shared


@with_browser
@pytest.mark.parametrize("screen", SCREENS)
async def test_axe_finds_nothing_and_everything_fits_the_screen(
    screen: str, server: PageServer, chromium: Browsers
) -> None:
    # bypass_csp: the page's own policy would keep axe out.
    async with chromium.opened(server, bypass_csp=True, **SCREENS[screen]) as tab:
        await tab.live()
        await expect(tab.page.locator("#objects li")).to_have_count(2)
        await tab.page.keyboard.press("1")
        await tab.page.locator("#pause").click()
        await tab.page.get_by_role("log").get_by_text("Paused").wait_for()
        assert await violations(tab) == []
        await fits(tab)
        await tab.page.locator("#pause").click()
        await tab.live()


@with_browser
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_axe_finds_nothing_in_what_is_opened(
    scheme: str, server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server, bypass_csp=True, **DESKTOP, color_scheme=scheme) as tab:
        await tab.live()
        await expect(tab.page.locator("#objects li")).to_have_count(2)
        await tab.page.locator(".settings summary").click()
        await tab.page.keyboard.press("1")
        await tab.page.keyboard.press("w")  # the follow view
        async with asyncio.timeout(20):  # a held picture, once there are some
            while not await tab.page.locator("#to-live").is_visible():
                await tab.page.keyboard.press(",")
                await asyncio.sleep(0.2)
        assert await violations(tab) == []
        await tab.page.keyboard.press("?")
        await tab.page.get_by_role("dialog").wait_for()
        assert await violations(tab, min_passes=10) == []
        await tab.page.keyboard.press("Escape")
        await tab.page.keyboard.press("g")
        await expect(tab.page.locator("body")).to_have_class(re.compile("all"))
        assert await violations(tab) == []


async def fits(tab: Tab) -> None:
    """Nothing is cut at the screen's side, and what is touched is large enough."""
    width = tab.page.viewport_size["width"] if tab.page.viewport_size else 0
    assert await tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
    for node in await tab.page.locator(
        ".figures div:visible, .actions button:visible, .tools button:visible, .stage"
    ).all():
        box = await node.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= width, await node.inner_text()
    if not await tab.page.evaluate("() => matchMedia('(pointer: coarse)').matches"):
        return
    for node in await tab.page.locator("button:visible, select:visible, summary:visible, .mode label").all():
        box = await node.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= TARGET_PX, await node.evaluate("(node) => node.outerHTML")


@with_browser
async def test_long_labels_and_hidden_things_read_as_they_are(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server, **DESKTOP) as tab:
        await tab.live()
        field = tab.page.locator("#objects .label").first
        await expect(field).to_have_attribute("title", LABEL)
        await tab.page.locator("#curtain").wait_for(state="hidden")
        heading = tab.page.get_by_role("heading", level=1)
        assert await heading.count() == 1
        read = await tab.page.locator("body").aria_snapshot()
        assert "Connecting" not in read
        assert "offline" not in read


@with_browser
async def test_full_screen_shows_the_picture_alone(server: PageServer, chromium: Browsers) -> None:
    async with chromium.opened(server, **DESKTOP) as tab:
        await tab.live()
        for _ in range(2):
            await tab.page.keyboard.press("f")
            await expect(tab.page.locator("#stage:fullscreen")).to_have_count(1)
            await tab.page.keyboard.press("f")
            await expect(tab.page.locator("#stage:fullscreen")).to_have_count(0)


@with_browser
async def test_page_needs_nothing_from_elsewhere_and_its_policy_forbids_it(
    server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server, **DESKTOP) as tab:
        await tab.live()
        assert all(address.startswith((server.url, "blob:", "data:")) for address in tab.addresses)
        response = await tab.page.request.get(server.url)
        assert "script-src 'self'" in response.headers["content-security-policy"]
        assert (await tab.page.request.get(f"{server.url}/web/nothing.js")).status == 404
        assert (await tab.page.request.get(f"{server.url}/web/..%2f__init__.py")).status == 404


STANDING = """async (cases) => {
  const { standing } = await import("/web/standing.js");
  const base = {
    name: "cam",
    link: { up: true, error: null, nextTryAt: null },
    play: { state: "live", mjpeg: false, error: null },
    status: { state: "online", paused: false, detail: "" }, stalled: false, stands: false,
  };
  return cases.map(([change]) => {
    const now = { ...base, ...change };
    if (change.status) now.status = { ...base.status, ...change.status };
    return standing(now);
  });
}"""
CASES: list[tuple[dict[str, Any], list[Any]]] = [
    ({}, ["live", "Live", None, True, None]),
    ({"status": {"paused": True}}, ["paused", "Paused", None, False, None]),
    ({"status": {"state": "ended"}}, ["ended", "Ended", None, False, None]),
    (
        {"status": {"state": "offline"}},
        ["offline", "Camera offline", "The camera is offline", False, "offline"],
    ),
    ({"status": {"state": "failed"}}, ["offline", "Tracking failed", "Tracking has failed", False, "failed"]),
    ({"status": {"state": "stalled"}}, ["offline", "Tracking hangs", "Tracking hangs", False, "failed"]),
    (
        {"status": {"state": "loading"}},
        ["connecting", "Loading", "The model is being loaded…", False, "wait"],
    ),
    ({"stalled": True}, ["connecting", "No new pictures", "No new pictures arrive", True, "wait"]),
    ({"stands": True}, ["live", "Live", None, False, None]),
    (
        {"play": {"state": "connecting", "error": None}},
        ["connecting", "Connecting", "Connecting to the picture…", True, "wait"],
    ),
    (
        {"play": {"state": "refused", "error": {"status": 503}}},
        ["connecting", "Reconnecting", "Too many people watch this stream", True, "wait"],
    ),
    (
        {"link": {"up": False, "error": None, "nextTryAt": None}},
        ["connecting", "Reconnecting", "The server does not answer", False, "server"],
    ),
    (
        {"link": {"up": False, "error": {"status": 404}, "nextTryAt": 1}},
        ["connecting", "Reconnecting", "There is no stream cam on this server", False, "server"],
    ),
]


RETRIES: list[tuple[dict[str, Any], str | None]] = [
    ({"status": {"state": "offline", "next_try_at": 1}}, "retry"),
    ({"status": {"state": "offline"}}, None),
    ({"status": {"state": "failed"}}, "restart"),
    ({"status": {"state": "stalled"}}, "restart"),
    ({"link": {"up": False, "error": None, "nextTryAt": 1}}, "server"),
]
"""What the button over the picture asks for."""


@with_browser
async def test_no_state_but_live_is_green_and_none_but_tracking_is_seen(
    server: PageServer, chromium: Browsers
) -> None:
    async with chromium.opened(server, "/web/icon.svg") as tab:
        await tab.page.goto(server.url)
        shown = await tab.page.evaluate(STANDING, CASES)
        retries = await tab.page.evaluate(STANDING, RETRIES)
    fields = ("dot", "text", "curtain", "seen", "dead")
    found = [[one[name] for name in fields] for one in shown]
    told = [[value["text"] if isinstance(value, dict) else value for value in one] for one in found]
    assert told == [expected for _, expected in CASES]
    assert [one["curtain"]["retry"] for one in retries] == [expected for _, expected in RETRIES]


def texts(language: str) -> dict[str, str]:
    """A language's texts by name."""
    whole = "".join(path.read_text() for path in sorted(WEB.glob(f"texts-{language}*.js")))
    return dict(re.findall(r'^  (\w+):\s*"((?:[^"\\]|\\.)*)",$', whole, re.MULTILINE))


def test_every_text_of_the_page_is_in_the_table_and_every_text_of_the_table_is_used() -> None:
    table = set(texts("en"))
    sources = {path.name: path.read_text() for path in WEB.glob("*.js")}
    page = (WEB / "index.html").read_text()
    asked = set(re.findall(r'data-(?:text|title|label|placeholder)="(\w+)"', page))
    asked |= {name for text in sources.values() for name in re.findall(r'\btext\("(\w+)"', text)}
    added = {
        name for text in sources.values() if "addTexts(" in text for name in re.findall(r"(\w+): ", text)
    }
    assert asked - table - added == set()
    every = "".join(text for name, text in sources.items() if not name.startswith("texts-")) + page
    prefixes = (
        r"(state|stateTitle|event|error|deadPicture|undone|hint|draw|drawMore|name|kind|snooze|style|theme)_"
    )
    composed = rf"{prefixes}|(firstSteps|hintInclude|hintExclude)(Touch)?$"
    unused = {name for name in table if not re.match(composed, name) and every.count(f'"{name}"') == 0}
    assert unused == set()


def test_every_language_says_everything_with_the_same_values() -> None:
    english = texts("en")
    assert len(english) > 200
    languages = {path.name.split("-")[1].removesuffix(".js") for path in WEB.glob("texts-*.js")} - {"en"}
    assert "de" in languages
    for language in languages:
        other = texts(language)
        assert other.keys() == english.keys(), language
        values = {name: set(re.findall(r"\{\w+\}", words)) for name, words in english.items()}
        assert {name: set(re.findall(r"\{\w+\}", words)) for name, words in other.items()} == values


def test_every_event_is_told_or_is_seen_otherwise() -> None:
    of_objects = ("corrected", "labeled", "tracking", "uncertain", "occluded", "conditioning_evicted")
    elsewhere = ("ptz", "stream_added", "stream_removed", "recording_stopped", "recording_resumed")
    told = {name.removeprefix("event_") for name in texts("en") if name.startswith("event_")}
    assert {str(kind) for kind in EventKind} - told == {*of_objects, *elsewhere}


def test_page_files_are_small() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in WEB.iterdir()}
    assert {name: length for name, length in lengths.items() if length > 350} == {}
