"""Tracked frames whose masks are known exactly: discs and boxes that walk where a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from streamtrack.frame import BoolMask, Event, Frame, FrameResult, ObjectMask, ObjectState, StageTimes
from streamtrack.rules.book import RuleBook

WIDTH, HEIGHT, FPS = 320, 240, 25
IMAGE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
Place = tuple[float, float]
"""x, y of a box's foot: the middle of its lowest row."""


def box_mask(
    foot: Place, size: tuple[int, int] = (20, 40), frame: tuple[int, int] = (HEIGHT, WIDTH)
) -> BoolMask:
    """(H, W) bool: a box of width, height that stands on its foot; cut at the picture's edge."""
    mask = np.zeros(frame, np.bool_)
    x, y = round(foot[0]), round(foot[1])
    left, right = max(0, x - size[0] // 2), max(0, x + size[0] // 2)
    mask[max(0, y - size[1]) : max(0, y), left:right] = True
    return mask


def frame_at(index: int, fps: float = FPS, *, gap_s: float = 0.0, image: Any = IMAGE) -> Frame:
    """Frame `index` of a film; `gap_s` is time before it that nobody saw."""
    at_ns = int((index / fps + gap_s) * 1e9)
    return Frame(image, index, int(at_ns // 1000), Fraction(1, 1_000_000), at_ns, at_ns, gap_before=gap_s > 0)


def result_at(
    index: int,
    masks: Mapping[int, BoolMask | None],
    *,
    labels: Mapping[int, str] | None = None,
    state: ObjectState | None = None,
    frame: Frame | None = None,
) -> FrameResult:
    """A tracked frame with these masks; None or an empty one is hidden."""
    frame = frame or frame_at(index)
    objects = {}
    for object_id, mask in masks.items():
        seen = np.zeros((frame.height_px, frame.width_px), np.bool_) if mask is None else mask
        found = ObjectState.TRACKING if seen.any() else ObjectState.OCCLUDED
        label = (labels or {}).get(object_id, "")
        objects[object_id] = ObjectMask.from_mask(seen, object_id, label=label, state=state or found)
    return FrameResult(index, frame, objects, StageTimes())


def walk(
    book: RuleBook, ways: Mapping[int, Callable[[int], Place | None]], frames: Iterable[int]
) -> list[Event]:
    """What a book tells of boxes whose feet go these ways; None: hidden."""
    events: list[Event] = []
    for index in frames:
        places = {object_id: way(index) for object_id, way in ways.items()}
        masks = {one: None if place is None else box_mask(place) for one, place in places.items()}
        events += book.take(result_at(index, masks))
    return events


def straight(start: Place, end: Place, frames: int, first: int = 0) -> Callable[[int], Place]:
    """A way at one speed that begins on frame `first` and stands at its end."""

    def at(index: int) -> Place:
        share = min(1.0, max(0.0, (index - first) / frames))
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return at


def kinds(events: Iterable[Event]) -> Iterator[tuple[str, int | None]]:
    return ((event.kind.value, event.object_id) for event in events)
