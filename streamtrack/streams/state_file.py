"""The file in which added cameras outlive the process: JSON, written whole or not at all, readable by its
owner alone, because it holds passwords."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import StreamConfig
from streamtrack.errors import ConfigError, PublishError
from streamtrack.streams.credentials import plain_values
from streamtrack.streams.given import parse_stream

FILE, LOCK = "streams.json", ".lock"
VERSION = 1
MAX_FILE_BYTES = 8 << 20

logger = logging.getLogger(__name__)


class StateFile:
    """The cameras that were added, on disk."""

    def __init__(self, folder: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        """Make the folder where it is not there, and keep other servers out of it until `close`.

        Raises:
            ConfigError: it cannot be made, nothing can be written into it, or another server uses it.
        """
        self._path = folder / FILE
        self._clock = clock
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            self._lock = FileLock(folder / LOCK, thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(
                f"--state-dir {folder}: another server uses it, expected one of its own"
            ) from None
        except OSError as error:
            raise ConfigError(f"--state-dir {folder}: cannot be written: {_reason(error)}") from error

    def close(self) -> None:
        """Let another server use the folder. May be called again."""
        self._lock.release()

    def read(self) -> tuple[StreamConfig, ...]:
        """The cameras. A file that cannot be read, or of which a part cannot, is put aside under another name
        and told in one line; what can be used of it is.

        Raises:
            ConfigError: it can neither be read nor be put aside.
        """
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            self._put_aside(f"cannot be read: {_reason(error)}")
            return ()
        try:
            told = _streams_in(data)
        except ValueError as error:
            self._put_aside(f"is damaged: {error}")
            return ()
        return self._sound(told)

    def write(self, streams: Iterable[StreamConfig]) -> None:
        """Put these cameras in the place of what the file holds.

        Raises:
            PublishError: it cannot be written; it is what it was.
        """
        told = {"version": VERSION, "streams": [plain_values(stream) for stream in streams]}
        text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
        temporary: str | None = None
        try:
            # In the same folder: only there is the exchange of two names one step. Made for its owner alone.
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            raise PublishError(f"{self._path}: cameras cannot be kept: {_reason(error)}") from error

    def _sound(self, told: list[Any]) -> tuple[StreamConfig, ...]:
        """Those that can be used, each name once."""
        found: dict[str, StreamConfig] = {}
        fault = ""
        for place, raw in enumerate(told):
            try:
                stream = parse_stream(raw)
            except ConfigError as error:
                fault = fault or f"streams.{place}: {error}"
                continue
            if stream.name in found:
                fault = fault or f"streams.{place}: the name {stream.name} is there twice"
            found.setdefault(stream.name, stream)
        if fault:
            self._put_aside(f"holds what cannot be used: {fault}")
            self.write(found.values())
        return tuple(found.values())

    def _put_aside(self, why: str) -> None:
        second = self._clock.wall_ns() // NS_PER_S
        aside = next(
            path
            for number in range(1, 1 << 16)
            if not os.path.lexists(path := self._path.with_name(f"{FILE}.damaged-{second}-{number}"))
        )
        try:
            os.rename(self._path, aside)
        except OSError as error:
            raise ConfigError(
                f"{self._path}: {why}, and it cannot be put aside: {_reason(error)}; expected another folder"
            ) from error
        logger.error("%s: %s; kept aside as %s", self._path, why, aside.name)


def _streams_in(data: bytes) -> list[Any]:
    """The list in a file's bytes.

    Raises:
        ValueError: there is none; its text says why.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("streams"), list):
        raise ValueError("it holds no streams")
    if raw.get("version") != VERSION:
        raise ValueError(f"it is of a version that is not known, expected {VERSION}")
    streams: list[Any] = raw["streams"]
    return streams


def _sync_folder(folder: Path) -> None:
    """See that the new name is on the disk, where the system lets folders be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
