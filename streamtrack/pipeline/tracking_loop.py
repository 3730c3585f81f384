"""One run of a stream's tracker thread: frames and commands in, updates out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from streamtrack.control.commands import AnyCommand, PauseCommand, ResumeCommand
from streamtrack.errors import StreamOfflineError, StreamTrackError
from streamtrack.frame import Event, EventKind, Frame, FrameResult, Update
from streamtrack.mailbox import MailboxClosed
from streamtrack.pipeline.inbox import Ticket
from streamtrack.pipeline.parts import Gap, StreamParts, TrackingParts
from streamtrack.pipeline.session_commands import Applied
from streamtrack.pipeline.stream_session import RunAbandoned
from streamtrack.pipeline.unseen import with_unseen
from streamtrack.state.stream_notes import Said

COMMANDS_WAITING = 64
"""Commands that may wait for one stream; at one click a frame that is seconds of clicking ahead."""
POLL_S = 0.1
"""How often the thread looks whether it is still wanted while no frame and no command comes."""

logger = logging.getLogger(__name__)


class TrackingLoop:
    """Follows the objects of one stream until it is stopped, given up, or fails."""

    def __init__(
        self,
        parts: StreamParts,
        tracking: TrackingParts,
        on_end: Callable[[TrackingLoop, Exception | None], None],
        on_restarted: Callable[[TrackingLoop, tuple[int, ...]], None] | None = None,
    ) -> None:
        """
        Args:
            on_end: told from the thread when the run is over, and why where it failed.
            on_restarted: a run that begins with objects of the run before tells their ids; None: the first
                run.
        """
        self._parts = parts
        self._tracking = tracking
        self._on_end = on_end
        self._on_restarted = on_restarted
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"track-{parts.name}", daemon=True)

    def start(self) -> None:
        """Start. Once in a lifetime."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way; returns at once."""
        self._stopping.set()

    def abandon(self) -> None:
        """Whatever the step under way may yet give, nobody wants it."""
        self._abandoned.set()
        self._stopping.set()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            if self._on_restarted is not None:
                self._restart(self._on_restarted)
            while not self._stopping.is_set():
                self._run_commands()
                frame = self._next_frame()
                if frame is not None:
                    self._track(frame)
        except RunAbandoned:
            return
        except Exception as error:  # whatever it was: this stream fails, the others go on
            failure = error
        if not self._abandoned.is_set():
            self._on_end(self, failure)

    def _restart(self, on_restarted: Callable[[TrackingLoop, tuple[int, ...]], None]) -> None:
        """Start the objects again in a new session."""
        session = self._tracking.session
        session.replace_session()
        with self._tracking.turns.turn(self._parts.watch.usual_patience_s), self._parts.watch.work():
            object_ids = session.reopen()
        self._tracking.commands.refresh()
        if not self._abandoned.is_set():
            on_restarted(self, object_ids)

    def _next_frame(self) -> Frame | None:
        """The next frame to track; None where there is something else to do, or nothing."""
        parts, state = self._parts, self._parts.state
        if state.paused and parts.source.every_frame:  # the source waits with us
            parts.inbox.wait(POLL_S)
            return None
        try:
            frame = parts.source.frames.get(POLL_S)
        except MailboxClosed:  # it ended; commands still work on the frames that are kept
            parts.inbox.wait(POLL_S)
            return None
        if frame is not None and state.paused:
            parts.telemetry.dropped("paused")
            state.gap = state.gap or Gap("paused", frame.capture_monotonic_ns)
            return None
        return frame

    def _track(self, frame: Frame) -> None:
        parts, session = self._parts, self._tracking.session
        first = parts.state.newest is None
        gap, parts.state.gap = parts.state.gap, None
        if gap is not None or frame.gap_before:
            parts.telemetry.restart_rate()
        with self._turn():
            if self._stopping.is_set():
                return
            frame = self._newest_now(frame)
            if gap is not None and not frame.gap_before:  # the session notes that one itself
                session.note_gap()
            upcoming = parts.source.frames.peek() if parts.source.every_frame else None
            if upcoming is not None:  # not on a live source: a newer one would come before its turn
                session.encode_ahead(upcoming)
            with parts.watch.step(len(session.object_ids)) as step:
                result = session.step(frame)
        if first:
            self._tracking.commands.refresh()
        self._measure(result)
        result = self._with_gap_told(result, gap)
        self._note(result, result.times.track_end_ns - result.times.track_start_ns)
        if step.was_overdue and not parts.source.every_frame:
            self._leave_out(result)
        else:
            self._emit(result, revises=False)
        if first and session.first.is_paused:
            self._pause(True)

    def _newest_now(self, frame: Frame) -> Frame:
        """The frame that was taken up, or of a live source the one that came while its turn did not."""
        source = self._parts.source
        if source.every_frame or source.frames.peek() is None:
            return frame
        try:
            newer = source.frames.get(0.0)
        except MailboxClosed:
            return frame
        if newer is None:
            return frame
        self._parts.telemetry.dropped("superseded")
        return replace(newer, gap_before=frame.gap_before or newer.gap_before)

    def _measure(self, result: FrameResult) -> None:
        times, telemetry = result.times, self._parts.telemetry
        telemetry.frame_tracked()
        telemetry.observe("queue", times.track_start_ns - times.capture_ns)
        telemetry.observe("step", times.track_end_ns - times.track_start_ns)
        telemetry.set_tracker_bytes(self._tracking.session.num_bytes)

    def _with_gap_told(self, result: FrameResult, gap: Gap | None) -> FrameResult:
        """Say in the `gap` event why nobody looked, and how long."""
        if not any(event.kind is EventKind.GAP for event in result.events):
            return result
        if result.frame.gap_before or gap is None:
            watch = self._parts.source_watch  # its thread may not have noticed yet that the camera is back
            detail = {"reason": "source_away", "seconds": round(watch.away_s or watch.was_away_s, 1)}
        else:
            detail = {"reason": gap.reason, "seconds": self._parts.gap_seconds(gap)}
        events = tuple(
            # Whoever noted it noted it on the frame before.
            replace(event, frame_idx=result.frame_idx, detail={**event.detail, **detail})
            if event.kind is EventKind.GAP
            else event
            for event in result.events
        )
        return replace(result, events=events)

    def _run_commands(self) -> None:
        for _ in range(COMMANDS_WAITING):  # and then a frame, however many more come meanwhile
            ticket = self._parts.inbox.claim(self._may_run)
            if ticket is None:
                return
            try:
                self._run_command(ticket)
            except RunAbandoned:
                ticket.answer(StreamOfflineError(f"{self._parts.name}: the stream was restarted meanwhile"))
                raise

    def _run_command(self, ticket: Ticket) -> None:
        parts, command = self._parts, ticket.command
        try:
            with self._turn(), parts.watch.work():
                applied = self._tracking.commands.apply(command, parts.state.newest, ticket.note)
        except StreamTrackError as error:
            ticket.answer(error)
            return
        except RunAbandoned:
            raise
        except Exception:
            ticket.answer(StreamOfflineError(f"{parts.name}: '{command.op}' broke the stream, see the log"))
            raise
        self._after_command(command, applied)
        ticket.answer(applied.answer.model_copy(update={"paused": parts.state.paused}))

    def _may_run(self, command: AnyCommand) -> bool:
        """Before the first frame only what needs none."""
        return self._parts.state.newest is not None or isinstance(command, PauseCommand | ResumeCommand)

    def _after_command(self, command: AnyCommand, applied: Applied) -> None:
        if applied.result is not None:
            self._note(applied.result)
            self._emit(applied.result, revises=True)
        elif isinstance(command, PauseCommand | ResumeCommand):
            self._pause(isinstance(command, PauseCommand))

    def _pause(self, pause: bool) -> None:
        state = self._parts.state
        if pause == state.paused:
            return
        state.paused = pause
        if state.newest is not None:
            self._note(state.newest)
        event = Event(EventKind.PAUSED if pause else EventKind.RESUMED, state.newest_frame_idx)
        if pause and state.newest is not None:
            self._emit(replace(state.newest, events=(event,)), revises=True)
        else:
            self._parts.outlet.tell(event)

    def _note(self, result: FrameResult, step_ns: int = 0) -> None:
        """Note what is to outlive the process, ahead of whoever is told of it."""
        notes = self._tracking.notes
        if notes is not None:
            session = self._tracking.session
            said = Said(session.ids.highest, session.first.prompted, self._parts.state.paused)
            notes.note(session, result, said, step_ns)

    def _emit(self, result: FrameResult, *, revises: bool) -> None:
        """Hand a result to whoever is attached."""
        parts, state = self._parts, self._parts.state
        # A frame that was just tracked was seen, also where the camera has gone since.
        shown = result
        if revises and parts.away:
            shown, state.unseen = with_unseen(result), result
        state.newest = result
        parts.telemetry.set_objects(len(result.objects))
        parts.outlet.emit(
            Update(parts.name, shown, revises, shown.events),
            is_wanted=lambda: not self._abandoned.is_set(),
            wait_while=(lambda: not self._stopping.is_set()) if parts.source.every_frame else None,
        )

    def _leave_out(self, result: FrameResult) -> None:
        """Tell what happened on a live frame whose step stalled, and not its masks: what they show is long
        past, and the newest picture comes next."""
        parts = self._parts
        parts.state.newest = result
        parts.telemetry.dropped("stalled")
        parts.outlet.tell(*result.events)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        patience_s = self._parts.watch.patience_s(len(self._tracking.session.object_ids))
        with self._tracking.turns.turn(patience_s):
            yield
