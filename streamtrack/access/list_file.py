"""A file that lists who comes in: JSON, written whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec
from filelock import FileLock, Timeout

from streamtrack.errors import ConfigError, PublishError
from streamtrack.whole_file import write_whole

VERSION = 1
MAX_FILE_BYTES = 1 << 20
LOCK_TIMEOUT_S = 10.0
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Named(Protocol):
    """What a list holds."""

    @property
    def name(self) -> str:
        """What a person calls it."""


class Versioned(Protocol):
    """A file's whole content."""

    version: int


ItemT = TypeVar("ItemT", bound=Named)
WholeT = TypeVar("WholeT", bound=Versioned)


class ListFile(Generic[ItemT]):
    """A list on disk. Several processes may use one file: changes take turns, and readers find it whole."""

    def __init__(
        self,
        path: Path,
        read: Callable[[bytes], tuple[ItemT, ...]],
        write: Callable[[Sequence[ItemT]], bytes],
        *,
        holder: str,
        damaged: type[ConfigError] = ConfigError,
    ) -> None:
        """Args:
        read: the items in a file's bytes; ValueError where they are none.
        write: a file's bytes.
        holder: whose a name is, for errors: `a key's`.
        damaged: raised for a file that cannot be read or used.
        """
        self.path = path
        self._read = read
        self._write = write
        self._holder = holder
        self._damaged = damaged

    def read(self) -> tuple[ItemT, ...]:
        """Every item, in the order in which they were added; none where there is no file.

        Raises:
            ConfigError: the file cannot be read or used.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._damaged(f"{self.path}: cannot be read: {error.strerror}") from error
        if mode & OTHERS_MAY_WRITE:
            told = f"others than its owner may write it (mode {stat.S_IMODE(mode):o}), expected 600"
            raise self._damaged(f"{self.path}: {told}")
        try:
            return self._read(data)
        except ValueError as error:
            raise self._damaged(f"{self.path}: is damaged: {error}") from None

    def change(self, change: Callable[[Sequence[ItemT]], Sequence[ItemT]]) -> None:
        """Read, change and write, while nobody else does.

        Raises:
            ConfigError: the file cannot be read or used. PublishError: it cannot be written.
        """
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with lock.acquire(timeout=LOCK_TIMEOUT_S):
                write_whole(self.path, self._write(change(self.read())))
        except Timeout:
            raise PublishError(f"{self.path}: another process has been changing it, ask again") from None
        except OSError as error:
            raise PublishError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def take_out(self, name: str) -> ItemT:
        """Take an item off the list; returns it.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            PublishError: it cannot be written.
        """
        gone: list[ItemT] = []

        def without(items: Sequence[ItemT]) -> Sequence[ItemT]:
            gone.extend(item for item in items if item.name == name)
            if not gone:
                names = ", ".join(item.name for item in items) or "none"
                raise ConfigError(f"NAME is {name[:80]!r}, expected {self._holder}: {names}")
            return [item for item in items if item.name != name]

        self.change(without)
        return gone[0]


def decode_list(data: bytes, kind: type[WholeT]) -> WholeT:
    """A file's content, of this version.

    Raises:
        ValueError: it is none; the message shows no value of the file.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
    try:
        whole = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:160]) from None
    if whole.version != VERSION:
        raise ValueError(f"its version is {whole.version}, expected {VERSION}")
    return whole


def encode_list(whole: Versioned) -> bytes:
    """A file's bytes, a line an entry, for people who look."""
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def check_differ(values: Iterable[Hashable], what: str) -> None:
    """Raise ValueError where two of a list's values are the same."""
    all_of_them = tuple(values)
    if len(set(all_of_them)) != len(all_of_them):
        raise ValueError(f"two {what}")
