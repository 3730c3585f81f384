"""Who did what, and how it ended: kept on disk by a thread of its own, never in anybody's way."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import filelock
import msgspec

from streamtrack.access.audit_file import AuditFile
from streamtrack.access.principal import Principal
from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock

MAX_WAITING = 2_000
"""Entries that wait for the disk; more are lost, and counted."""
RETRY_S = 2.0
"""After which a disk that took nothing is tried again."""
KEPT_IN_MEMORY = 1_000
"""The newest ones, which are shown where there is no file."""
MAX_TEXT_CHARS = 200
COMPLAINT_PERIOD_S = 60.0
"""Of a disk that takes nothing."""
OFTEN_PERIOD_S = 60.0
"""What is repeated is written down once in so many seconds, with how often it was."""
OFTEN_KEPT = 512
MAX_SCANNED = 20_000
"""Lines that one question may cost."""

Outcome = Literal["done", "refused", "failed"]

_log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line."""

    id: int
    """Microseconds since the epoch, made unique; later ones are larger."""
    time: str
    """ISO 8601, UTC."""
    who: str
    """The principal's name; empty where nobody was known."""
    role: str
    """view, control or admin; empty where nobody was known."""
    by: str
    """key, token, curve, anyone; or session: a key or token by the login page's cookie."""
    address: str
    what: str
    """A route as the table of routes names it, `zmq add`, `log in`, `keys make`."""
    outcome: str
    """done, refused, failed."""
    via: str = "http"
    """http, zmq, command, file."""
    stream: str = ""
    object: str = ""
    """What it was done to: an object's id, a rule, a recording, a job, a key."""
    status: int = 0
    """HTTP's."""
    detail: str = ""
    """Why not, in one line."""
    times: int = 1
    """How often, where it was repeated."""


class _Repeats:
    """What is repeated, and since when it was not told."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, ...], tuple[int, int]] = OrderedDict()

    def due(self, what: tuple[str, ...], now_ns: int) -> int:
        """How often it happened since it was told last, where it is to be told now; else 0."""
        told_ns, count = self._seen.pop(what, (None, 0))
        is_due = told_ns is None or now_ns - told_ns >= OFTEN_PERIOD_S * NS_PER_S
        self._seen[what] = (now_ns, 0) if is_due or told_ns is None else (told_ns, count + 1)
        while len(self._seen) > OFTEN_KEPT:
            self._seen.popitem(last=False)
        return count + 1 if is_due else 0


class AuditLog:
    """The log. `note` may be called from any thread and never waits."""

    def __init__(
        self,
        path: Path | None,
        clock: Clock = SYSTEM_CLOCK,
        on_lost: Callable[[int], None] | None = None,
    ) -> None:
        """Args:
        path: None keeps the newest KEPT_IN_MEMORY in memory alone.
        on_lost: told how many entries found no place.
        """
        self._file = None if path is None else AuditFile(path)
        self._clock = clock
        self._on_lost = on_lost
        self._waiting: list[Entry] = []
        self._memory: deque[Entry] = deque(maxlen=KEPT_IN_MEMORY)
        self.stored = path is not None
        """Whether it outlives the process."""
        self._repeats = _Repeats()
        self._last_id = 0
        self.lost = 0
        """Entries that found no place, since the start."""
        self._complained_at_s: float | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def note(
        self,
        what: str,
        outcome: Outcome,
        *,
        principal: Principal | None = None,
        by: str = "",
        address: str = "",
        via: str = "http",
        stream: str = "",
        object_id: str = "",
        status: int = 0,
        detail: str = "",
        times: int = 1,
        often: bool = False,
    ) -> None:
        """Write down what somebody did. No argument may hold a secret.

        Args:
            often: it may be repeated without end, by a machine or by who does not take no for an answer: one
                entry in OFTEN_PERIOD_S for who, what and where.
        """
        wall_ns = self._clock.wall_ns()
        with self._changed:
            if often:
                who = "" if principal is None else principal.name
                times = self._repeats.due((who, what, address, stream, outcome), self._clock.monotonic_ns())
                if not times:
                    return
            self._last_id = max(self._last_id + 1, wall_ns // 1_000)
            entry = Entry(
                self._last_id,
                datetime.fromtimestamp(wall_ns / NS_PER_S, UTC).isoformat(timespec="milliseconds"),
                "" if principal is None else principal.name,
                "" if principal is None else principal.role.value,
                by or ("" if principal is None else principal.kind),
                _short(address),
                _short(what),
                outcome,
                via,
                _short(stream),
                _short(object_id),
                status,
                _short(detail),
                times,
            )
            self._memory.append(entry)
            if self._file is None:
                return
            if len(self._waiting) >= MAX_WAITING:
                self._lose(1)
                return
            self._waiting.append(entry)
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
            self._changed.notify()

    def page(
        self, limit: int, before: int | None = None, who: str | None = None, outcome: str | None = None
    ) -> tuple[list[Entry], int | None]:
        """The newest entries, newest first, and the id to go on before; None at the end. Reads the disk.

        Args:
            before: only entries with a smaller id.
        """
        found: list[Entry] = []
        scanned = 0
        for entry in self._newest_first():
            if before is not None and entry.id >= before:
                continue
            if len(found) == limit:
                return found, found[-1].id
            if scanned >= MAX_SCANNED:
                return found, entry.id + 1
            scanned += 1
            if (who is None or entry.who == who) and (outcome is None or entry.outcome == outcome):
                found.append(entry)
        return found, None

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what waits; False where the disk did not take it in time. May be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _newest_first(self) -> Iterator[Entry]:
        if self._file is None:
            with self._changed:
                yield from list(reversed(self._memory))
            return
        with self._changed:
            # What waits is not on the disk yet, or never will be.
            waiting = list(reversed(self._waiting))
        yield from waiting
        shown = {entry.id for entry in waiting}
        for line in self._file.newest_first():
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue  # half a line of a process that was killed
            if entry.id not in shown:
                yield entry

    def _run(self) -> None:
        assert self._file is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                batch = self._waiting[:]
                if not batch:
                    return
            try:
                self._file.append([msgspec.json.encode(entry) + b"\n" for entry in batch])
            except (OSError, filelock.Timeout) as error:
                if self._must_give_up(error):
                    return
                continue
            with self._changed:
                del self._waiting[: len(batch)]

    def _must_give_up(self, error: Exception) -> bool:
        """Tell of a disk that took nothing, and wait before it is tried again; True where the log ends."""
        with self._changed:
            self._complain(error)
            if self._closing or self._changed.wait_for(lambda: self._closing, RETRY_S):
                self._lose(len(self._waiting))
                self._waiting.clear()
                return True
        return False

    def _lose(self, number: int) -> None:
        self.lost += number
        if self._on_lost is not None:
            self._on_lost(number)

    def _complain(self, error: Exception) -> None:
        now_s = self._clock.monotonic_ns() / NS_PER_S
        if self._complained_at_s is not None and now_s - self._complained_at_s < COMPLAINT_PERIOD_S:
            return
        self._complained_at_s = now_s
        reason = getattr(error, "strerror", None) or type(error).__name__
        _log.error(
            "audit log: cannot be written: %s; %d entries wait, %d are lost",
            *(reason, len(self._waiting), self.lost),
        )


def _short(text: str) -> str:
    """One line of a bounded length."""
    line = " ".join(str(text).split())
    return line if len(line) <= MAX_TEXT_CHARS else line[: MAX_TEXT_CHARS - 1] + "…"
