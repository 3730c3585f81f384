"""What a source does, as events: told when it happens, not when the next frame comes."""

from __future__ import annotations

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.frame import Event, EventKind
from streamtrack.ingest import SourceState
from streamtrack.pipeline.source import StreamSource

LOST_STATES = frozenset({SourceState.OFFLINE, SourceState.FAILED})
"""States in which a camera is away."""


class SourceWatch:
    """Follows one source's state. One thread calls `news`, any thread reads the rest."""

    def __init__(self, source: StreamSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._state: SourceState | None = None
        self._away_since_ns: int | None = None
        self.was_away_s = 0.0
        """How long the newest absence lasted."""

    @property
    def away_s(self) -> float | None:
        """How long the camera has been away; None while it is there, or never was, or a file ended."""
        since_ns = self._away_since_ns
        return None if since_ns is None else (self._clock.monotonic_ns() - since_ns) / NS_PER_S

    def news(self, frame_idx: int) -> list[Event]:
        """What happened since the last call; `frame_idx` is the newest tracked frame."""
        events = []
        notices = self._source.take_notices()
        state = self._source.state
        if state is not self._state:
            if state in LOST_STATES and self._state not in LOST_STATES:
                self._away_since_ns = self._clock.monotonic_ns()
                events.append(self._lost(frame_idx))
            elif state not in LOST_STATES and self._away_since_ns is not None:
                self.was_away_s = self.away_s or 0.0
                self._away_since_ns = None
            self._state = state
        for notice in notices:
            told_above = bool(events) or self._away_since_ns is not None
            if notice.kind is EventKind.SOURCE_LOST and told_above:
                continue
            events.append(Event(notice.kind, frame_idx, None, dict(notice.detail)))
        return events

    def _lost(self, frame_idx: int) -> Event:
        reason = self._source.last_error or "no picture comes"
        return Event(EventKind.SOURCE_LOST, frame_idx, None, {"reason": reason})
