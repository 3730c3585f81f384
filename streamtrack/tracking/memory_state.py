"""The JSON text in an object's memory: everything of it that is no tensor, each number with its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from torch import Tensor

from streamtrack.engine.carried import CarriedMemory
from streamtrack.engine.read_plan import Evidence
from streamtrack.engine.view import View
from streamtrack.errors import ObjectMemoryError
from streamtrack.frame import ObjectState
from streamtrack.object_record import ObjectId
from streamtrack.tracking.one_body import KNOWN_FRAMES, KnownBody
from streamtrack.tracking.outline import Outline
from streamtrack.tracking.tracked_object import Standing
from streamtrack.tracking.window_policy import Seen

MAX_PLAN_BYTES = 65_536
"""Of a memory plan's own part, as JSON."""
LARGEST_WINDOW_PX = 1 << 26
"""Pixels of a window: 8192 x 8192."""
MAX_UNCLEAN_FRAMES = 1000
"""Far more than any object's outline waits for a clean mask; what grows with them stays a number."""
LARGEST_PX = 1e6
"""A place in a picture; what lies further off is no place."""

Ago = Annotated[int, Meta(ge=1, le=2**40)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Pixels = Annotated[int, Meta(ge=-(10**6), le=10**6)]
Side = Annotated[int, Meta(ge=1, le=16384)]
Place = Annotated[float, Meta(ge=-LARGEST_PX, le=LARGEST_PX)]
Frames = Annotated[list[Ago], Meta(max_length=4096)]


class _Seen(msgspec.Struct, frozen=True):
    centre: tuple[Place, Place]
    length: Annotated[float, Meta(ge=0, le=LARGEST_PX)]
    step: tuple[Place, Place]
    hidden: Annotated[int, Meta(ge=0, le=2**31)]
    frame_size: tuple[Annotated[int, Meta(ge=1, le=10**6)], Annotated[int, Meta(ge=1, le=10**6)]]


class _Body(msgspec.Struct, frozen=True):
    """`KnownBody`, but for its outline's pixels: those lie in a tensor, eight in a byte, row by row."""

    ago: Ago
    corner: tuple[Pixels, Pixels]
    size: tuple[Side, Side]
    middle: tuple[Place, Place]
    area_px: Annotated[float, Meta(gt=0, le=1e12)]
    at: tuple[Place, Place]
    step: tuple[Place, Place]
    usual_px: Annotated[float, Meta(gt=0, le=1e12)]
    unclean: Annotated[int, Meta(ge=0, le=MAX_UNCLEAN_FRAMES)]
    known: Count = KNOWN_FRAMES


class State(msgspec.Struct, frozen=True):
    """The JSON text under `state`."""

    object_id: ObjectId
    first_ago: Ago
    since_origin: Annotated[int, Meta(ge=-(2**53), le=2**53)]
    conditioning_ago: Annotated[list[Ago], Meta(min_length=1, max_length=64)]
    features_ago: Frames
    pointers_ago: Frames
    evidence: Annotated[list[tuple[Ago, Evidence]], Meta(max_length=8192)]
    view: tuple[Pixels, Pixels, Pixels, Pixels] | None
    state: ObjectState
    told: ObjectState
    was_lost: bool
    num_not_finite: Count
    hidden_ns: Annotated[int, Meta(ge=0, le=2**62)] | None
    seen: _Seen | None
    believed: Annotated[list[tuple[Ago, Count, Count]], Meta(max_length=64)]
    body: _Body | None = None
    plan: dict[str, Any] | None = None


def state_of(
    object_id: int, carried: CarriedMemory, standing: Standing, plan: Mapping[str, Any] | None
) -> State:
    """What the text of an object says."""
    seen = standing.seen
    return State(
        object_id=object_id,
        first_ago=carried.first_ago,
        since_origin=carried.since_origin,
        conditioning_ago=list(carried.conditioning_ago),
        features_ago=list(carried.features_ago),
        pointers_ago=list(carried.pointers_ago),
        evidence=list(carried.evidence.items()),
        view=None if carried.view is None else astuple(carried.view),
        state=standing.state,
        told=standing.told,
        was_lost=standing.was_lost,
        num_not_finite=standing.num_not_finite,
        hidden_ns=standing.hidden_ns,
        seen=None if seen is None else _Seen(*astuple(seen)),
        believed=list(standing.believed),
        body=None if standing.body is None else _body_of(*standing.body),
        plan=None if plan is None else dict(plan),
    )


def encode_state(state: State) -> str:
    """The text."""
    return msgspec.json.encode(state).decode()


def decode_state(text: str) -> State:
    """What a text says.

    Raises:
        ObjectMemoryError: it cannot be read, or a number is out of its bounds.
    """
    try:
        state = msgspec.json.decode(text, type=State)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise bad_memory(
            f"state cannot be read ({short_text(error)})", "what `export_object` wrote"
        ) from None
    agos = state.conditioning_ago, state.features_ago, state.pointers_ago
    for name, found in zip(("conditioning", "features", "pointers"), agos, strict=True):
        if len(set(found)) != len(found):
            raise bad_memory(f"state names a frame of {name} twice", "each once")
    if state.conditioning_ago != sorted(state.conditioning_ago, reverse=True):
        raise bad_memory("state names conditioning frames in disorder", "the oldest first")
    if state.conditioning_ago[0] != state.first_ago:
        raise bad_memory("state names another first frame than the first prompt's", "the same")
    if max((*state.features_ago, *state.pointers_ago), default=1) > state.first_ago:
        raise bad_memory("state names frames before the first prompt", "later ones")
    known = {ago for found in agos for ago in found}
    if not {ago for ago, _ in state.evidence} <= known:
        raise bad_memory("state has evidence of frames that are not there", "of those alone")
    if not all(_is_evidence(one) for _, one in state.evidence):
        raise bad_memory("state has scores or boxes out of bounds", "shares from 0 to 1")
    if state.view is not None and not _is_window(*state.view[2:]):
        raise bad_memory(
            f"state has a window of {state.view[2]} x {state.view[3]} pixels", "one of a picture"
        )
    if state.body is not None and not _is_window(*state.body.size):
        height, width = state.body.size
        raise bad_memory(f"state has an outline of {width} x {height} pixels", "one of a picture")
    if state.plan is not None and len(msgspec.json.encode(state.plan)) > MAX_PLAN_BYTES:
        raise bad_memory("state has a plan of too many bytes", f"at most {MAX_PLAN_BYTES}")
    return state


def _is_evidence(one: Evidence) -> bool:
    shares = (one.object_score, one.iou_score, *(one.box or ()))
    return all(0.0 <= share <= 1.0 for share in shares) and math.isfinite(sum(shares))


def _is_window(width: int, height: int) -> bool:
    return width >= 1 and height >= 1 and width * height <= LARGEST_WINDOW_PX


def standing_of(state: State, outline: Tensor) -> Standing:
    """How the object stood; `outline` is that of its body, eight pixels in a byte."""
    seen = state.seen
    return Standing(
        state.state,
        state.told,
        state.was_lost,
        state.num_not_finite,
        state.hidden_ns,
        None if seen is None else Seen(seen.centre, seen.length, seen.step, seen.hidden, seen.frame_size),
        tuple(state.believed),
        None if state.body is None else (state.body.ago, _known_body(state.body, outline)),
    )


def _body_of(ago: int, known: KnownBody) -> _Body:
    outline = known.outline
    view = outline.view
    corner, size = (view.x0, view.y0), (view.height, view.width)
    shown = outline.middle, outline.area_px
    return _Body(ago, corner, size, *shown, known.at, known.step, known.usual_px, known.unclean, known.known)


def _known_body(body: _Body, packed: Tensor) -> KnownBody:
    height, width = body.size
    mask = np.unpackbits(packed.numpy(), count=height * width).reshape(height, width).astype(np.bool_)
    view = View(*body.corner, width, height)
    outline = Outline(mask, view, body.middle, body.area_px)
    return KnownBody(outline, body.at, body.step, body.usual_px, body.unclean, body.known)


def bad_memory(got: str, expected: str) -> ObjectMemoryError:
    """The refusal of a memory, in one line."""
    return ObjectMemoryError(f"object memory: {got}, expected {expected}")


def short_text(value: object) -> str:
    """A value as a refusal repeats it."""
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else text[:80] + "…"
