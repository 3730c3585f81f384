"""What nobody wants to hear of for a while. Pure but for its clock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.errors import CapacityError, UnknownSnoozeError

MAX_SNOOZES = 256
MAX_SNOOZE_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Snooze:
    """A silence; what is None is any."""

    snooze_id: int
    alert: str | None
    """The receiver: a webhook's name, mqtt or browser."""
    stream: str | None
    rule: str | None
    """The zone or line."""
    until_ms: int
    """Wall clock (Unix epoch, UTC) at its end."""

    def covers(self, alert: str, stream: str, rule: str) -> bool:
        """Whether it silences this."""
        return self.alert in (None, alert) and self.stream in (None, stream) and self.rule in (None, rule)


class Snoozes:
    """Those in force. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._held: list[tuple[int, Snooze]] = []
        """With the monotonic moment of its end: a clock that is set changes no silence."""

    def add(self, alert: str | None, stream: str | None, rule: str | None, seconds: float) -> Snooze:
        """A silence from now on; one of the same in its place.

        Raises:
            CapacityError: there are MAX_SNOOZES.
        """
        with self._lock:
            self._forget_ended()
            same = (alert, stream, rule)
            self._held = [(at, one) for at, one in self._held if (one.alert, one.stream, one.rule) != same]
            if len(self._held) >= MAX_SNOOZES:
                raise CapacityError(f"there are {MAX_SNOOZES} snoozes, expected fewer: end one first")
            until_ms = self._clock.wall_ns() // NS_PER_MS + int(seconds * 1000)
            snooze = Snooze(next(self._numbers), alert, stream, rule, until_ms)
            self._held.append((self._clock.monotonic_ns() + int(seconds * NS_PER_S), snooze))
            return snooze

    def remove(self, snooze_id: int) -> None:
        """End one.

        Raises:
            UnknownSnoozeError: there is none of that number.
        """
        with self._lock:
            self._forget_ended()
            left = [(at, one) for at, one in self._held if one.snooze_id != snooze_id]
            if len(left) == len(self._held):
                raise UnknownSnoozeError(f"snooze is {snooze_id}, expected one that is in force")
            self._held = left

    def in_force(self) -> Sequence[Snooze]:
        """Those that have not ended, oldest first."""
        with self._lock:
            self._forget_ended()
            return tuple(one for _, one in self._held)

    def resume(self, kept: Sequence[Snooze]) -> None:
        """Go on with those that the process before had; by the wall clock, which is all that both know."""
        now_ms = self._clock.wall_ns() // NS_PER_MS
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            for one in kept:
                left_ms = min(one.until_ms - now_ms, MAX_SNOOZE_S * 1000)
                if left_ms > 0 and len(self._held) < MAX_SNOOZES:
                    self._held.append((now_ns + left_ms * NS_PER_MS, one))
            highest = max((one.snooze_id for one in kept), default=0)
            self._numbers = count(highest + 1)

    def silences(self, alert: str, stream: str, rule: str) -> bool:
        """Whether this is to be told to nobody now."""
        return any(one.covers(alert, stream, rule) for one in self.in_force())

    def _forget_ended(self) -> None:
        now_ns = self._clock.monotonic_ns()
        self._held = [(at, one) for at, one in self._held if at > now_ns]
