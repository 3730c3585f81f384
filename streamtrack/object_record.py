"""The fields of a followed object, listed once. Wire, HTTP, CSV and JSON derive theirs from this list.

A field that is added to `ObjectRecord` shows on every endpoint and in every table without another edit;
readers skip keys that they do not know. Light to import: no numpy, no torch, no pydantic.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

from msgspec import Meta

SCORE_DIGITS, CENTROID_DIGITS = 4, 2
"""Decimals in tables for people; messages carry all of them."""
_PARTS = {"box": ("x0_px", "y0_px", "x1_px", "y1_px"), "centroid": ("centroid_x_px", "centroid_y_px")}
"""Fields of several numbers, as the columns of a table."""

MAX_MEMORY_BYTES = 64 << 20
"""Of an object's memory as a file: the longest reach that can be configured, at SAM 2's 1024 pixels."""

ObjectId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Pixels = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectRecord:
    """What is told of one object on one frame, beside its mask."""

    object_id: ObjectId
    """The caller's name for the object."""
    label: str
    """What a person calls it; may be empty."""
    state: str
    """tracking, uncertain, occluded, lost or unseen; `pending` before its first frame."""
    object_score: Share
    """Probability that the object is visible, 0 to 1 (sigmoid of the object score logits)."""
    iou_score: Share
    """The model's own estimate of the mask's IoU, 0 to 1."""
    box: tuple[Pixels, Pixels, Pixels, Pixels]
    """x0, y0, x1, y1 in pixels of the frame, x1 and y1 exclusive; all 0 where the mask is empty."""
    area_px: Pixels
    """Pixels in the mask."""
    centroid: tuple[float, float] | None
    """Mean x, y of the mask's pixel centres in pixels, None where the mask is empty."""
    carried_frames: Annotated[int, Meta(ge=0)] = field(default=0, kw_only=True)
    """Frames since the network looked at it, over which optical flow carried its mask; 0: it looked here."""


@dataclass(frozen=True, slots=True)
class ObjectInfo(ObjectRecord):
    """An object that is followed, as of the newest tracked frame: what `list` and the status answer."""

    added_at_frame: int
    """Tracked frame of its first prompt; -1 while pending."""


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask as COCO run-length encoding, as pycocotools writes it."""

    size: tuple[int, int]
    """H, W in pixels."""
    counts: str
    """COCO's compressed counts."""


@dataclass(frozen=True, slots=True)
class CandidateInfo:
    """One of the masks that a click may mean: the whole, a part, a detail."""

    index: int
    """What `choose` takes; 0 is the largest."""
    chosen: bool
    """Whether the object has this one."""
    iou_score: Share
    """The model's own estimate of the mask's IoU, 0 to 1."""
    area_px: Pixels
    """Pixels in the mask."""
    box: tuple[Pixels, Pixels, Pixels, Pixels]
    """x0, y0, x1, y1 in pixels of the frame, x1 and y1 exclusive; all 0 where the mask is empty."""
    mask: RunLengths
    """On the frame of the click."""


RECORD_FIELDS: dict[str, Any] = {
    name: kind
    for name, kind in get_type_hints(ObjectRecord, include_extras=True).items()
    if name in {field.name for field in dataclasses.fields(ObjectRecord)}
}
"""Name and type of each field, bounds included, in their order."""

DEFAULTS = {
    each.name: (each.default,)
    for each in dataclasses.fields(ObjectRecord)
    if each.default is not dataclasses.MISSING
}
"""Of fields that messages of older publishers lack."""

COLUMNS = tuple(column for name in RECORD_FIELDS for column in _PARTS.get(name, (name,)))
"""The columns of a table, see `table_row`."""


def record_of(item: ObjectRecord) -> dict[str, Any]:
    """The fields as plain values by name, every number finite and every share within 0 to 1."""
    values = {name: getattr(item, name) for name in RECORD_FIELDS}
    values["state"] = str(values["state"])
    return {name: _share(value) if RECORD_FIELDS[name] == Share else value for name, value in values.items()}


def table_row(item: ObjectRecord) -> tuple[Any, ...]:
    """The fields as COLUMNS, rounded for people; None where there is no value."""
    return tuple(_cells(record_of(item)))


def _cells(values: dict[str, Any]) -> Iterator[Any]:
    for name, value in values.items():
        if name not in _PARTS:
            yield round(value, SCORE_DIGITS) if isinstance(value, float) else value
        elif value is None:
            yield from (None for _ in _PARTS[name])
        else:
            yield from (round(part, CENTROID_DIGITS) for part in value)


def _share(value: float) -> float:
    """A probability that floating point left a hair outside 0 to 1, put back inside; NaN becomes 0."""
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, value))
