"""One stream's threads, and the hand-offs between them.

    [ingest thread] -> mailbox(1) -> [tracker thread] -> mailbox(2) -> [masks thread] -> ZeroMQ
                                            |---------> VideoStream (a thread of its own)
    commands -> inbox -> tracker thread, between two frames
    with `autoprompt`: tracker thread -> mailbox(1) -> [detector thread] -> mailbox(1) -> tracker thread

What is dropped, and why it is called so:
- `superseded`: a newer frame came before the tracker took this one up (the source is faster than the
  tracker);
- `late`: tracked, but two newer results were ready before its masks could be published;
- `paused`: came while the stream was paused.
The ingest adds `corrupt`, the publishers `slow_subscriber` and `slow_viewer`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import DetectorAutoprompt, SceneAutoprompt, StreamConfig
from streamtrack.control.commands import (
    Answer,
    AnyCommand,
    ListCommand,
    PauseCommand,
    RemoveCommand,
    ResumeCommand,
)
from streamtrack.control.status import LatencyMs, StreamStatus
from streamtrack.errors import PromptError, StreamOfflineError, StreamTrackError
from streamtrack.frame import Event, EventKind, Frame, FrameResult
from streamtrack.ingest import Ingest, SourceState
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.object_record import ObjectInfo
from streamtrack.pipeline.autoprompt import Autoprompt
from streamtrack.pipeline.event_fan_out import EventFanOut
from streamtrack.pipeline.inbox import CommandInbox
from streamtrack.pipeline.masks_thread import MasksThread
from streamtrack.pipeline.report import PipelineReport, RunTotals
from streamtrack.pipeline.scene_score import SceneScore
from streamtrack.pipeline.session_commands import Applied, SessionCommands, list_objects
from streamtrack.pipeline.turns import Turns
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.scenes.scene import prompts_from_masks
from streamtrack.telemetry import Telemetry
from streamtrack.tracking import Session, Tracker
from streamtrack.video.stream import VideoStream

COMMANDS_WAITING = 64
"""Commands that may wait for one stream; at one click a frame that is seconds of clicking ahead."""
COMMAND_TIMEOUT_S = 5.0
"""How long a command may wait to be begun, as it does before a stream's first frame."""
POLL_S = 0.1
"""How often the tracker thread looks at the source's state while no frame and no command comes."""
NO_FRAME_SOON = frozenset({SourceState.OFFLINE, SourceState.ENDED, SourceState.FAILED, SourceState.STOPPED})
"""States in which a command does not wait for a first frame."""

logger = logging.getLogger(__name__)


class Pipeline:
    """Follows the objects of one camera and publishes what it sees. Any thread may call the public
    methods."""

    def __init__(
        self,
        config: StreamConfig,
        telemetry: Telemetry,
        publisher: ZmqPublisher,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Check the source; nothing runs yet.

        Raises:
            SourceError: the source can never work.
            CheckpointError: a detector is asked for, and its file is missing.
        """
        self.name = config.name
        self.telemetry = telemetry.stream(config.name)
        self.totals = RunTotals(config.name)
        self._config = config
        self._publisher = publisher
        self._clock = clock
        self._frames: Mailbox[Frame] = Mailbox(1)
        self._ingest = Ingest(config.source, self._frames, self.telemetry, clock)
        self.video = VideoStream(config.name, config.video, self.telemetry)
        self._inbox = CommandInbox(config.name, COMMANDS_WAITING, self._frames.wake)
        self._score = SceneScore()
        self._masks = MasksThread(config.name, publisher, self.telemetry, self._score, self._fail)
        self._autoprompt: Autoprompt | None = None
        if isinstance(config.autoprompt, DetectorAutoprompt):
            self._autoprompt = Autoprompt(
                config.name, config.autoprompt, self.telemetry, clock, self._frames.wake
            )
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._events = EventFanOut()
        self._lock = threading.Lock()  # over _failure: two threads may fail at once
        self._failure: str | None = None
        self._last_report: PipelineReport | None = None
        # Written by the tracker thread alone; each is replaced as a whole, so that others may read it.
        self._model = ""
        self._paused = False
        self._gap_pending = False
        self._source_state: SourceState | None = None
        self._newest: FrameResult | None = None
        self._commands: SessionCommands | None = None

    def start(self, tracker: Tracker, turns: Turns) -> None:
        """Start the threads. `turns` is shared by every stream of this tracker. Once in a lifetime."""
        self._model = tracker.name
        session = tracker.new_session(self._config.tracking, self._clock)
        self._commands = SessionCommands(self.name, session)
        self._thread = threading.Thread(
            target=self._run, args=(session, self._commands, turns), name=f"track-{self.name}", daemon=True
        )
        self.telemetry.report()  # the time before, while the model was loading, belongs to no report
        self._masks.start(tracker.name)
        self._thread.start()
        if self._autoprompt is not None:
            self._autoprompt.thread.start()
        self._ingest.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Stop, wait `timeout_s` at most; False where a thread is still in a call that cannot be
        interrupted."""
        self._stopping.set()
        self._inbox.close("the stream is stopped")
        self._frames.wake()
        deadline_ns = self._clock.monotonic_ns() + int(timeout_s * NS_PER_S)
        if self._autoprompt is not None:
            self._autoprompt.thread.stop()
        self._ingest.stop(timeout_s)
        if self._thread is not None:
            self._thread.join(max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S))
        self._masks.close()
        ended = self._masks.join(max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S))
        if self._autoprompt is not None:
            left_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S)
            ended = self._autoprompt.thread.join(left_s) and ended
        self._events.close()
        return ended and (self._thread is None or not self._thread.is_alive())

    # -- for the doors -----------------------------------------------------------------------------

    async def execute(self, command: AnyCommand) -> Answer:
        """Carry out a command between two frames; `list` is answered at once.

        A prompt without `at_frame` applies to the newest tracked frame as soon as the step under way ends,
        also while the stream is paused or its source offline; the mended frame is published again with its
        old frame_idx. Before the first frame a prompt waits COMMAND_TIMEOUT_S for one.

        Raises:
            CapacityError: too many commands wait already.
            StreamOfflineError: no frame came in time, or the stream failed.
            UnknownObjectError, PromptError, ShapeError, CapacityError: it does not fit.
        """
        if isinstance(command, ListCommand):
            newest = self._newest
            return Answer(
                stream=self.name,
                op=command.op,
                frame_idx=-1 if newest is None else newest.frame_idx,
                objects=self._objects(),
                paused=self._paused,
            )
        if self._failure is None and self._newest is None and self._ingest.state in NO_FRAME_SOON:
            raise StreamOfflineError(f"{self.name}: the source is {self.state} and no frame was tracked yet")
        return await self._inbox.submit(command, COMMAND_TIMEOUT_S)

    def status(self) -> StreamStatus:
        """The stream at this moment."""
        newest, report = self._newest, self._last_report
        p50, p95 = report.latency_ms if report else (0.0, 0.0)
        return StreamStatus(
            name=self.name,
            state=self.state,
            detail=self._detail,
            source=self._ingest.spec.redacted_url,
            width_px=newest.frame.width_px if newest else 0,
            height_px=newest.frame.height_px if newest else 0,
            fps=report.counts.fps if report else 0.0,
            latency_ms=LatencyMs(p50=p50, p95=p95),
            dropped=dict(self.totals.dropped),
            model=self._model,
            paused=self._paused,
            newest_frame_idx=newest.frame_idx if newest else -1,
            mean_iou=report.mean_iou if report else None,
            objects=self._objects(),
        )

    def report(self) -> PipelineReport:
        """Everything since the last call; called once a second by the server."""
        iou_sum, iou_frames = self._score.take()
        report = PipelineReport(
            counts=self.telemetry.report(),
            state=self.state,
            detail=self._detail,
            num_objects=len(self._objects()),
            iou_sum=iou_sum,
            iou_frames=iou_frames,
        )
        self.totals.add(report)
        self._last_report = report
        return report

    def watch_events(self) -> AbstractContextManager[Mailbox[Event]]:
        """Every event from now on; closed when the stream stops."""
        return self._events.watch()

    @property
    def state(self) -> str:
        """`loading` before start, `failed` after a failed step, else what the source does."""
        if self._failure is not None:
            return "failed"
        return self._ingest.state.value if self._thread is not None else "loading"

    @property
    def _detail(self) -> str:
        return self._failure or self._ingest.last_error or ""

    def _objects(self) -> tuple[ObjectInfo, ...]:
        return list_objects(self._newest, self._commands.added_at) if self._commands else ()

    # -- the tracker thread ------------------------------------------------------------------------

    def _run(self, session: Session, commands: SessionCommands, turns: Turns) -> None:
        try:
            while not self._stopping.is_set():
                self._run_commands(commands, turns)
                self._run_autoprompt(session, commands, turns)
                self._follow_source_state()
                frame = self._next_frame()
                if frame is not None:
                    self._track(frame, session, commands, turns)
        except Exception as error:  # whatever it was: this stream stops, the others go on
            self._fail("tracking failed", error)
        finally:
            self._masks.close()

    def _next_frame(self) -> Frame | None:
        """The next frame to track; None where there is something else to do, or nothing."""
        every_frame = self._ingest.spec.pace == "every_frame"
        if self._paused and every_frame:  # the source waits with us
            self._inbox.wait(POLL_S)
            return None
        try:
            frame = self._frames.get(POLL_S)
        except MailboxClosed:  # it ended; commands still work on the frames that are kept
            self._inbox.wait(POLL_S)
            return None
        if frame is not None and self._paused:
            self.telemetry.dropped("paused")
            self._gap_pending = True
            return None
        return frame

    def _track(self, frame: Frame, session: Session, commands: SessionCommands, turns: Turns) -> None:
        first = self._newest is None
        if first:
            self._prompt_first_frame(frame, commands)
        if self._gap_pending:
            session.note_gap()
            self._gap_pending = False
        with turns:
            if self._stopping.is_set():
                return
            upcoming = self._frames.peek() if self._ingest.spec.pace == "every_frame" else None
            if upcoming is not None:  # not on a live source: a newer one would come before its turn
                session.encode_ahead(upcoming)
            result = self._step(frame, session)
        if first:
            commands.refresh()
        times = result.times
        self.telemetry.frame_tracked()
        self.telemetry.observe("queue", times.track_start_ns - times.capture_ns)
        self.telemetry.observe("step", times.track_end_ns - times.track_start_ns)
        self.telemetry.set_tracker_bytes(session.num_bytes)
        self._emit(result, fresh=True)
        if self._autoprompt is not None:
            self._autoprompt.thread.offer(result)

    def _step(self, frame: Frame, session: Session) -> FrameResult:
        """One step. A prompt of the config that does not fit the first frame costs the prompt, not the
        stream."""
        while True:
            waiting = len(session.pending_object_ids)
            try:
                return session.step(frame)
            except PromptError as error:
                if len(session.pending_object_ids) >= waiting:  # it was not a waiting prompt that it refused
                    raise
                logger.error("stream %s: a prompt to start with is left out: %s", self.name, error)

    def _prompt_first_frame(self, frame: Frame, commands: SessionCommands) -> None:
        prompts = self._config.prompts
        if isinstance(self._config.autoprompt, SceneAutoprompt) and frame.ground_truth:
            of_scene = prompts_from_masks(frame.ground_truth)
            self._score.watch(prompt.object_id for prompt in of_scene)
            prompts += of_scene
        for prompt in prompts:
            try:
                commands.prompt_first_frame(prompt)
            except StreamTrackError as error:
                logger.error("stream %s: a prompt to start with is left out: %s", self.name, error)

    def _run_commands(self, commands: SessionCommands, turns: Turns) -> None:
        for _ in range(COMMANDS_WAITING):  # and then a frame, however many more come meanwhile
            ticket = self._inbox.claim(self._may_run)
            if ticket is None:
                return
            before = self._newest
            try:
                with turns:
                    applied = commands.apply(ticket.command, before)
            except StreamTrackError as error:
                ticket.answer(error)
                continue
            except Exception:
                ticket.answer(
                    StreamOfflineError(f"{self.name}: '{ticket.command.op}' broke the stream, see the log")
                )
                raise
            self._after_command(ticket.command, applied)
            if self._autoprompt is not None:
                self._autoprompt.heed(ticket.command, before)
            ticket.answer(applied.answer.model_copy(update={"paused": self._paused}))

    def _run_autoprompt(self, session: Session, commands: SessionCommands, turns: Turns) -> None:
        if self._autoprompt is None or self._newest is None:
            return
        for planned in self._autoprompt.plan(session, self._newest):
            try:
                with turns:
                    applied = commands.apply(planned.command, self._newest)
            except StreamTrackError as error:
                self._autoprompt.refused(error)
                continue
            self._after_command(planned.command, self._autoprompt.done(planned, applied))

    def _may_run(self, command: AnyCommand) -> bool:
        """Before the first frame only what needs none."""
        return self._newest is not None or isinstance(command, PauseCommand | ResumeCommand)

    def _after_command(self, command: AnyCommand, applied: Applied) -> None:
        if isinstance(command, RemoveCommand):
            self._score.forget(command.object_id)
        elif isinstance(command, PauseCommand | ResumeCommand):
            pause = isinstance(command, PauseCommand)
            if pause != self._paused:
                self._paused = pause
                kind = EventKind.PAUSED if pause else EventKind.RESUMED
                self._tell((Event(kind, applied.answer.frame_idx),))
        if applied.result is not None:
            self._emit(applied.result, fresh=False)

    def _emit(self, result: FrameResult, *, fresh: bool) -> None:
        """Hand a result to the publishers and to whoever watches."""
        self._newest = result
        self.telemetry.set_objects(len(result.objects))
        self.video.push(result)
        self._events.tell(result.events)
        self._masks.put(result, fresh=fresh, wait=self._ingest.spec.pace == "every_frame")

    def _tell(self, events: Sequence[Event]) -> None:
        """Publish events that belong to no result."""
        self._events.tell(events)
        self._publisher.publish_events(self.name, events)

    def _follow_source_state(self) -> None:
        state = self._ingest.state
        if state is not self._source_state:
            self._source_state = state
            self.video.set_online(state is SourceState.ONLINE)

    # -- the end -----------------------------------------------------------------------------------

    def _fail(self, what: str, error: Exception) -> None:
        """Isolate the stream: it says why, answers no more commands, and leaves the others alone."""
        reason = f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        with self._lock:
            if self._failure is not None or self._stopping.is_set():
                return
            self._failure = reason
        logger.error("stream %s: %s", self.name, reason)
        logger.debug("stream %s", self.name, exc_info=error)
        self._stopping.set()
        self._inbox.close(reason)
        self.video.set_online(False)
        newest_idx = self._newest.frame_idx if self._newest else -1
        self._tell((Event(EventKind.FAILED, newest_idx, None, {"reason": reason}),))
        self._ingest.stop()
