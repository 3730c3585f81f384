"""What a memory plan knows of an object, as plain values: to be kept in a file and gone on with.

Frames are told as `ago`, 1 for the newest, so that they fit any numbering. Numbers come back bit for bit.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from streamtrack.errors import PromptError
from streamtrack.tracking.colours import BANDS, BINS
from streamtrack.tracking.gallery import GALLERY
from streamtrack.tracking.kalman import Coordinate, Motion
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_rules import MemoryRules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.past import Past
from streamtrack.tracking.whereabouts import Stranger, Whereabouts

VERSION = 2
COLOURS_SHAPE = BANDS, BINS[0] * BINS[1] * BINS[2]
MAX_TOLD_CHARS = 120
MAX_NUMBER = 1e9
"""Of places, speeds and their spreads: whatever is squared stays far from the end of numbers."""
MAX_AREAS = 64
"""Areas that a document may carry; more than any watch keeps."""


def to_document(watch: MemoryWatch, key: int) -> dict[str, Any]:
    """JSON values, less than 64 KB; empty where the watch has seen nothing.

    Args:
        key: the newest key frame.
    """
    newest = watch.newest
    if newest is None:
        return {}
    seen_key, past = newest
    return {
        "plan": watch.rules.name,
        "version": VERSION,
        "ago": key + 1 - seen_key,
        "motion": None if past.motion is None else [list(one) for one in astuple(past.motion)],
        "stable": past.stable,
        "frame_size": list(past.frame_size),
        "areas": list(past.areas),
        "gallery": [_look_text(look) for look in past.gallery],
        "gallery_ago": key + 1 - past.gallery_key,
        "anchor_ago": None if past.anchor_key is None else key + 1 - past.anchor_key,
        "last_box": None if past.last_box is None else list(past.last_box),
        "hidden": past.hidden,
        "agreeing": past.agreeing,
        "unfit": past.unfit,
        "partly": past.partly,
        "where": _where_text(past.where),
    }


def from_document(document: Mapping[str, Any], rules: MemoryRules, history: int, key: int) -> MemoryWatch:
    """The watch that was written, to go on behind a key frame; a fresh one where the document is empty or of
    another plan.

    Raises:
        PromptError: it is none of ours.
    """
    watch = MemoryWatch(rules, history)
    if not document or document.get("plan") != rules.name:
        return watch
    if document.get("version") != VERSION:
        raise PromptError(f"memory plan: version is {document.get('version')!r}, expected {VERSION}")
    try:
        watch.resume(key + 1 - _whole(document["ago"]), _past_of(document, key))
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        found = " ".join(str(error).split())[:MAX_TOLD_CHARS]
        raise PromptError(f"memory plan: its document is damaged ({found}), expected one of ours") from None
    return watch


def _past_of(document: Mapping[str, Any], key: int) -> Past:
    motion, box, anchor = document["motion"], document["last_box"], document["anchor_ago"]
    height, width = (_whole(side) for side in document["frame_size"])
    areas = tuple(_whole(area) for area in document["areas"])
    gallery = tuple(_look_of(text) for text in document["gallery"])
    shapes = {look.features.shape for look in gallery}
    if len(areas) > MAX_AREAS or len(gallery) > GALLERY or len(shapes) > 1:
        raise ValueError(f"{len(areas)} areas and {len(gallery)} looks")
    return Past(
        motion=None if motion is None else _motion_of(motion),
        stable=_whole(document["stable"]),
        frame_size=(height, width),
        areas=areas,
        gallery=gallery,
        gallery_key=key + 1 - _whole(document["gallery_ago"]),
        anchor_key=None if anchor is None else key + 1 - _whole(anchor),
        last_box=None if box is None else _box_of(box),
        hidden=_whole(document["hidden"]),
        agreeing=_whole(document["agreeing"]),
        unfit=_whole(document["unfit"]),
        partly=_whole(document["partly"]),
        where=_where_of(document["where"]),
    )


def _motion_of(numbers: Sequence[Sequence[float]]) -> Motion:
    x, y, aspect, height = (Coordinate(*(_finite(number) for number in one)) for one in numbers)
    return Motion(x, y, aspect, height)


def _box_of(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (_finite(number) for number in numbers)
    return x0, y0, x1, y1


def _look_text(look: KnownLook) -> list[str]:
    features = base64.b64encode(look.features.astype("<f4").tobytes()).decode()
    if look.colours is None:
        return [features]
    return [features, base64.b64encode((look.colours * 255).round().astype(np.uint8).tobytes()).decode()]


def _look_of(texts: Sequence[str]) -> KnownLook:
    features = np.frombuffer(base64.b64decode(texts[0], validate=True), "<f4").astype(np.float32)
    if not np.isfinite(features).all():
        raise ValueError("a look that is not finite")
    if len(texts) == 1:
        return KnownLook(features)
    colours = np.frombuffer(base64.b64decode(texts[1], validate=True), np.uint8)
    return KnownLook(features, colours.reshape(COLOURS_SHAPE).astype(np.float32) / np.float32(255))


def _where_text(where: Whereabouts) -> dict[str, Any]:
    stranger = where.stranger
    return {
        "pace": None if where.pace is None else list(where.pace),
        "length": where.length,
        "leaving": where.leaving,
        "away": where.away,
        "stranger": None if stranger is None else [list(one) for one in astuple(stranger.motion)],
        "unseen": 0 if stranger is None else stranger.unseen,
    }


def _where_of(document: Mapping[str, Any]) -> Whereabouts:
    pace, stranger = document["pace"], document["stranger"]
    x, y = (None, None) if pace is None else (_finite(pace[0]), _finite(pace[1]))
    if not isinstance(document["leaving"], bool):
        raise ValueError(f"{document['leaving']!r} for true or false")
    return Whereabouts(
        pace=None if x is None or y is None else (x, y),
        length=_finite(document["length"]),
        leaving=document["leaving"],
        away=_whole(document["away"]),
        stranger=None if stranger is None else Stranger(_motion_of(stranger), _whole(document["unseen"])),
    )


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not -(2**53) < number < 2**53:
        raise ValueError(f"{number!r} for a whole number")
    return number


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= MAX_NUMBER:
        raise ValueError(f"{number!r} for a number of pixels and frames")
    return float(number)
