"""What the threads of one stream share."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.config import SupervisionConfig
from streamtrack.frame import FrameResult
from streamtrack.ingest import SourceState
from streamtrack.pipeline.inbox import CommandInbox
from streamtrack.pipeline.outlet import Outlet
from streamtrack.pipeline.session_commands import SessionCommands
from streamtrack.pipeline.source import StreamSource
from streamtrack.pipeline.source_watch import SourceWatch
from streamtrack.pipeline.step_watch import StepWatch
from streamtrack.pipeline.stream_session import StreamSession
from streamtrack.pipeline.turns import Turns
from streamtrack.state.stream_notes import StreamNotes
from streamtrack.telemetry import StreamTelemetry


@dataclass(frozen=True, slots=True)
class Gap:
    """Time that nobody saw, until the next frame is tracked."""

    reason: str
    """paused, source_away, stalled, restarted or replayed."""
    since_ns: int
    """Monotonic."""


@dataclass(slots=True)
class StreamState:
    """How a stream is. Each field is replaced as a whole, so that any thread may read it."""

    model: str = ""
    paused: bool = False
    failure: str | None = None
    """Why the tracker thread ended; None while it runs."""
    stall: str | None = None
    """Why the step under way is taken for one that hangs; None where it is not."""
    newest: FrameResult | None = None
    """The newest tracked frame, as the tracker sees it: commands apply to it."""
    unseen: FrameResult | None = None
    """The result whose objects were told as unseen; `newest` where that is so now."""
    gap: Gap | None = None

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first."""
        return -1 if self.newest is None else self.newest.frame_idx


@dataclass(frozen=True, slots=True)
class StreamParts:
    """One stream's parts, before a tracker is there."""

    name: str
    clock: Clock
    limits: SupervisionConfig
    telemetry: StreamTelemetry
    source: StreamSource
    source_watch: SourceWatch
    inbox: CommandInbox
    outlet: Outlet
    watch: StepWatch
    state: StreamState = field(default_factory=StreamState)

    @property
    def away(self) -> bool:
        """Whether nobody looks at the objects: the camera is away, or the stream stands."""
        state = self.state
        stands = state.paused or state.failure is not None or state.stall is not None
        return stands or self.source.state is not SourceState.ONLINE

    def gap_seconds(self, gap: Gap) -> float:
        """How long a gap has lasted, to a tenth of a second."""
        return round((self.clock.monotonic_ns() - gap.since_ns) / NS_PER_S, 1)


@dataclass(frozen=True, slots=True)
class TrackingParts:
    """What the tracker thread works on."""

    session: StreamSession
    commands: SessionCommands
    turns: Turns
    notes: StreamNotes | None = None
    """Where what is to outlive the process is noted."""
