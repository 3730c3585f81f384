"""The entrance of the HTTP API asked about single requests, and keys that cost nothing to look at."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import argon2

from streamtrack.access.hashing import Hasher
from streamtrack.access.key_file import KeyFile
from streamtrack.access.roles import Role
from streamtrack.config import HttpConfig
from streamtrack.http.api import create_app
from streamtrack.http.auth import Entrance, door_of
from streamtrack.http.needs import Needs
from streamtrack.http.page_routes import page_router
from streamtrack.http.refusal import RefusedError

QUICK = Hasher(
    argon2.Parameters(
        argon2.Type.ID, version=19, salt_len=16, hash_len=16, time_cost=1, memory_cost=8, parallelism=1
    )
)
"""For tests: a hash takes microseconds."""


class NoStreams:
    """A board without a stream."""

    def statuses(self) -> list[Any]:
        return []

    def metrics(self) -> bytes:
        return b""


@cache
def _needs() -> Needs:
    board: Any = NoStreams()
    return Needs(create_app(board, HttpConfig(), (page_router(),)).routes)


def refusal(config: HttpConfig, method: str, path: str, query: str = "", **headers: str) -> int | None:
    """With which status a request is refused; None where it is let in."""
    named = {"host": "127.0.0.1:8080", **headers}
    scope = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query.encode(),
        "client": ("127.0.0.1", 50_000),
        "headers": [
            (key.replace("_", "-").encode(), value.encode("latin-1")) for key, value in named.items()
        ],
    }

    async def admit() -> None:
        await Entrance(config, door_of(config)).admit(scope, _needs().of(scope))

    try:
        asyncio.run(admit())
    except RefusedError as error:
        return int(error.refusal.status)
    return None


def make_keys(path: Path) -> dict[str, str]:
    """A key file with a key of each role, and one that has expired; their tokens by name."""
    keys, now = KeyFile(path, QUICK), datetime.now(UTC)
    tokens = {role.value: keys.make(role.value, role, now)[1] for role in Role}
    past = now - timedelta(days=2)
    tokens["expired"] = keys.make("expired", Role.ADMIN, past, past + timedelta(days=1))[1]
    tokens["revoked"] = keys.make("revoked", Role.ADMIN, now)[1]
    keys.revoke("revoked")
    return tokens


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {token}"}
