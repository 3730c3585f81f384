"""The thread that watches over one stream: its camera, its step, and its return after a failure.

It never tracks, so that it can tell what happens while a step hangs.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace

from streamtrack.clock import NS_PER_MS
from streamtrack.errors import SourceError, StreamOfflineError
from streamtrack.frame import Event, EventKind, Update
from streamtrack.ingest import SourceState
from streamtrack.pipeline.parts import Gap, StreamParts, TrackingParts
from streamtrack.pipeline.source_watch import LOST_STATES
from streamtrack.pipeline.supervision import restart_delay_ms, why_it_failed
from streamtrack.pipeline.tracking_loop import TrackingLoop
from streamtrack.pipeline.unseen import with_unseen

POLL_S = 0.1
"""How often it looks."""
MAX_LEFT_BEHIND = 3
"""Threads that hang in a step and were given up; they cannot be ended, and each keeps its memory."""
GIVE_UP_TIMES = 6
"""A step that has stalled for so many times its limit is given up, and the stream restarted without it."""
STUCK_AFTER_NS = 5_000 * NS_PER_MS
"""A watch that has not looked for so long does not any more."""
SOUND_AFTER_NS = 60_000 * NS_PER_MS
"""A run that lasted so long counts as sound: the next failure is the first of its row."""

logger = logging.getLogger(__name__)


class Supervisor:
    """Starts, watches and restarts the tracker thread of one stream. Any thread may call the public
    methods."""

    def __init__(self, parts: StreamParts, tracking: TrackingParts) -> None:
        self._parts = parts
        self._tracking = tracking
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{parts.name}", daemon=True)
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        """Held while a stall or its end is told, so that two threads do not tell them in turns."""
        self._loop = TrackingLoop(parts, tracking, self._ended)
        self._left_behind: list[TrackingLoop] = []
        self._asked: list[Future[tuple[int, ...]]] = []
        """Whoever asked for a restart that has not begun."""
        self._begun_for: list[Future[tuple[int, ...]]] = []
        """Whoever asked for the restart under way."""
        self._given_up: str | None = None
        """Why the run before was left behind, until its successor has begun."""
        self._failures = 0
        self._told_reason = ""
        self._looked_ns = 0
        """When it looked last, monotonic."""
        self._begun_ns = 0
        self._retry_ns: int | None = None
        """When a stream that failed is tried again, monotonic."""

    @property
    def why_stuck(self) -> str:
        """Why only a restart of the process would help; empty where it would not."""
        name, now_ns = self._parts.name, self._parts.clock.monotonic_ns()
        if self._stopping.is_set() or not self._looked_ns:
            return ""
        if now_ns - self._looked_ns > STUCK_AFTER_NS:
            return f"stream {name}: nobody watches over it"
        overdue_s, hang = self._parts.watch.overdue_s, len(self._left_behind)
        give_up_s = GIVE_UP_TIMES * self._parts.limits.step_timeout_ms / 1000
        if overdue_s is not None and hang >= MAX_LEFT_BEHIND and overdue_s > give_up_s:
            return f"stream {name}: {hang + 1} steps hang"
        return ""

    def start(self) -> None:
        """Start to track, and to watch. Once in a lifetime."""
        self._looked_ns = self._begun_ns = self._parts.clock.monotonic_ns()
        self._parts.telemetry.set_up()
        self._loop.start()
        self._thread.start()

    def stop(self) -> None:
        """Let both threads end; returns at once."""
        self._stopping.set()
        self._loop.stop()
        self._answer_restarts(StreamOfflineError(f"{self._parts.name}: the stream is stopped"))

    def join(self, timeout_s: float) -> bool:
        """Wait for both threads; False where a tracker thread is still in a step."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._loop.stop()  # it may have been begun while the stop was asked for
        return self._loop.join(timeout_s) and not any(loop.is_alive() for loop in self._left_behind)

    def request_restart(self) -> Future[tuple[int, ...]]:
        """Restart soon; the future gives the ids of the objects that were started again."""
        restarted: Future[tuple[int, ...]] = Future()
        with self._lock:
            self._asked.append(restarted)
        return restarted

    # -- from the tracker thread -------------------------------------------------------------------

    def _ended(self, loop: TrackingLoop, error: Exception | None) -> None:
        """A run is over; where it failed the stream says why, and the others go on."""
        parts = self._parts
        if error is None or loop is not self._loop or self._stopping.is_set():
            return
        now_ns = parts.clock.monotonic_ns()
        self._failures = 1 if now_ns - self._begun_ns > SOUND_AFTER_NS else self._failures + 1
        delay_ms = restart_delay_ms(parts.limits, self._failures)
        reason = f"tracking failed: {why_it_failed(error)}"
        # The same again every few seconds would fill a log: after each doubling it is said again.
        is_news = self._failures & (self._failures - 1) == 0 or reason != self._told_reason
        self._told_reason = reason
        told = logging.ERROR if is_news else logging.DEBUG
        words = f"; failed {self._failures} times in a row" if self._failures > 1 else ""
        logger.log(told, "stream %s: %s; next try in %.1f s%s", parts.name, reason, delay_ms / 1000, words)
        logger.debug("stream %s", parts.name, exc_info=error)
        parts.state.failure, parts.state.stall = reason, None
        parts.state.gap = Gap("restarted", now_ns)
        parts.inbox.refuse(reason)
        parts.telemetry.failed("failed")
        detail = {"reason": reason, "retry_in_s": delay_ms / 1000}
        parts.outlet.tell(Event(EventKind.FAILED, parts.state.newest_frame_idx, None, detail))
        self._answer_restarts(StreamOfflineError(f"{parts.name}: {reason}"))
        self._retry_ns = now_ns + delay_ms * NS_PER_MS

    def _restarted(self, loop: TrackingLoop, object_ids: tuple[int, ...]) -> None:
        """A run has begun with the objects of the run before."""
        parts = self._parts
        logger.info("stream %s: tracks again, %d objects", parts.name, len(object_ids))
        given_up, self._given_up = self._given_up, None
        reason = parts.state.failure or given_up or "asked for"
        self._tell_restarted({"reason": reason, "objects": list(object_ids)})
        for asked in self._take_asked(begun=True):
            with suppress(InvalidStateError):
                asked.set_result(object_ids)

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(POLL_S):
            self._looked_ns = self._parts.clock.monotonic_ns()
            try:
                self._follow_source()
                self._watch_step()
                self._restart_where_due()
                self._tell_unseen()
            except Exception:  # a watch that dies would be a hang that nobody tells
                logger.exception("stream %s: the watch over it failed", self._parts.name)

    def _follow_source(self) -> None:
        self._parts.outlet.tell(*self._parts.source_watch.news(self._parts.state.newest_frame_idx))

    def _watch_step(self) -> None:
        parts, state = self._parts, self._parts.state
        overdue_s = parts.watch.overdue_s
        if overdue_s is None:
            if state.stall is not None and self._given_up is None:
                logger.info("stream %s: the step ended", parts.name)
                self._tell_restarted({"reason": f"{state.stall}, and ended"})
            return
        if state.stall is None:
            self._tell_stalled(overdue_s)
        give_up_s = GIVE_UP_TIMES * parts.limits.step_timeout_ms / 1000
        if overdue_s > parts.watch.limit_s + give_up_s and len(self._left_behind) < MAX_LEFT_BEHIND:
            self._give_up()
            self._begin()

    def _tell_stalled(self, overdue_s: float) -> None:
        parts = self._parts
        reason = f"a step has taken {overdue_s:.1f} s"
        with self._telling:
            if parts.watch.overdue_s is None:
                return  # it ended just now
            logger.error("stream %s: %s; the other streams go on", parts.name, reason)
            parts.state.stall = reason
            parts.state.gap = Gap("stalled", parts.clock.monotonic_ns() - int(overdue_s * 1e9))
            parts.inbox.refuse(f"stalled: {reason}")
            parts.telemetry.failed("stalled")
            detail = {"reason": reason, "limit_s": parts.watch.limit_s}
            parts.outlet.tell(Event(EventKind.STALLED, parts.state.newest_frame_idx, None, detail))

    def _tell_restarted(self, detail: dict[str, object]) -> None:
        parts = self._parts
        with self._telling:
            parts.state.failure = parts.state.stall = None
            parts.inbox.accept()
            parts.telemetry.restarted()
            parts.outlet.tell(Event(EventKind.RESTARTED, parts.state.newest_frame_idx, None, detail))

    def _restart_where_due(self) -> None:
        parts = self._parts
        asked = bool(self._asked)
        if self._loop.is_alive():
            if asked and parts.state.stall is None:
                self._loop.stop()  # it ends after its step, and is followed by a new run
            elif asked:
                if len(self._left_behind) >= MAX_LEFT_BEHIND:
                    message = f"{parts.name}: {MAX_LEFT_BEHIND} threads hang already; restart the process"
                    self._answer_restarts(StreamOfflineError(message))
                    return
                self._give_up()
                self._begin()
            return
        due = self._retry_ns is not None and parts.clock.monotonic_ns() >= self._retry_ns
        if asked or due:
            self._begin()

    def _give_up(self) -> None:
        """Leave a run behind that hangs."""
        self._given_up = f"{self._parts.state.stall or 'a step hangs'}, and was given up"
        logger.error("stream %s: the thread that hangs is left behind", self._parts.name)
        self._parts.telemetry.fell_back("step_left_behind")
        self._loop.abandon()
        self._left_behind = [loop for loop in (*self._left_behind, self._loop) if loop.is_alive()]
        self._parts.watch.forget_running()

    def _begin(self) -> None:
        """Start a run that takes over the objects of the one before."""
        parts = self._parts
        with self._lock:
            self._begun_for += self._asked
            self._asked = []
        self._retry_ns = None
        self._begun_ns = parts.clock.monotonic_ns()
        if parts.state.gap is None:
            parts.state.gap = Gap("restarted", self._begun_ns)
        if parts.source.state is SourceState.FAILED:
            try:
                parts.source.reopen()
            except SourceError as error:
                logger.error("stream %s: %s", parts.name, error)
        self._loop = TrackingLoop(parts, self._tracking, self._ended, self._restarted)
        self._loop.start()

    def _tell_unseen(self) -> None:
        """Say of the objects that nobody looks at them, once the camera is gone or the stream stands."""
        parts, state = self._parts, self._parts.state
        newest = state.newest
        stands = state.paused or state.failure is not None or state.stall is not None
        if newest is None or newest is state.unseen or not newest.objects:
            return
        if (stands or parts.source.state in LOST_STATES) and parts.outlet.has_room():
            state.unseen = newest
            shown = replace(with_unseen(newest), events=())
            update = Update(parts.name, shown, revises=True)
            parts.outlet.emit(update, is_wanted=lambda: state.newest is newest)

    def _answer_restarts(self, error: StreamOfflineError) -> None:
        for asked in self._take_asked(begun=True) + self._take_asked(begun=False):
            with suppress(InvalidStateError):
                asked.set_exception(error)

    def _take_asked(self, *, begun: bool) -> list[Future[tuple[int, ...]]]:
        with self._lock:
            if begun:
                taken, self._begun_for = self._begun_for, []
            else:
                taken, self._asked = self._asked, []
        return taken
