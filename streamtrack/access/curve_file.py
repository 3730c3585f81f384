"""The file of CURVE clients: public keys with names and roles. It holds nothing secret, but who may write it
decides who comes in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from streamtrack.access.list_file import VERSION, ListFile, check_differ, decode_list, encode_list
from streamtrack.access.principal import Principal
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError

MAX_CLIENTS = 1_024
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
        self._list = ListFile(path, read_clients, write_clients, holder="a client's")

    def read(self) -> tuple[CurveClient, ...]:
        """Every client, in the order in which they were added; none where there is no file.

        Raises:
            ConfigError: the file cannot be read or used.
        """
        return self._list.read()

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

        self._list.change(added)

    def revoke(self, name: str) -> CurveClient:
        """Take one off the list; returns him.

        Raises:
            ConfigError: there is none of that name, or the file is damaged.
            PublishError: it cannot be written.
        """
        return self._list.take_out(name)


def read_clients(data: bytes) -> tuple[CurveClient, ...]:
    """The clients in a file's bytes.

    Raises:
        ValueError: they are none.
    """
    whole = decode_list(data, _Whole)
    for place, line in enumerate(whole.clients):
        if not CLIENT_NAME.fullmatch(line.name):
            raise ValueError(f"clients.{place} has no name")
        if not CURVE_KEY.fullmatch(line.public_key):
            raise ValueError(f"clients.{place} has no CURVE key, expected 40 characters of Z85")
    for field in ("name", "public_key"):
        check_differ((getattr(line, field) for line in whole.clients), f"clients have the same {field}")
    return tuple(CurveClient(line.name, Role(line.role), line.public_key) for line in whole.clients)


def write_clients(clients: Sequence[CurveClient]) -> bytes:
    """A file's bytes."""
    lines = tuple(_Line(client.name, client.role.value, client.public_key) for client in clients)
    return encode_list(_Whole(VERSION, lines))
