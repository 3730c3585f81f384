"""`streams.N.rules`: zones and lines, and what is told of the objects in and at them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

RULE_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w.-])?")
MAX_RULES = 64
"""Zones and lines of one stream."""
MAX_POINTS = 64
"""Corners of one zone, or points of one line."""
MAX_COORDINATE = 16_384
"""Wider pictures are not taken in."""


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


Coordinate = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=MAX_COORDINATE)]
Corner = tuple[Coordinate, Coordinate]


class RuleConfig(Section):
    """What a zone and a line have in common."""

    name: str
    """Names the rule in events, addresses and topics: letters, digits, blanks, `_`, `.`, `-`, at most 64
    characters; each rule of a stream its own."""
    points: tuple[Corner, ...] = Field(max_length=MAX_POINTS)
    """x, y of the corners, in order, in `unit`."""
    unit: Literal["px", "share"] = "px"
    """px: pixels of the picture that is tracked. share: of its width and height, 0 to 1, which holds for any
    size of picture; what the page draws is stored so."""
    test: Literal["foot", "centre", "mask"] = "foot"
    """Which part of the object is looked at. foot: the middle of the mask's lowest fifth, where people and
    cars touch the ground. centre: the mean of the mask's pixels. mask: all of its pixels; a zone asks for
    `share` of them, a line counts once none touches it any more."""
    classes: tuple[str, ...] = ()
    """Only objects of these of COCO's 80 classes: those that the detector started as one, and those whose
    label is one. Empty: any."""
    labels: tuple[str, ...] = Field((), max_length=64)
    """Only objects with one of these labels. Empty: any."""
    hold_frames: int = Field(3, ge=1, le=1_000)
    """Frames in a row for which a new answer must hold before it is believed. More ignores longer jitter, and
    tells that much later; the event names the frame on which it began, so that times stay exact."""
    hold_ms: int = Field(0, ge=0, le=600_000)
    """The same in milliseconds; both must be met."""
    margin_px: float | None = Field(None, ge=0, le=MAX_COORDINATE)
    """How far behind the border the point must be, in pixels, for `hold_frames` in a row, before its side is
    believed. Larger ignores wider jitter. A zone also believes what holds for two seconds nearer to it; who
    stands on a line has not crossed it. null: 0.3 of the object's size (the square root of its area), at
    least 2, and no more than a quarter of the way to the middle of a narrow zone. Not for `test: mask`."""
    hidden_ms: int = Field(10_000, ge=0, le=86_400_000)
    """How long an object may be hidden, or the camera away, without having left: its dwell goes on, and the
    way from where it was to where it is again counts as walked. Afterwards it has left when it was last
    seen."""

    @field_validator("name")
    @classmethod
    def _name_is_one(cls, value: str) -> str:
        if not RULE_NAME.fullmatch(value):
            got = describe_value(value)
            raise ValueError(f"rule name is {got}, expected letters, digits, blanks, '_', '.', '-'")
        return value

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value

    @model_validator(mode="after")
    def _points_are_inside(self) -> Self:
        if self.unit == "share":
            for x, y in self.points:
                if x > 1 or y > 1:
                    raise ValueError(
                        f"rule {self.name!r}: a point is {x:g}, {y:g}, outside the picture: "
                        "expected shares from 0 to 1"
                    )
        return self


class ZoneRule(RuleConfig):
    """A polygon: who is in it, since when, and how many."""

    kind: Literal["zone"] = "zone"
    """Says over HTTP that it is a zone."""
    share: float = Field(0.5, gt=0, le=1)
    """With `test: mask`: the share of the object's pixels that must be inside. 1: all of it, 0.01: hardly
    more than a touch."""
    loiter_ms: int | None = Field(None, ge=100, le=86_400_000)
    """An object that is inside for so long is told as `loitering`, once for each stay. null: never."""

    @model_validator(mode="after")
    def _is_a_polygon(self) -> Self:
        fault = polygon_fault(self.points)
        if fault is not None:
            raise ValueError(f"zone {self.name!r} {fault}")
        return self


class LineRule(RuleConfig):
    """A line of two or more points: who crosses it, and which way."""

    kind: Literal["line"] = "line"
    """Says over HTTP that it is a line."""
    forward: str = Field("in", min_length=1, max_length=32)
    """What the way from its left side to its right is called, as seen from the first point towards the last:
    down over a line that is drawn from left to right."""
    backward: str = Field("out", min_length=1, max_length=32)
    """What the other way is called."""

    @model_validator(mode="after")
    def _is_a_line(self) -> Self:
        if len(set(self.points)) < 2:
            raise ValueError(f"line {self.name!r} has {len(set(self.points))} points, expected at least 2")
        if any(a == b for a, b in zip(self.points, self.points[1:], strict=False)):
            raise ValueError(f"line {self.name!r} has the same point twice in a row")
        if self.forward == self.backward:
            raise ValueError(f"line {self.name!r} has one name for both directions, expected two")
        return self


AnyRule = Annotated[ZoneRule | LineRule, Field(discriminator="kind")]


class GroundConfig(Section):
    """Four points of the ground in the picture, and where they lie in metres: a homography."""

    points: tuple[Corner, ...]
    """x, y of four points on the ground, in `unit`; no three on one line."""
    unit: Literal["px", "share"] = "px"
    """px: pixels of the picture. share: of its width and height, 0 to 1."""
    metres: tuple[tuple[float, float], ...]
    """Where the same four lie on the ground: x, y in metres from any corner of your choice."""

    @model_validator(mode="after")
    def _four_that_span_a_plane(self) -> Self:
        for key, points in (("points", self.points), ("metres", self.metres)):
            if len(points) != 4:
                raise ValueError(f"ground.{key} holds {len(points)} points, expected 4")
            for left_out in range(4):
                (ax, ay), (bx, by), (cx, cy) = (p for i, p in enumerate(points) if i != left_out)
                if abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) < 1e-9:
                    raise ValueError(f"ground.{key} has three points on one line, expected four corners")
        return self


class ScaleConfig(Section):
    """From pixels to metres, so that speeds are told. One of the two."""

    pixels_per_metre: float | None = Field(None, gt=0)
    """For a camera that looks straight down, or objects at one distance."""
    ground: GroundConfig | None = None
    """For a camera that looks along the ground: the object's foot is followed on it."""
    window_ms: int = Field(500, ge=100, le=10_000)
    """A speed is that of the last so many milliseconds. Longer is steadier, and late."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.pixels_per_metre is None) == (self.ground is None):
            raise ValueError("scale needs either pixels_per_metre or ground")
        return self


class RulesConfig(Section):
    """Zones and lines of one stream."""

    zones: tuple[ZoneRule, ...] = ()
    """Polygons."""
    lines: tuple[LineRule, ...] = ()
    """Lines of two or more points."""
    scale: ScaleConfig | None = None
    """From pixels to metres. null: no speeds."""
    file: Path | None = None
    """Where rules are kept that are made over HTTP and in the page; a relative path begins at the config's
    folder. Written whole or not at all. null: they end with the process."""
    thumbnail_px: int = Field(160, ge=0, le=320)
    """Longer side of the object's picture (JPEG) in each event. 0: none."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        fault = names_fault((*self.zones, *self.lines))
        if fault is not None:
            raise ValueError(fault)
        return self


def names_fault(rules: tuple[ZoneRule | LineRule, ...]) -> str | None:
    """What is wrong with rules that each are sound; None where nothing is."""
    for name, times in Counter(rule.name for rule in rules).items():
        if times > 1:
            return f"rule name {name!r} is used {times} times, expected once"
    if len(rules) > MAX_RULES:
        return f"there are {len(rules)} rules, expected at most {MAX_RULES}"
    return None


def polygon_fault(points: tuple[Corner, ...]) -> str | None:
    """Why the points make no polygon, to follow its name; None where they do."""
    corners = len(set(points))
    if corners < 3:
        return f"has {corners} points, expected at least 3"
    import shapely  # a tenth of a second that only whoever has a zone pays
    from shapely.validation import explain_validity

    polygon = shapely.Polygon(points)
    if shapely.MultiPoint(points).convex_hull.area == 0:
        return "has no area, expected corners that are not on one line"
    if not polygon.is_valid:
        reason, _, place = explain_validity(polygon).partition("[")
        x, _, y = place.rstrip("]").partition(" ")
        where = f" at {float(x):g}, {float(y):g}" if y else ""
        what = "crosses itself" if reason == "Self-intersection" else f"is no polygon ({reason.lower()})"
        return f"{what}{where}, expected corners in order along its edge"
    return None
