"""The key file beside a running server: changes count at once, a token is hashed once, damage closes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamtrack.access import keyring as module
from streamtrack.access.hashing import Hasher
from streamtrack.access.key_file import KeyFile
from streamtrack.access.keyring import Keyring
from streamtrack.access.roles import Role
from streamtrack.access.tokens import read_token
from streamtrack.clock import FakeClock
from streamtrack.errors import BusyError
from tests.support.doors import QUICK

CLOCK = FakeClock()
NOW = datetime.fromtimestamp(CLOCK.wall_ns() / 1e9, UTC)


class Counting(Hasher):
    """Counts what it looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: list[str] = []

    def fits(self, hashed: str, secret: str) -> bool:
        self.looked_at.append(hashed)
        return super().fits(hashed, secret)


class Parts:
    def __init__(self, folder: Path, *, expected: bool = True) -> None:
        self.file = KeyFile(folder / "keys.json", QUICK)
        self.hasher = Counting()
        self.clock = FakeClock()
        self.ring = Keyring(self.file.path, expected=expected, hasher=self.hasher, clock=self.clock)

    def make(self, name: str, role: Role = Role.VIEW, expires: datetime | None = None) -> str:
        token = self.file.make(name, role, NOW, expires)[1]
        assert self.ring.refresh() is not None
        return token

    async def who(self, token: str) -> str | None:
        key = await self.ring.find(token, *(read_token(token) or ("0" * 10, "0" * 48)))
        return None if key is None else key.name


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


async def test_token_is_hashed_once_however_often_it_comes(parts: Parts) -> None:
    token = parts.make("wall")
    assert await asyncio.gather(*(parts.who(token) for _ in range(8))) == ["wall"] * 8
    wrong = token[:-4] + "0000"
    assert [await parts.who(wrong) for _ in range(3)] == [None] * 3
    assert len(parts.hasher.looked_at) == 2
    assert parts.ring.known(token) is not None
    assert parts.ring.known(wrong) is None


async def test_unknown_id_costs_what_a_wrong_secret_costs(parts: Parts) -> None:
    token = parts.make("wall")
    key_id, secret = read_token(token) or ("", "")
    assert await parts.who(f"st_{'0' * 10}_{secret}") is None
    assert await parts.who(f"st_{key_id}_{'0' * 48}") is None
    decoy, real = parts.hasher.looked_at
    assert decoy != real
    assert decoy.rpartition("$")[0].rpartition("$")[0] == real.rpartition("$")[0].rpartition("$")[0]


async def test_changes_count_at_the_next_look(parts: Parts) -> None:
    token = parts.make("wall")
    assert await parts.who(token) == "wall"
    parts.file.revoke("wall")
    change = parts.ring.refresh()
    assert change is not None
    assert (change.added, change.removed) == ((), ("wall",))
    assert await parts.who(token) is None
    assert parts.ring.refresh() is None
    again = parts.make("wall", Role.ADMIN)
    assert (await parts.who(token), await parts.who(again)) == (None, "wall")


async def test_key_ends_when_it_expires_without_a_look_at_the_file(parts: Parts) -> None:
    token = parts.make("guest", expires=datetime.fromtimestamp(NOW.timestamp() + 60, UTC))
    assert await parts.who(token) == "guest"
    parts.clock.advance_ms(60_000)
    assert await parts.who(token) is None


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_text("{"), os.unlink, lambda path: path.chmod(0o666)]
)
async def test_damage_closes_and_is_told_in_one_line(
    parts: Parts, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    token = parts.make("wall")
    assert await parts.who(token) == "wall"
    spoil(parts.file.path)
    os.utime(parts.file.path, ns=(0, 0)) if parts.file.path.exists() else None
    change = parts.ring.refresh()
    assert change is not None
    assert "nobody comes in by a key" in change.fault
    assert await parts.who(token) is None
    assert parts.ring.in_force
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]


async def test_keys_are_asked_for_once_there_is_a_file_and_from_then_on(tmp_path: Path) -> None:
    parts = Parts(tmp_path, expected=False)
    assert parts.ring.refresh() is None
    assert not parts.ring.in_force
    parts.make("wall")
    assert parts.ring.in_force
    parts.file.path.unlink()
    assert parts.ring.refresh() is not None
    assert parts.ring.in_force


async def test_tokens_under_way_and_remembered_are_bounded(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.make("wall")
    monkeypatch.setattr(module, "MAX_UNDER_WAY", 3)
    monkeypatch.setattr(module, "TOKENS_KEPT", 2)
    tokens = [f"st_{index:010x}_{'0' * 48}" for index in range(6)]
    found = await asyncio.gather(*map(parts.who, tokens), return_exceptions=True)
    assert sum(isinstance(one, BusyError) for one in found) == 3
    assert [await parts.who(token) for token in tokens] == [None] * 6
    assert len(parts.ring._known) == 2
