"""What waits for one receiver: in memory, or in a file that outlives the process. Bounded; the oldest go."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from streamtrack.errors import ConfigError

_TABLE = """
CREATE TABLE IF NOT EXISTS alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,
    wall_ms INTEGER NOT NULL,
    stream TEXT NOT NULL,
    body BLOB NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that was not delivered yet."""

    seq: int
    """Its place in the queue."""
    alert_id: str
    wall_ms: int
    """Wall clock (Unix epoch, UTC) when it was told."""
    stream: str
    body: bytes
    """JSON."""


class AlertQueue:
    """First in, first out. Any thread may call any method; none waits for a receiver."""

    def __init__(self, capacity: int, path: Path | None = None) -> None:
        """
        Args:
            path: a SQLite file, made where it is not there; None: memory.
        Raises:
            ConfigError: the file cannot be opened, or is something else.
        """
        self._capacity = capacity
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(
                path or ":memory:", check_same_thread=False, isolation_level=None, timeout=5
            )
            # A killed process loses nothing by this; the power's loss may cost the newest ones.
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(_TABLE)
            self._count = int(self._base.execute("SELECT count(*) FROM alerts").fetchone()[0])
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"alerts.spool: {path} cannot be used as a queue of alerts: {error}") from error

    def __len__(self) -> int:
        return self._count

    def put(self, alert_id: str, wall_ms: int, stream: str, body: bytes) -> int:
        """Add one; returns how many of the oldest went to make room.

        Raises:
            OSError: the disk refuses.
        """
        with self._lock:
            try:
                self._base.execute(
                    "INSERT INTO alerts (alert_id, wall_ms, stream, body) VALUES (?, ?, ?, ?)",
                    (alert_id, wall_ms, stream, body),
                )
                self._count += 1
                return self._drop_oldest(self._count - self._capacity)
            except sqlite3.Error as error:
                raise OSError(str(error)) from error

    def oldest(self) -> Waiting | None:
        """The next to deliver, left where it is; None where nothing waits."""
        with self._lock:
            row = self._base.execute(
                "SELECT seq, alert_id, wall_ms, stream, body FROM alerts ORDER BY seq LIMIT 1"
            ).fetchone()
        return None if row is None else Waiting(*row)

    def done(self, seq: int) -> None:
        """It was delivered, or is given up."""
        with self._lock:
            self._count -= self._base.execute("DELETE FROM alerts WHERE seq = ?", (seq,)).rowcount

    def drop_before(self, wall_ms: int) -> int:
        """Give up those that were told before a moment; returns how many."""
        with self._lock:
            dropped = self._base.execute("DELETE FROM alerts WHERE wall_ms < ?", (wall_ms,)).rowcount
            self._count -= dropped
            return dropped

    def close(self) -> None:
        """What waits stays in the file."""
        with self._lock:
            self._base.close()

    def _drop_oldest(self, number: int) -> int:
        if number <= 0:
            return 0
        self._base.execute(
            "DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts ORDER BY seq LIMIT ?)", (number,)
        )
        self._count -= number
        return number
