"""How long a stream's steps take, and whether the one under way takes too long."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import SupervisionConfig

WINDOW = 64
"""Steps whose duration is kept."""
WARM_STEPS = 3
"""Steps with the same number of objects after which nothing is compiled or allocated any more."""
MAX_COUNTS = 256
"""Different numbers of objects that are told apart."""
USUAL_TIMES = 20
"""A step that takes this many times the usual is taken for one that hangs."""
PATIENCE_TIMES = 5
MIN_PATIENCE_S, COLD_PATIENCE_S = 0.3, 10.0
"""How long other streams wait for a step, at least, and while it may still be compiling. The first is what
they lose where it hangs; a step that is merely slow and passed over costs nobody anything but a core."""


class WatchedStep:
    """One step, and after its end whether it took too long."""

    was_overdue = False


class StepWatch:
    """Watches one stream's steps. Any thread may ask; one thread at a time steps."""

    def __init__(self, limits: SupervisionConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._durations_ns: deque[int] = deque(maxlen=WINDOW)
        self._steps_by_count: Counter[int] = Counter()
        self._run = 0
        self._since_ns: int | None = None
        self._limit_s = 0.0

    def patience_s(self, num_objects: int) -> float:
        """How long others shall wait for a step with so many objects."""
        return self.usual_patience_s if self._is_warm(num_objects) else COLD_PATIENCE_S

    @property
    def usual_patience_s(self) -> float:
        """How long others shall wait for what nothing is compiled for, such as a restart."""
        return max(MIN_PATIENCE_S, PATIENCE_TIMES * self._usual_s())

    @contextmanager
    def step(self, num_objects: int) -> Iterator[WatchedStep]:
        """A step is under way while the context lasts; one that raises teaches nothing."""
        limit_s, step = self._step_limit_s(num_objects), WatchedStep()
        run, started_ns = self._begin(limit_s)
        try:
            yield step
        except BaseException:
            self._end(run)
            raise
        self._end(run)
        taken_ns = self._clock.monotonic_ns() - started_ns
        step.was_overdue = taken_ns > limit_s * NS_PER_S
        with self._lock:
            self._durations_ns.append(taken_ns)
            if num_objects in self._steps_by_count or len(self._steps_by_count) < MAX_COUNTS:
                self._steps_by_count[num_objects] += 1

    @contextmanager
    def work(self) -> Iterator[None]:
        """Something of unknown length is under way: a command with its fast-forward, a restart."""
        run, _ = self._begin(self._limits.first_step_timeout_ms / 1000)
        try:
            yield
        finally:
            self._end(run)

    def forget_running(self) -> None:
        """What is under way belongs to a run that was given up; its end says nothing."""
        with self._lock:
            self._run += 1
            self._since_ns = None

    @property
    def overdue_s(self) -> float | None:
        """How long the step under way has taken, where that is too long; else None."""
        with self._lock:
            if self._since_ns is None:
                return None
            taken_s = (self._clock.monotonic_ns() - self._since_ns) / NS_PER_S
            return taken_s if taken_s > self._limit_s else None

    @property
    def limit_s(self) -> float:
        """How long what is under way may take."""
        with self._lock:
            return self._limit_s

    def _step_limit_s(self, num_objects: int) -> float:
        if not self._is_warm(num_objects):
            return self._limits.first_step_timeout_ms / 1000
        return max(self._limits.step_timeout_ms / 1000, USUAL_TIMES * self._usual_s())

    def _usual_s(self) -> float:
        with self._lock:
            return statistics.median(self._durations_ns) / NS_PER_S if self._durations_ns else 0.0

    def _is_warm(self, num_objects: int) -> bool:
        with self._lock:
            return self._steps_by_count[num_objects] >= WARM_STEPS

    def _begin(self, limit_s: float) -> tuple[int, int]:
        with self._lock:
            self._run += 1
            self._since_ns = self._clock.monotonic_ns()
            self._limit_s = limit_s
            return self._run, self._since_ns

    def _end(self, run: int) -> None:
        with self._lock:
            if run == self._run:
                self._since_ns = None
