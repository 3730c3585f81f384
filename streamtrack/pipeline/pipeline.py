"""One stream's threads, and the hand-offs between them.

    [ingest thread] -> mailbox(1) -> [tracker thread] -> a queue for each consumer -> [its thread]
    commands -> inbox -> tracker thread, between two frames
    [watch thread]: tells what the camera does and that a step hangs, restarts a tracker thread that failed

What is dropped, and why it is called so:
- `superseded`: a newer frame came before the tracker took this one up (the source is faster than the
  tracker);
- `paused`: came while the stream was paused;
- `stalled`: tracked, by a step that took far longer than any before it, so that what it shows is long past;
- what each consumer was attached with, such as `late`: tracked, but newer masks were ready before these could
  be published.
The ingest adds `corrupt`, the publishers `slow_subscriber` and `slow_viewer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import StreamConfig
from streamtrack.consumer import Consumer
from streamtrack.control.commands import (
    Answer,
    AnyCommand,
    ListCommand,
    ReplayCommand,
    RestartCommand,
    RetryCommand,
)
from streamtrack.control.status import PastEvent, StreamStatus
from streamtrack.errors import StreamOfflineError
from streamtrack.frame import Event, EventKind, FrameResult
from streamtrack.ingest import SourceState
from streamtrack.ingest.source_gate import Gate
from streamtrack.ingest.tap import SourceTap
from streamtrack.mailbox import Mailbox
from streamtrack.pipeline.consumer_thread import Attachment, ConsumerThread
from streamtrack.pipeline.inbox import CommandInbox
from streamtrack.pipeline.outlet import Outlet
from streamtrack.pipeline.parts import Gap, StreamParts, TrackingParts
from streamtrack.pipeline.picture_check import check_picture
from streamtrack.pipeline.report import PipelineReport, RunTotals
from streamtrack.pipeline.session_commands import SessionCommands
from streamtrack.pipeline.source import StreamSource
from streamtrack.pipeline.source_watch import SourceWatch
from streamtrack.pipeline.status import describe, detail_of, followed_objects, state_of
from streamtrack.pipeline.step_watch import StepWatch
from streamtrack.pipeline.stream_session import NOTHING_KEPT, StreamSession
from streamtrack.pipeline.supervisor import Supervisor
from streamtrack.pipeline.tracking_loop import COMMANDS_WAITING
from streamtrack.pipeline.turns import Turns
from streamtrack.state.resumption import Resumption
from streamtrack.state.stream_notes import StreamNotes
from streamtrack.telemetry import Telemetry
from streamtrack.tracking import Tracker

COMMAND_TIMEOUT_S = 5.0
"""How long a command may wait to be begun, as it does before a stream's first frame."""
RESTART_TIMEOUT_S = 30.0
"""How long a restart may take: a step for each picture that objects start again on."""


class Pipeline:
    """Follows the objects of one camera and tells consumers what it sees. Any thread may call the public
    methods."""

    def __init__(
        self,
        config: StreamConfig,
        telemetry: Telemetry,
        clock: Clock = SYSTEM_CLOCK,
        gate: Gate | None = None,
    ) -> None:
        """Check the source; nothing runs yet.

        Args:
            gate: asked before each connection to the source; None lets every one pass.
        Raises:
            SourceError: the source can never work.
        """
        self.name = config.name
        self.telemetry = telemetry.stream(config.name)
        self.totals = RunTotals(config.name)
        source = StreamSource(config.source, self.telemetry, clock, gate)
        self._config = config
        self._clock = clock
        self._parts = StreamParts(
            name=config.name,
            clock=clock,
            limits=config.supervision,
            telemetry=self.telemetry,
            source=source,
            source_watch=SourceWatch(source, clock),
            inbox=CommandInbox(config.name, COMMANDS_WAITING, lambda: source.frames.wake()),
            outlet=Outlet(config.name, self.telemetry, clock, self._consumer_health),
            watch=StepWatch(config.supervision, clock),
        )
        self._commands: SessionCommands | None = None
        self._supervisor: Supervisor | None = None
        self._last_report: PipelineReport | None = None

    def attach(
        self,
        consumer: Consumer,
        *,
        capacity: int = 2,
        drop_reason: str | None = None,
        every_frame: bool = False,
        required: bool = False,
    ) -> None:
        """Give a consumer every update from now on, in order, from a thread of its own.

        Args:
            capacity: updates that wait for it; where it is slower, the oldest masks are dropped, never their
                events.
            drop_reason: what dropped masks are counted as; None: nobody misses them.
            every_frame: where the source is tracked frame by frame, the tracker waits for it.
            required: while its `take` fails, the stream counts as failed.
        """
        self._parts.outlet.attach(consumer, Attachment(capacity, drop_reason, every_frame, required))

    def tap(self, tap: SourceTap) -> None:
        """Tell `tap` of the source's packets and frames as they come, in its thread; before `start`."""
        self._parts.source.tap(tap)

    def tell(self, *events: Event) -> None:
        """Hand on events of a consumer to everyone who takes the stream's; any thread."""
        self._parts.outlet.tell(*events)

    def start(
        self,
        tracker: Tracker,
        turns: Turns,
        resumption: Resumption = NOTHING_KEPT,
        notes: StreamNotes | None = None,
    ) -> None:
        """Start the threads. Once in a lifetime.

        Args:
            turns: shared by every stream of this tracker.
            resumption: what the process before kept.
            notes: what is to outlive this one is noted there; None: nothing is.
        """
        parts, tracking = self._parts, self._config.tracking
        parts.state.model = tracker.name
        session = StreamSession(self._config, lambda: tracker.new_session(tracking, self._clock), resumption)
        self._commands = SessionCommands(self.name, session)
        self._supervisor = Supervisor(parts, TrackingParts(session, self._commands, turns, notes))
        if resumption.objects:
            away_ns = int((resumption.age_s or 0.0) * NS_PER_S)
            parts.state.gap = Gap("restarted", self._clock.monotonic_ns() - away_ns)
        self.telemetry.report()  # the time before, while the model was loading, belongs to no report
        parts.outlet.start()
        self._supervisor.start()
        parts.source.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Stop, wait `timeout_s` at most; False where a thread is still in a call that cannot be
        interrupted."""
        deadline_ns = self._clock.monotonic_ns() + int(timeout_s * NS_PER_S)

        def left_s() -> float:
            return max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S)

        parts = self._parts
        if self._supervisor is not None:
            self._supervisor.stop()
        parts.inbox.close("the stream is stopped")
        parts.source.frames.wake()
        parts.source.stop(timeout_s)
        ended = self._supervisor is None or self._supervisor.join(left_s())
        parts.outlet.close()
        return parts.outlet.join(left_s()) and ended

    # -- commands ----------------------------------------------------------------------------------

    async def execute(self, command: AnyCommand) -> Answer:
        """Carry out a command between two frames; `list`, `restart`, `retry` and `replay` need none.

        A prompt without `at_frame` applies to the newest tracked frame as soon as the step under way ends,
        also while the stream is paused; the corrected frame goes out again with its old frame_idx. Before the
        first frame a prompt waits COMMAND_TIMEOUT_S for one.

        Raises:
            CapacityError: too many commands wait already.
            StreamOfflineError: no frame came in time, the camera is away, or the stream failed or stalls.
            UnknownObjectError, PromptError, ShapeError, CapacityError: it does not fit.
        """
        match command:
            case ListCommand():
                return self._answer(command)
            case RestartCommand():
                return await self._restart(command)
            case RetryCommand():
                return self._retry(command)
            case ReplayCommand():
                return await self._replay(command)
        check_picture(self._parts, command)
        return await self._parts.inbox.submit(command, COMMAND_TIMEOUT_S)

    def submit(
        self, command: AnyCommand, *, timeout_s: float, note: Mapping[str, Any] | None = None
    ) -> Answer:
        """As `execute`, for a thread of a consumer: add, correct, remove and label.

        Args:
            note: told in the detail of the events that say that the object came or went.
        """
        check_picture(self._parts, command)
        return self._parts.inbox.submit_and_wait(command, timeout_s, note)

    async def _restart(self, command: RestartCommand) -> Answer:
        if self._supervisor is None:
            raise StreamOfflineError(f"{self.name}: the model is still loading, expected a stream that runs")
        restarted = asyncio.wrap_future(self._supervisor.request_restart())
        try:
            await asyncio.wait_for(restarted, RESTART_TIMEOUT_S)
        except TimeoutError:
            raise StreamOfflineError(
                f"{self.name}: the restart has not ended in {RESTART_TIMEOUT_S:g} s"
            ) from None
        return self._answer(command)

    def _retry(self, command: RetryCommand) -> Answer:
        source = self._parts.source
        if source.state is not SourceState.OFFLINE:
            raise StreamOfflineError(
                f"{self.name}: the source is {source.state}, expected one that is offline"
            )
        source.retry_now()
        return self._answer(command)

    async def _replay(self, command: ReplayCommand) -> Answer:
        source = self._parts.source
        if source.state is not SourceState.ENDED:
            raise StreamOfflineError(
                f"{self.name}: the source is {source.state}, expected a file that has ended"
            )
        self._parts.state.gap = Gap("replayed", self._clock.monotonic_ns())
        await asyncio.to_thread(source.reopen)
        return self._answer(command)

    def _answer(self, command: AnyCommand) -> Answer:
        state = self._parts.state
        return Answer(
            stream=self.name,
            op=command.op,
            frame_idx=state.newest_frame_idx,
            objects=followed_objects(self._parts, self._commands),
            paused=state.paused,
        )

    # -- what there is to see ----------------------------------------------------------------------

    def status(self) -> StreamStatus:
        """The stream at this moment."""
        return describe(self._parts, self._commands, self._last_report, self.totals, self._config.tracking)

    def report(self) -> PipelineReport:
        """Everything since the last call; called once a second by the server."""
        report = PipelineReport(
            counts=self.telemetry.report(),
            state=self.state,
            detail=detail_of(self._parts),
            num_objects=len(followed_objects(self._parts, self._commands)),
        )
        self.totals.add(report)
        self._last_report = report
        return report

    def watch_events(self) -> AbstractContextManager[Mailbox[Event]]:
        """Every event from now on; closed when the stream stops."""
        return self._parts.outlet.watch()

    def past_events(self) -> Sequence[PastEvent]:
        """The newest events, oldest first; a bounded number."""
        return self._parts.outlet.past_events()

    @property
    def newest(self) -> FrameResult | None:
        """The newest tracked frame as the tracker sees it; None before the first."""
        return self._parts.state.newest

    @property
    def why_stuck(self) -> str:
        """Why only a restart of the process would help; empty where it would not."""
        return "" if self._supervisor is None else self._supervisor.why_stuck

    @property
    def redacted_source(self) -> str:
        """Where frames come from, without credentials."""
        return self._parts.source.redacted_url

    @property
    def model(self) -> str:
        """The model's name; empty while it is loading."""
        return self._parts.state.model

    @property
    def state(self) -> str:
        """`loading` before start, `failed` after a failed step, `stalled` while one hangs, else what the
        source does."""
        return state_of(self._parts)

    def _consumer_health(self, thread: ConsumerThread) -> None:
        """A consumer that the stream cannot do without failed, or works again."""
        if not thread.attachment.required:
            return
        kind = EventKind.FAILED if thread.failure is not None else EventKind.RESTARTED
        detail = {"consumer": thread.name, "reason": thread.failure or "works again"}
        self._parts.outlet.tell(Event(kind, self._parts.state.newest_frame_idx, None, detail))
