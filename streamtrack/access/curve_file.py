"""The file of CURVE clients: public keys with names and roles. It holds nothing secret, but who may write it
decides who comes in."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock, Timeout

from streamtrack.access.principal import Principal
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError, PublishError
from streamtrack.whole_file import write_whole

VERSION = 1
MAX_CLIENTS = 1_024
MAX_FILE_BYTES = 1 << 20
LOCK_TIMEOUT_S = 10.0
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
CURVE_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
"""Z85, as far as its letters go."""


@dataclass(frozen=True, slots=True)
class CurveClient:
    """Who shows a key, and what he may."""

    name: str
    role: Role
    public_key: str
    """Z85."""

    @property
    def principal(self) -> Principal:
        """Who he is to the commands that he sends."""
        return Principal(self.name, self.role, "curve")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    role: Literal["view", "control", "admin"]
    public_key: str


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    clients: tuple[_Line, ...]


class CurveFile:
    """Clients on disk. Several processes may use one file: changes take turns, and readers find it whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[CurveClient, ...]:
        """Every client, in the order in which they were added; none where there is no file.

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
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from error
        if mode & OTHERS_MAY_WRITE:
            told = f"others than its owner may write it (mode {stat.S_IMODE(mode):o}), expected 600"
            raise ConfigError(f"{self.path}: {told}")
        try:
            return read_clients(data)
        except ValueError as error:
            raise ConfigError(f"{self.path}: is damaged: {error}") from None

    def add(self, client: CurveClient) -> None:
        """List one more.

        Raises:
            ConfigError: the name or the key is none or is listed already, or the file is damaged or full.
            PublishError: it cannot be written.
        """
        if not CLIENT_NAME.fullmatch(client.name):
            expected = "1 to 64 letters, digits, dots, dashes, _ or @"
            raise ConfigError(f"NAME is {client.name[:80]!r}, expected {expected}")
        if not CURVE_KEY.fullmatch(client.public_key):
            raise ConfigError("--public-key is not a CURVE key, expected 40 characters of Z85")

        def added(clients: Sequence[CurveClient]) -> Sequence[CurveClient]:
            if any(other.name == client.name for other in clients):
                raise ConfigError(
                    f"NAME is {client.name!r}, which a client has already; revoke it, or take another"
                )
            if any(other.public_key == client.public_key for other in clients):
                raise ConfigError("--public-key is listed already, expected another")
            if len(clients) >= MAX_CLIENTS:
                raise ConfigError(f"{self.path}: has {len(clients)} clients, expected fewer")
            return [*clients, client]

        self._change(added)

    def revoke(self, name: str) -> CurveClient:
        """Take one off the list; returns him.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            PublishError: it cannot be written.
        """
        gone: list[CurveClient] = []

        def removed(clients: Sequence[CurveClient]) -> Sequence[CurveClient]:
            gone.extend(client for client in clients if client.name == name)
            if not gone:
                names = ", ".join(client.name for client in clients) or "none"
                raise ConfigError(f"NAME is {name[:80]!r}, expected a client's: {names}")
            return [client for client in clients if client.name != name]

        self._change(removed)
        return gone[0]

    def _change(self, change: Callable[[Sequence[CurveClient]], Sequence[CurveClient]]) -> None:
        """Read, change and write, while nobody else does."""
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with lock.acquire(timeout=LOCK_TIMEOUT_S):
                write_whole(self.path, write_clients(change(self.read())))
        except Timeout:
            raise PublishError(f"{self.path}: another process has been changing it, ask again") from None
        except OSError as error:
            raise PublishError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def read_clients(data: bytes) -> tuple[CurveClient, ...]:
    """The clients in a file's bytes.

    Raises:
        ValueError: they are none.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
    try:
        whole = msgspec.json.decode(data, type=_Whole)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:160]) from None
    if whole.version != VERSION:
        raise ValueError(f"its version is {whole.version}, expected {VERSION}")
    for place, line in enumerate(whole.clients):
        if not CLIENT_NAME.fullmatch(line.name):
            raise ValueError(f"clients.{place} has no name")
        if not CURVE_KEY.fullmatch(line.public_key):
            raise ValueError(f"clients.{place} has no CURVE key, expected 40 characters of Z85")
    for field in ("name", "public_key"):
        if len({getattr(line, field) for line in whole.clients}) != len(whole.clients):
            raise ValueError(f"two clients have the same {field}")
    return tuple(CurveClient(line.name, Role(line.role), line.public_key) for line in whole.clients)


def write_clients(clients: Sequence[CurveClient]) -> bytes:
    """A file's bytes."""
    lines = tuple(_Line(client.name, client.role.value, client.public_key) for client in clients)
    return msgspec.json.format(msgspec.json.encode(_Whole(VERSION, lines)), indent=2) + b"\n"
