"""The file in which keys are kept: JSON, secrets hashed, written whole or not at all, for its owner alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from streamtrack.access.hashing import Hasher, hash_fault
from streamtrack.access.key import Key, check_name
from streamtrack.access.list_file import VERSION, ListFile, check_differ, decode_list, encode_list
from streamtrack.access.roles import Role
from streamtrack.access.tokens import new_token, read_token, write_token
from streamtrack.errors import CapacityError, ConfigError

MAX_KEYS = 256


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
        self._list = ListFile(path, read_keys, write_keys, holder="a key's", damaged=DamagedKeysError)

    def read(self) -> tuple[Key, ...]:
        """Every key, in the order in which they were made; none where there is no file.

        Raises:
            DamagedKeysError: the file cannot be read or used.
        """
        return self._list.read()

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

        self._list.change(add)
        return key, write_token(key_id, secret)

    def revoke(self, name: str) -> Key:
        """Take a key out; returns it.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            PublishError: it cannot be written.
        """
        return self._list.take_out(name)


def read_keys(data: bytes) -> tuple[Key, ...]:
    """The keys in a file's bytes.

    Raises:
        ValueError: they are none; the message shows no hash.
    """
    whole = decode_list(data, _Whole)
    if len(whole.keys) > MAX_KEYS:
        raise ValueError(f"it has {len(whole.keys)} keys, expected at most {MAX_KEYS}")
    for field in ("id", "name"):
        check_differ((getattr(line, field) for line in whole.keys), f"keys have the same {field}")
    return tuple(_key_of(place, line) for place, line in enumerate(whole.keys))


def write_keys(keys: Sequence[Key]) -> bytes:
    """A file's bytes."""
    lines = tuple(
        _Line(key.key_id, key.name, key.role.value, key.hashed, key.made, key.expires) for key in keys
    )
    return encode_list(_Whole(VERSION, lines))


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
