"""What the endpoints show of the streams, and who tells them: values, and the protocol that the server
fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from pydantic import BaseModel

from streamtrack.clock import NS_PER_MS
from streamtrack.control.commands import Executor
from streamtrack.frame import Event
from streamtrack.mailbox import Mailbox
from streamtrack.object_record import ObjectInfo
from streamtrack.rules.state import RuleState

READY_STATES = frozenset({"online", "connecting", "offline", "ended"})
"""States in which a stream does what it can: a camera that is off is the camera's fault, and the stream
waits for it. `loading`, `stalled`, `failed` and `stopped` are not ready."""


class LatencyMs(BaseModel):
    """Capture to publish over the last report, milliseconds; 0 where nothing was tracked."""

    p50: float
    p95: float


class CarriedStatus(BaseModel):
    """Objects whose masks flow carried to the newest tracked frame."""

    objects: int
    longest_frames: int
    """For how many frames in a row the one that has waited longest was carried; 0 where none is."""
    overdue: int
    """Objects carried for longer than `tracking.max_carried_frames`: more are due than are looked at on a
    frame, and they take turns. 0 with `objects_per_step: all`."""


class StreamStatus(BaseModel):
    """One stream at one moment."""

    name: str
    state: str
    """loading, connecting, online, offline, ended, stalled, failed or stopped."""
    detail: str = ""
    """Why it is offline, stalled or failed, in one line without credentials; empty otherwise."""
    next_try_in_s: float | None = None
    """Until a source that is offline is tried again, in tenths; null where no try is planned."""
    source: str
    """Where frames come from, without credentials."""
    width_px: int
    """Of the newest tracked frame; 0 before the first."""
    height_px: int
    fps: float
    """Frames tracked a second, over the last seconds; 0 while nothing is tracked."""
    latency_ms: LatencyMs
    dropped: dict[str, int]
    """Frames dropped since the start, by reason."""
    model: str
    """Empty while it is loading."""
    paused: bool
    newest_frame_idx: int
    """-1 before the first."""
    mean_iou: float | None = None
    """Of the scene's own objects over the last report, where the source knows the truth."""
    objects: tuple[ObjectInfo, ...]
    carried: CarriedStatus = CarriedStatus(objects=0, longest_frames=0, overdue=0)
    rules: tuple[RuleState, ...] = ()
    """Zones and lines: who is inside, and what they counted."""


class PastEvent(BaseModel):
    """An event that was told before."""

    seq: int
    """Counts the stream's events from 0."""
    wall_ms: int
    """Wall clock (Unix epoch, UTC) when it was told."""
    kind: str
    frame_idx: int
    """The tracked frame it belongs to; -1 before the first."""
    object_id: int | None
    """The object it happened to; None for the stream."""
    detail: dict[str, Any]

    @classmethod
    def of(cls, seq: int, wall_ns: int, event: Event) -> Self:
        """An event as it is remembered."""
        return cls(
            seq=seq,
            wall_ms=wall_ns // NS_PER_MS,
            kind=event.kind.value,
            frame_idx=event.frame_idx,
            object_id=event.object_id,
            detail=dict(event.detail),
        )


class Readiness(BaseModel):
    """Whether every stream does what it can."""

    ready: bool
    streams: dict[str, str]
    """The state of each."""


class StreamBoard(Executor, Protocol):
    """Whoever runs the streams: carries out commands, and shows how the streams are."""

    def status(self, stream: str) -> StreamStatus:
        """One stream at this moment.

        Raises:
            UnknownStreamError: no such stream.
        """
        ...

    def statuses(self) -> Sequence[StreamStatus]:
        """Every stream, in the order of the config."""
        ...

    def watch_events(self, stream: str) -> AbstractContextManager[Mailbox[Event]]:
        """The stream's events from now on, bounded, the newest win; closed when the stream stops.

        Raises:
            UnknownStreamError: no such stream.
        """
        ...

    def past_events(self, stream: str) -> Sequence[PastEvent]:
        """The stream's newest events, oldest first, a bounded number.

        Raises:
            UnknownStreamError: no such stream.
        """
        ...

    def metrics(self) -> bytes:
        """The Prometheus text format."""
        ...


def readiness(statuses: Sequence[StreamStatus]) -> Readiness:
    """Ready when every stream is in one of READY_STATES."""
    states = {status.name: status.state for status in statuses}
    return Readiness(ready=all(state in READY_STATES for state in states.values()), streams=states)
