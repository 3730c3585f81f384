"""Windows for several objects: those that all but coincide become one, which is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

from streamtrack.engine.view import View

SHARED = 1.15
"""How much higher than the lowest of them a window may be that several objects share."""


def share(wanted: Sequence[View | None]) -> list[View | None]:
    """Windows for objects that want these: those that all but coincide become one."""
    shared: list[tuple[View, list[int]]] = []
    lowest_first = sorted(((i, view) for i, view in enumerate(wanted) if view), key=lambda one: one[1].height)
    for index, view in lowest_first:
        for place, (window, members) in enumerate(shared):
            both = _hull_of(window, view)
            if both.height <= SHARED * min(one.height for i, one in lowest_first if i in members):
                shared[place] = both, [*members, index]
                break
        else:
            shared.append((view, [index]))
    window_of = {index: window for window, members in shared for index in members}
    return [window_of.get(index) for index in range(len(wanted))]


def _hull_of(first: View, second: View) -> View:
    """The smallest window of their aspect that holds two."""
    x0, y0 = min(first.x0, second.x0), min(first.y0, second.y0)
    x1 = max(first.x0 + first.width, second.x0 + second.width)
    y1 = max(first.y0 + first.height, second.y0 + second.height)
    aspect = first.width / first.height
    height = max((x1 - x0) / aspect, y1 - y0)
    return View.round(((x0 + x1) / 2, (y0 + y1) / 2), height * aspect, height)
