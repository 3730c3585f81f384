"""What axe says of a page."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python.base as axe

from tests.support.browser_tab import Tab

AXE = Path(axe.__file__).with_name("axe.min.js")
MIN_PASSES = 25
"""Fewer would mean that axe has looked at next to nothing."""


async def violations(tab: Tab, min_passes: int = MIN_PASSES) -> list[str]:
    """Everything that it finds wrong; the tab was opened with `bypass_csp`, or the page's policy keeps it
    out. `min_passes`: what it must have looked at; a question hides the page behind it."""
    await tab.page.evaluate(AXE.read_text())
    found = await tab.page.evaluate("() => axe.run()")
    assert len(found["passes"]) > min_passes, "axe has looked at next to nothing"
    return [
        f"{one['impact']} {one['id']}: {node['html'][:120]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
