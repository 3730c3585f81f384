"""The file in which keys are kept: JSON, secrets hashed, written whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock, Timeout

from streamtrack.access.hashing import Hasher, hash_fault
from streamtrack.access.key import Key, check_name
from streamtrack.access.roles import Role
from streamtrack.access.tokens import new_token, read_token, write_token
from streamtrack.errors import CapacityError, ConfigError, PublishError
from streamtrack.whole_file import write_whole

VERSION = 1
MAX_KEYS = 256
MAX_FILE_BYTES = 1 << 20
LOCK_TIMEOUT_S = 10.0
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class DamagedKeysError(ConfigError):
    """A key file that cannot be used: nobody comes in by it."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    role: Literal["view", "control", "admin"]
    hash: str
    made: datetime
    expires: datetime | None = None


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: tuple[_Line, ...]


class KeyFile:
    """Keys on disk. Several processes may use one file: changes take turns, and readers find it whole."""

    def __init__(self, path: Path, hasher: Hasher | None = None) -> None:
        self.path = path
        self._hasher = hasher or Hasher()

    def read(self) -> tuple[Key, ...]:
        """Every key, in the order in which they were made; none where there is no file.

        Raises:
            DamagedKeysError: the file cannot be read or used.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise DamagedKeysError(f"{self.path}: cannot be read: {error.strerror}") from error
        if mode & OTHERS_MAY_WRITE:
            raise DamagedKeysError(
                f"{self.path}: others than its owner may write it (mode {stat.S_IMODE(mode):o}), expected 600"
            )
        try:
            return read_keys(data)
        except ValueError as error:
            raise DamagedKeysError(f"{self.path}: is damaged: {error}") from None

    def make(self, name: str, role: Role, now: datetime, expires: datetime | None = None) -> tuple[Key, str]:
        """A new key, and the token that its holder shows, which is kept nowhere.

        Raises:
            ConfigError: the name cannot be one or is taken, or the file is damaged.
            CapacityError: there are MAX_KEYS. PublishError: it cannot be written.
        """
        check_name(name)
        key_id, secret = new_token()
        made = now.astimezone(UTC).replace(microsecond=0)
        key = Key(key_id, name, role, self._hasher.hash(secret), made, expires)

        def add(keys: Sequence[Key]) -> Sequence[Key]:
            # One that has expired makes room for its successor.
            kept = [other for other in keys if other.name != name or other.holds(now)]
            if any(other.name == name for other in kept):
                raise ConfigError(f"NAME is {name!r}, which a key has already; revoke it, or take another")
            if len(kept) >= MAX_KEYS:
                raise CapacityError(f"{self.path}: has {len(kept)} keys, expected fewer than {MAX_KEYS}")
            return [*kept, key]

        self._change(add)
        return key, write_token(key_id, secret)

    def revoke(self, name: str) -> Key:
        """Take a key out; returns it.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            PublishError: it cannot be written.
        """
        gone: list[Key] = []

        def remove(keys: Sequence[Key]) -> Sequence[Key]:
            gone.extend(key for key in keys if key.name == name)
            if not gone:
                names = ", ".join(key.name for key in keys) or "none"
                raise ConfigError(f"NAME is {name[:80]!r}, expected a key's: {names}")
            return [key for key in keys if key.name != name]

        self._change(remove)
        return gone[0]

    def _change(self, change: Callable[[Sequence[Key]], Sequence[Key]]) -> None:
        """Read, change and write, while nobody else does."""
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with lock.acquire(timeout=LOCK_TIMEOUT_S):
                write_whole(self.path, write_keys(change(self.read())))
        except Timeout:
            raise PublishError(f"{self.path}: another process has been changing it, ask again") from None
        except OSError as error:
            raise PublishError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def read_keys(data: bytes) -> tuple[Key, ...]:
    """The keys in a file's bytes.

    Raises:
        ValueError: they are none; the message shows no hash.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
    try:
        whole = msgspec.json.decode(data, type=_Whole)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:160]) from None
    if whole.version != VERSION:
        raise ValueError(f"its version is {whole.version}, expected {VERSION}")
    if len(whole.keys) > MAX_KEYS:
        raise ValueError(f"it has {len(whole.keys)} keys, expected at most {MAX_KEYS}")
    for field in ("id", "name"):
        values = [getattr(line, field) for line in whole.keys]
        if len(set(values)) != len(values):
            raise ValueError(f"two keys have the same {field}")
    return tuple(_key_of(place, line) for place, line in enumerate(whole.keys))


def write_keys(keys: Sequence[Key]) -> bytes:
    """A file's bytes."""
    lines = tuple(
        _Line(key.key_id, key.name, key.role.value, key.hashed, key.made, key.expires) for key in keys
    )
    return msgspec.json.format(msgspec.json.encode(_Whole(VERSION, lines)), indent=2) + b"\n"


def _key_of(place: int, line: _Line) -> Key:
    fault = hash_fault(line.hash)
    if read_token(write_token(line.id, "0" * 48)) is None:
        fault = fault or "has an id that no token can have"
    for moment in (line.made, line.expires):
        if moment is not None and moment.tzinfo is None:
            fault = fault or "has a time without a zone"
    try:
        check_name(line.name)
    except ConfigError as error:
        fault = fault or str(error)
    if fault is not None:
        raise ValueError(f"keys.{place} {fault}")
    return Key(line.id, line.name, Role(line.role), line.hash, line.made, line.expires)
