"""Events in a SQLite file: bounded, searched, and never a reason for a stream to wait.

A file that is damaged is put aside, with one line in the log, and another one is begun.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.config import ArchiveConfig
from streamtrack.errors import ArchiveError, ConfigError
from streamtrack.history.kept_event import EventPage, EventQuery, KeptEvent, NewEvent

FILE = "events.sqlite"
SCHEMA = 1
DAY_MS = 86_400_000
TIDY_EVERY = 256
"""Events after which those that are too old or too many are forgotten."""
BUSY_TIMEOUT_S = 5.0
MAX_SQL_INTEGER = 2**63 - 1
_TABLE = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    wall_ms INTEGER NOT NULL,
    stream TEXT NOT NULL,
    kind TEXT NOT NULL,
    frame_idx INTEGER NOT NULL,
    object_id INTEGER,
    rule TEXT NOT NULL,
    class TEXT NOT NULL,
    label TEXT NOT NULL,
    detail TEXT NOT NULL,
    thumbnail BLOB
);
CREATE INDEX events_by_time ON events (wall_ms);
CREATE INDEX events_by_stream ON events (stream, wall_ms);
CREATE INDEX events_by_kind ON events (kind, wall_ms);
"""
_INSERT = (
    "INSERT INTO events (wall_ms, stream, kind, frame_idx, object_id, rule, class, label, detail, thumbnail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS = (
    "id, wall_ms, stream, kind, frame_idx, object_id, rule, class, label, detail, thumbnail IS NOT NULL"
)

T = TypeVar("T")

logger = logging.getLogger(__name__)


class EventLog:
    """Keeps events. Any thread may call any method; each waits for the disk, and for no stream."""

    def __init__(self, config: ArchiveConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """Open the file, or begin one.

        Raises:
            ConfigError: the folder cannot be used, or a newer streamtrack wrote the file.
        """
        assert config.folder is not None, "a log of events needs archive.folder"
        self.path = config.folder / FILE
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._since_tidied = TIDY_EVERY
        try:
            config.folder.mkdir(parents=True, exist_ok=True)
            self._base = self._open_or_begin()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"archive.folder: {self.path} cannot be used: {error}") from error

    def add(self, events: Sequence[NewEvent]) -> None:
        """Keep events, oldest first.

        Raises:
            ArchiveError: the disk refuses.
        """

        def insert(base: sqlite3.Connection) -> None:
            with base:
                base.executemany(_INSERT, [one.row() for one in events])

        with self._lock:
            self._mended(insert)
            self._since_tidied += len(events)
            if self._since_tidied >= TIDY_EVERY:
                self._since_tidied = 0
                self._mended(self._forget)

    def find(self, query: EventQuery) -> EventPage:
        """The events that are asked for."""
        with self._lock:
            return self._mended(lambda base: find_in(base, query))

    def thumbnail(self, event_id: int) -> bytes | None:
        """An event's JPEG; None where there is none."""

        def read(base: sqlite3.Connection) -> bytes | None:
            row = base.execute("SELECT thumbnail FROM events WHERE id = ?", (event_id,)).fetchone()
            return None if row is None else row[0]

        with self._lock:
            return self._mended(read)

    def tidy(self) -> None:
        """Forget what is too old or too much."""
        with self._lock:
            self._mended(self._forget)

    def close(self) -> None:
        """End; may be called again."""
        with self._lock, suppress(sqlite3.Error):
            self._base.close()

    def _forget(self, base: sqlite3.Connection) -> None:
        oldest_ms = self._clock.wall_ns() // NS_PER_MS - int(self._config.events_keep_days * DAY_MS)
        with base:
            base.execute("DELETE FROM events WHERE wall_ms < ?", (oldest_ms,))
            base.execute(
                "DELETE FROM events WHERE id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (self._config.events_max,),
            )

    def _mended(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the file; once more of a new one where it turns out to be damaged."""
        try:
            return ask(self._base)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise ArchiveError(f"{self.path}: {error}") from error
            with suppress(sqlite3.Error):
                self._base.close()
            self._put_aside(error)
        try:
            self._base = self._open()
            return ask(self._base)
        except sqlite3.Error as error:
            raise ArchiveError(f"{self.path}: {error}") from error

    def _open_or_begin(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._put_aside(error)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        base.text_factory = _text
        try:
            base.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing by this; the power's loss may cost the newest events.
            base.execute("PRAGMA synchronous=NORMAL")
            version = int(base.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                base.executescript(f"BEGIN; {_TABLE} PRAGMA user_version={SCHEMA}; COMMIT;")
            elif version != SCHEMA:
                raise ConfigError(_other_version(self.path, version))
            base.execute("SELECT max(id), max(wall_ms) FROM events").fetchone()
        except BaseException:
            base.close()
            raise
        return base

    def _put_aside(self, error: Exception) -> None:
        now = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        aside = self.path.with_name(f"{FILE}.damaged-{now.strftime('%Y%m%dT%H%M%S.%f')[:-3]}Z")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(FILE + suffix).unlink()
        logger.error("%s is damaged (%s): kept as %s, a new one is begun", self.path, error, aside.name)


def find_in(base: sqlite3.Connection, query: EventQuery) -> EventPage:
    """What a query finds in an open file."""
    if any(abs(object_id) > MAX_SQL_INTEGER for object_id in query.object_ids):
        return EventPage()  # SQLite has no such number, so no event has
    where, values = query.where()
    order = "ASC" if query.oldest_first else "DESC"
    # Names of ours; what was asked for is bound.
    asked = f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY id {order} LIMIT ?"  # nosec B608
    rows = base.execute(asked, (*values, query.limit + 1))
    return EventPage.of([_event(row) for row in rows], query.limit)


def read_log(path: Path, query: EventQuery) -> EventPage:
    """What a query finds in a file that another process may be writing; nothing is changed.

    Raises:
        ArchiveError: there is no such file, or it is none of ours.
    """
    if not path.is_file():
        raise ArchiveError(f"{path}: there is no log of events, expected the archive.folder of a server")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            base.text_factory = _text
            version = int(base.execute("PRAGMA user_version").fetchone()[0])
            if version != SCHEMA:
                raise ArchiveError(_other_version(path, version))
            return find_in(base, query)
    except sqlite3.Error as error:
        raise ArchiveError(f"{path}: it cannot be read as a log of events: {error}") from error


def _event(row: Sequence[Any]) -> KeptEvent:
    *values, detail, has_thumbnail = row
    number, wall_ms, stream, kind, frame_idx, object_id, rule, class_name, label = values
    return KeptEvent(
        _whole(number),
        _whole(wall_ms),
        _text(stream),
        _text(kind),
        _whole(frame_idx),
        None if object_id is None else _whole(object_id),
        _text(rule),
        _text(class_name),
        _text(label),
        _detail(detail),
        bool(has_thumbnail),
    )


def _text(value: Any) -> str:
    """What a column of texts holds, also where the file is damaged."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _detail(text: Any) -> dict[str, Any]:
    """What is told beside an event; nothing where the file has lost it."""
    try:
        told = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _other_version(path: Path, version: int) -> str:
    return f"{path}: its schema is version {version}, expected {SCHEMA}: another streamtrack wrote it"


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is broken, and not the disk full or somebody else writing."""
    return not isinstance(
        error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError
    ) or ("malformed" in str(error))
