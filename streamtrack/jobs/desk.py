"""Takes jobs, runs one at a time on a thread of its own, and keeps what they wrote within bounds. Any thread
may call the public methods."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamtrack.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import JobsConfig
from streamtrack.errors import CapacityError, StreamTrackError, UnknownJobError
from streamtrack.jobs.film_run import FilmRequest, RunEnd, RunLimits, RunProgress, run_film
from streamtrack.jobs.job import Job, JobState
from streamtrack.jobs.store import JobStore
from streamtrack.tracking import Tracker

LOOK_S = 0.5
"""How often an idle thread looks whether the model is there, or results are old."""
MB = 1 << 20
MS_PER_HOUR = 3_600_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The model that jobs share with the streams."""

    tracker: Callable[[], Tracker | None]
    """None while it loads."""
    in_turn: Callable[[], AbstractContextManager[None]]
    """Held while it works."""
    name: str


@dataclass(slots=True)
class _Entry:
    """A job, and what only this process knows of it."""

    job: Job
    request: FilmRequest | None = None
    """None of a job of an earlier process."""
    progress: RunProgress = field(default_factory=RunProgress)
    cancelled: bool = False

    def told(self) -> Job:
        """The job at this moment."""
        progress = self.progress
        if self.job.state is not JobState.RUNNING:
            return self.job
        fps, left_s = progress.fps, None
        if fps and progress.total_steps is not None:
            left_s = max(0, progress.total_steps - progress.num_steps) / fps
        changes = {"num_steps": progress.num_steps, "total_steps": progress.total_steps}
        return self.job.model_copy(update={**changes, "fps": fps, "left_s": left_s})


class JobDesk:
    """Every job."""

    def __init__(self, config: JobsConfig, folder: Path | None, model: ModelUse, clock: Clock = SYSTEM_CLOCK):
        """Find the jobs of an earlier process.

        Args:
            folder: where they lie; None: in a temporary folder that goes with this process.
        Raises:
            ConfigError: the folder cannot be made.
        """
        self.config = config
        self._model = model
        self._clock = clock
        self.store = JobStore(folder)
        self._changed = threading.Condition()
        self._entries = {job.id: _Entry(job) for job in self.store.read()}
        self._waiting: deque[_Entry] = deque()
        self._arriving = 0
        self._running: _Entry | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to run jobs. Once in a lifetime."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the job under way and the thread; False where it did not in time."""
        with self._changed:
            self._stopping = True
            for entry in (self._running, *self._waiting):
                if entry is not None:
                    entry.cancelled = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        ended = not self._thread.is_alive()
        if ended:
            self.store.close()
        return ended

    # -- what is asked ---------------------------------------------------------------------------------

    def jobs(self) -> tuple[Job, ...]:
        """Every job at this moment, the oldest first."""
        with self._changed:
            entries = tuple(self._entries.values())
        return tuple(entry.told() for entry in entries)

    def job(self, job_id: str) -> Job:
        """One job at this moment.

        Raises:
            UnknownJobError: there is none of that id.
        """
        return self._entry(job_id).told()

    @contextlib.contextmanager
    def arriving(self, size_bytes: int) -> Iterator[None]:
        """A place for a job whose film is on its way, while the context lasts.

        Args:
            size_bytes: of the film, as far as it is known.
        Raises:
            CapacityError: no place, or no room on the disk.
        """
        self.sweep()
        with self._changed:
            waiting = len(self._waiting) + self._arriving
            if waiting >= self.config.max_waiting:
                raise CapacityError(
                    f"{waiting} jobs wait already, expected fewer (jobs.max_waiting); ask later"
                )
            self._arriving += 1
        try:
            self._make_room(size_bytes)
            yield
        finally:
            with self._changed:
                self._arriving -= 1

    def submit(self, job: Job, request: FilmRequest) -> Job:
        """Let a job wait for its turn; its folder is there already. Within `arriving`."""
        entry = _Entry(job, request)
        self.store.write(job)
        with self._changed:
            self._entries[job.id] = entry
            self._waiting.append(entry)
            self._changed.notify_all()
        return entry.told()

    def cancel(self, job_id: str) -> Job:
        """End a job: at once where it waits, after the frame under way where it runs. What it wrote so far is
        kept.

        Raises:
            UnknownJobError: there is none of that id.
        """
        entry = self._entry(job_id)
        with self._changed:
            entry.cancelled = True
            was_waiting = entry in self._waiting
            if was_waiting:
                self._waiting.remove(entry)
        if was_waiting:
            self._end(entry, JobState.CANCELLED)
        return entry.told()

    def remove(self, job_id: str) -> None:
        """Forget a job and all its files; one that runs is ended first, and goes once it has.

        Raises:
            UnknownJobError: there is none of that id.
        """
        entry = self._entry(job_id)
        self.cancel(job_id)
        with self._changed:
            self._entries.pop(job_id, None)
            runs = self._running is entry
        if not runs:
            self.store.remove(job_id)

    def now_ms(self) -> int:
        """Wall clock."""
        return self._clock.wall_ns() // NS_PER_MS

    def sweep(self) -> None:
        """Forget results that are old, or too many."""
        oldest_ms = self.now_ms() - int(self.config.keep_hours * MS_PER_HOUR)
        ended = self._ended_first()
        num_too_many = max(0, len(ended) - self.config.max_kept)
        for place, job in enumerate(ended):
            if place < num_too_many or (job.ended_ms or 0) < oldest_ms:
                self._forget(job.id)

    # -- parts ---------------------------------------------------------------------------------------

    def _make_room(self, size_bytes: int) -> None:
        """Let the oldest results make room.

        Raises:
            CapacityError: they cannot.
        """
        most = self.config.max_disk_mb * MB
        ended = self._ended_first()
        while self.store.size() + size_bytes > most:
            if not ended:
                raise CapacityError(
                    f"jobs take {self.store.size() // MB} MB of {self.config.max_disk_mb} MB, and there is "
                    "no room for another (jobs.max_disk_mb)"
                )
            self._forget(ended.pop(0).id)

    def _ended_first(self) -> list[Job]:
        """Jobs that have ended, the one that did first first."""
        return sorted((job for job in self.jobs() if job.has_ended), key=lambda job: job.ended_ms or 0)

    def _forget(self, job_id: str) -> None:
        with contextlib.suppress(UnknownJobError):
            self.remove(job_id)

    def _entry(self, job_id: str) -> _Entry:
        with self._changed:
            entry = self._entries.get(job_id)
        if entry is None:
            raise UnknownJobError(job_id)
        return entry

    # -- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        swept_s = 0.0
        while True:
            with self._changed:
                tracker = self._model.tracker()
                if self._stopping:
                    return
                entry = self._waiting.popleft() if self._waiting and tracker is not None else None
                self._running = entry
                if entry is None:
                    self._changed.wait(LOOK_S)
            if entry is not None and tracker is not None:
                self._carry_out(entry, tracker)
            elif time.monotonic() - swept_s > 60:
                swept_s = time.monotonic()
                self.sweep()

    def _carry_out(self, entry: _Entry, tracker: Tracker) -> None:
        assert entry.request is not None, "jobs of an earlier process have ended"
        job_id = entry.job.id
        entry.job = entry.job.model_copy(update={"state": JobState.RUNNING, "started_ms": self.now_ms()})
        self.store.write(entry.job)
        limits = RunLimits(
            self.config.max_seconds,
            self.config.max_result_mb * MB,
            lambda: self.store.size_of(job_id),
            lambda: entry.cancelled,
            lambda: self._clock.monotonic_ns() / NS_PER_S,
        )
        end, error = RunEnd(""), ""
        try:
            end = run_film(
                entry.request, tracker, self._model.name, limits, entry.progress, self._model.in_turn
            )
        except StreamTrackError as told:
            error = str(told).replace(entry.request.film, entry.request.shown_name)
        except Exception as unforeseen:  # the thread has other jobs to do
            logger.exception("job %s failed", job_id)
            error = f"internal error ({type(unforeseen).__name__}), see the server's log"
        state = JobState.FAILED if error else JobState.CANCELLED if end.stopped else JobState.DONE
        self._end(entry, state, end, error)

    def _end(self, entry: _Entry, state: JobState, end: RunEnd | None = None, error: str = "") -> None:
        """What becomes of a job that runs no more."""
        job_id = entry.job.id
        self.store.forget_unfinished(job_id)
        told = entry.told()
        changes: dict[str, Any] = {"state": state, "ended_ms": self.now_ms(), "error": error, "left_s": None}
        if end is not None and end.line:
            changes |= {"line": end.line, "summary": end.summary}
        changes["files"] = self.store.files_of(job_id)
        with contextlib.suppress(OSError):
            self.store.forget_film(job_id)
        entry.job = told.model_copy(update=changes)
        entry.request = None
        with self._changed:
            if self._running is entry:
                self._running = None
            forgotten = self._entries.get(job_id) is not entry
        if forgotten:
            self.store.remove(job_id)
        else:
            self.store.write(entry.job)
