"""The file in which added cameras outlive the process: JSON, written whole or not at all, readable by its
owner alone, its passwords sealed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

from streamtrack.config import StreamConfig
from streamtrack.errors import ConfigError, PublishError
from streamtrack.state.folder import StateError, StateFolder, put_aside, reason_of
from streamtrack.state.secret_box import SecretBox
from streamtrack.streams.credentials import opened_values, sealed_values
from streamtrack.streams.given import parse_stream
from streamtrack.whole_file import write_whole

FILE = "streams.json"
VERSION = 2
UNSEALED = 1
"""Of the version whose passwords lie open; it is read, and written anew as it should be."""
MAX_FILE_BYTES = 8 << 20

logger = logging.getLogger(__name__)


class StateFile:
    """The cameras that were added, on disk."""

    def __init__(self, folder: StateFolder, box: SecretBox | None = None) -> None:
        self._folder = folder
        self._box = SecretBox() if box is None else box
        self._path = folder.path / FILE

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
            self._put_aside(f"cannot be read: {reason_of(error)}")
            return ()
        try:
            version, told = _streams_in(data)
        except ValueError as error:
            self._put_aside(f"is damaged: {error}")
            return ()
        found = self._sound(told)
        if version == UNSEALED and found:
            self._seal(found)
        return found

    def write(self, streams: Iterable[StreamConfig]) -> None:
        """Put these cameras in the place of what the file holds.

        Raises:
            PublishError: it cannot be written; it is what it was.
        """
        try:
            told = {
                "version": VERSION,
                "streams": [sealed_values(stream, self._box.seal) for stream in streams],
            }
            text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
            write_whole(self._path, text.encode())
        except OSError as error:
            raise PublishError(f"{self._path}: cameras cannot be kept: {reason_of(error)}") from error
        except StateError as error:
            raise PublishError(f"{self._path}: cameras with passwords cannot be kept: {error}") from error

    def _seal(self, streams: Iterable[StreamConfig]) -> None:
        try:
            self.write(streams)
        except PublishError as error:
            logger.warning("passwords stay as they are: %s", error)

    def _sound(self, told: list[Any]) -> tuple[StreamConfig, ...]:
        """Those that can be used, each name once."""
        found: dict[str, StreamConfig] = {}
        fault = ""
        for place, raw in enumerate(told):
            try:
                stream = parse_stream(opened_values(raw, self._box.open))
            except (ConfigError, StateError) as error:
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
        try:
            put_aside(self._path, self._folder, why)
        except OSError as error:
            raise ConfigError(
                f"{self._path}: {why}, and cannot be put aside: {reason_of(error)}; expected another folder"
            ) from error


def _streams_in(data: bytes) -> tuple[int, list[Any]]:
    """The version and the list in a file's bytes.

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
    version = raw.get("version")
    if version not in (UNSEALED, VERSION):
        raise ValueError(f"it is of a version that is not known, expected {VERSION}")
    streams: list[Any] = raw["streams"]
    return version, streams
