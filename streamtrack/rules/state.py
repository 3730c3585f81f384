"""What is known of a rule at one moment, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Point = tuple[float, float]
"""x, y in pixels of the frame."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A tracked frame and its time."""

    frame_idx: int
    """Counts tracked frames."""
    time_ns: int
    """Stream time: nanoseconds since the first frame."""


@dataclass(frozen=True, slots=True)
class Inside:
    """An object in a zone."""

    object_id: int
    label: str
    """What a person calls it; may be empty."""
    class_name: str
    """Of COCO's 80; empty where it is not known."""
    dwell_s: float
    """Seconds since it entered, those in which it was hidden included."""
    speed_mps: float | None
    """Metres a second; None without a scale, or before it was seen for long enough."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule's answers at one moment. Counts are those since it was made."""

    name: str
    kind: str
    """zone or line."""
    fault: str | None = None
    """Why it is not in force, in one line; None where it is."""
    inside: tuple[Inside, ...] = ()
    """Zones: who is in it."""
    entered: int = 0
    """Zones: how many entered, those that were inside when first seen included."""
    left: int = 0
    """Zones: how many left."""
    forward: int = 0
    """Lines: how many crossed from its left side to its right."""
    backward: int = 0
    """Lines: how many crossed the other way."""
    by_class: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """entered, left, forward and backward, each by class; objects of no class under an empty name."""


@dataclass(frozen=True, slots=True)
class DrawnRule:
    """A rule as the picture shows it."""

    name: str
    points: tuple[Point, ...]
    """x, y in shares of the picture."""
    is_zone: bool
    """Closed, or open."""
    text: str
    """Its counts."""
    active: bool
    """Somebody is in it."""
