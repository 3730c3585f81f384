"""Where to look for an object next, by where it was seen. Pure numbers: no picture, no network.

The window is a rectangle of the network's aspect around the place where the object is expected, some times
as long as the object's longer side. It follows in size at once, because an object that comes nearer fills a
window that lags; its centre runs ahead by the object's own motion. While the object is hidden the window
grows until it is the whole picture; while it is lost the whole picture is looked at now and then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from streamtrack.engine.view import View
from streamtrack.frame import BoolMask
from streamtrack.model.interface import Size

Extent = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the picture."""

HIDDEN_LONG = 1_000
"""Frames of being hidden after which a window grows no more: it has long been the whole picture, and the
number would overflow in the end."""
OUTLIERS = 0.01
"""Share of a mask's pixels on each side that does not count for its extent."""


@dataclass(frozen=True, slots=True)
class WindowRules:
    """How large windows are, and when there is one. Lengths of windows are heights, in pixels."""

    factor: float = 2.0
    """Window height over the object's longer side, for one that stands still."""
    only_small: bool = True
    """No window where it would be `largest` of the picture or more."""
    largest: float = 1.0
    """Of the picture's longer side: larger windows show the whole picture instead."""
    speed_gain: float = 1.0
    """How much of the object's step from frame to frame is added on each side."""
    lead: float = 1.0
    """By how much of that step the window runs ahead."""
    shrink: float = 0.0
    """What is left, from frame to frame, of the size that windows are made for where masks are smaller:
    a mask that loses a part must not lose the window for it."""
    growth: float = 1.05
    """Of the window, for every frame on which the object is hidden."""
    look_every: int = 8
    """While the object is hidden and its window has not grown to the picture, every so many frames one look
    at all of it."""
    aspect: float = 1.0
    """Width over height of what the network sees."""
    least_px: float = 96.0
    """Height of the smallest window."""

    def around(self, extent: Extent, frame_size: Size, speed_px: float = 0.0) -> View | None:
        """The window for an object; None: the whole picture."""
        return self.sized(centre_of(extent), self.height_for(self.length(extent), speed_px), frame_size)

    def length(self, extent: Extent) -> float:
        """The longer side of an object, as a height."""
        return max((extent[2] - extent[0]) / self.aspect, extent[3] - extent[1])

    def height_for(self, length_px: float, speed_px: float = 0.0) -> float:
        """How high the window of an object is."""
        return max(self.factor * length_px + 2 * self.speed_gain * speed_px, self.least_px)

    def sized(self, centre: tuple[float, float], height: float, frame_size: Size) -> View | None:
        """A window of a height about a centre; None where it is as good as the whole picture."""
        most = self.most(frame_size)
        if height >= self.largest * most:
            if self.only_small:
                return None
            height = min(height, most)
        return View.round(centre, height * self.aspect, height)

    def most(self, frame_size: Size) -> float:
        """Height of the window that holds the whole picture."""
        return max(frame_size[0], frame_size[1] / self.aspect)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known of an object on one frame."""

    centre: tuple[float, float]
    """x, y of where it was, or was last."""
    length: float
    """The height that its window is made for."""
    step: tuple[float, float]
    """x, y in pixels: how far it goes from frame to frame."""
    hidden: int
    """Frames since it was seen; 0: it was seen on this one."""
    frame_size: Size


@dataclass(slots=True)
class ObjectWindow:
    """The window of one object, over its frames; frames are numbered by key, ascending."""

    rules: WindowRules
    history: int
    """Frames of which it is kept what was seen, for corrections."""
    _seen: dict[int, Seen] = field(default_factory=dict)
    _cuts: set[int] = field(default_factory=set)

    def view(self, key: int, frame_size: Size) -> View | None:
        """Through which window to look on a frame, by what was seen before; None: the whole picture."""
        last = self._before(key, frame_size)
        if last is None:
            return None
        rules, speed = self.rules, math.hypot(*last.step)
        if last.hidden and last.hidden % rules.look_every == 0:
            return None
        centre = last.centre
        if not last.hidden:
            centre = centre[0] + rules.lead * last.step[0], centre[1] + rules.lead * last.step[1]
        height = rules.height_for(last.length, speed) * rules.growth ** min(last.hidden, HIDDEN_LONG)
        if last.hidden and height >= rules.largest * rules.most(frame_size):
            return None
        return rules.sized(centre, height, frame_size)

    def hidden(self, key: int) -> int:
        """Frames before one on which the object was not seen; 0 also where nothing is known."""
        last = None if key in self._cuts else self.last(key - 1)
        return 0 if last is None else last.hidden

    def note(self, key: int, extent: Extent | None, frame_size: Size) -> None:
        """What was seen on a frame; `extent` is None where the object was hidden."""
        last = self._before(key, frame_size)
        if extent is not None:
            centre, length, step = centre_of(extent), self.rules.length(extent), (0.0, 0.0)
            if last is not None:
                length = max(length, self.rules.shrink * last.length)
                if not last.hidden:
                    step = _step(last.centre, centre, length)
            self._keep(key, Seen(centre, length, step, 0, frame_size))
        elif last is not None:
            self._keep(key, replace(last, hidden=last.hidden + 1))

    def last(self, key: int) -> Seen | None:
        """What is known after a frame; None where it was never seen."""
        index = max((index for index in self._seen if index <= key), default=None)
        if index is None or any(index < cut <= key for cut in self._cuts):
            return None
        return self._seen[index]

    def resume(self, key: int, seen: Seen) -> None:
        """Go on behind a frame from what was known after it."""
        self._keep(key, seen)

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on: it will be looked at again."""
        for index in [index for index in self._seen if index >= key]:
            del self._seen[index]

    def note_cut(self, key: int) -> None:
        """With a frame another scene begins: what was seen before says nothing of where to look."""
        self._cuts.add(key)

    def hold(self, key: int, frame_size: Size) -> None:
        """Nothing can be told of a frame; the next one is looked at as this one was."""
        last = self._before(key, frame_size)
        if last is not None:
            self._keep(key, last)

    def _before(self, key: int, frame_size: Size) -> Seen | None:
        """What is known before a frame, in pixels of that frame."""
        index = max((index for index in self._seen if index < key), default=None)
        if index is None or any(index < cut <= key for cut in self._cuts):
            return None
        return _rescaled(self._seen[index], frame_size)

    def _keep(self, key: int, seen: Seen) -> None:
        self._seen[key] = seen
        for index in [index for index in self._seen if index <= key - self.history]:
            del self._seen[index]
        self._cuts = {cut for cut in self._cuts if cut > key - self.history}


def extent_of(crop: BoolMask, box: Sequence[int]) -> Extent | None:
    """The extent of a mask given as its crop at a box: without the outermost hundredth of its pixels on each
    side, which stray ones would decide; None where it is empty."""
    if not crop.size:
        return None
    x0, x1 = _middle(crop.sum(axis=0))
    y0, y1 = _middle(crop.sum(axis=1))
    return box[0] + x0, box[1] + y0, box[0] + x1, box[1] + y1


def _middle(counts: np.ndarray[tuple[int], np.dtype[np.int_]]) -> tuple[float, float]:
    """First and last place, end exclusive, of all but the outermost pixels."""
    below = np.cumsum(counts)
    limit = OUTLIERS * below[-1]
    first = int(np.searchsorted(below, limit, side="right"))
    last = int(np.searchsorted(below, below[-1] - limit, side="left"))
    return float(first), float(max(last, first) + 1)


def centre_of(extent: Extent) -> tuple[float, float]:
    """x, y of its middle."""
    return (extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2


def _step(before: tuple[float, float], now: tuple[float, float], length_px: float) -> tuple[float, float]:
    """How far it goes a frame: no further than half its length, which is rather another mask."""
    dx, dy = now[0] - before[0], now[1] - before[1]
    share = min(1.0, length_px / 2 / max(math.hypot(dx, dy), 1e-6))
    return dx * share, dy * share


def _rescaled(seen: Seen, frame_size: Size) -> Seen:
    """The same in a picture of another size, which is taken to show the same."""
    if seen.frame_size == frame_size:
        return seen
    y, x = (now / before for now, before in zip(frame_size, seen.frame_size, strict=True))
    centre, step = ((at[0] * x, at[1] * y) for at in (seen.centre, seen.step))
    return Seen(centre, seen.length * y, step, seen.hidden, frame_size)
