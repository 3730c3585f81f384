"""What of a stream's rules outlives the process: their counts, and who is where. Moments are told by how long
ago they were."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from streamtrack.config import LineRule, ZoneRule
from streamtrack.object_record import ObjectId

MAX_RULES, MAX_VISITORS, MAX_CLASSES = 1024, 4096, 256

Ago = Annotated[int, Meta(ge=0, le=2**62)]
Place = Annotated[float, Meta(ge=-1e6, le=1e6)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Name = Annotated[str, Meta(max_length=128)]


class KeptVisitor(msgspec.Struct, frozen=True):
    """An object that a zone has seen."""

    object_id: ObjectId
    label: Name
    class_name: Name
    seen_ago_ns: Ago
    entered_ago_ns: Ago | None
    """None: it is not inside."""
    has_loitered: bool
    was_outside: bool


class KeptWalker(msgspec.Struct, frozen=True):
    """An object's way to a line."""

    object_id: ObjectId
    at: tuple[Place, Place]
    seen_ago_ns: Ago
    crossings: Annotated[int, Meta(ge=-(2**31), le=2**31)]


class KeptRule(msgspec.Struct, frozen=True):
    """A zone or line: what it counted, whom it knows."""

    name: Name
    digest: Name
    """See `digest_of`: counts belong to a rule as it is."""
    tally: Annotated[dict[Name, dict[Name, Count]], Meta(max_length=8)] = {}
    visitors: Annotated[list[KeptVisitor], Meta(max_length=MAX_VISITORS)] = []
    walkers: Annotated[list[KeptWalker], Meta(max_length=MAX_VISITORS)] = []


class KeptRules(msgspec.Struct, frozen=True):
    """A stream's."""

    rules: Annotated[list[KeptRule], Meta(max_length=MAX_RULES)] = []
    classes: Annotated[list[tuple[ObjectId, Name]], Meta(max_length=MAX_VISITORS)] = []
    """Of objects whose beginning told it."""
    frame_size: tuple[int, int] | None = None
    """H, W in pixels of the picture that ways are on; None before the first."""


def digest_of(rule: ZoneRule | LineRule) -> str:
    """Differs where a rule is another one, or has changed."""
    return hashlib.sha256(rule.model_dump_json().encode()).hexdigest()[:32]
