"""Keys on disk: what is kept, who may read it, what is refused."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streamtrack.access.hashing import Hasher, decoy_like
from streamtrack.access.key import expiry_of
from streamtrack.access.key_file import DamagedKeysError, KeyFile
from streamtrack.access.roles import Role
from streamtrack.access.tokens import read_token
from streamtrack.errors import ConfigError, PublishError
from tests.support.doors import QUICK

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "state" / "keys.json", QUICK)


def test_secret_is_kept_nowhere_and_fits_its_hash(keys: KeyFile) -> None:
    made, token = keys.make("wall", Role.VIEW, NOW)
    key_id, secret = read_token(token) or ("", "")
    assert key_id == made.key_id
    text = keys.path.read_text()
    assert secret not in text
    assert token not in text
    [kept] = keys.read()
    assert kept == made
    assert kept.hashed.startswith("$argon2id$")
    assert QUICK.fits(kept.hashed, secret)
    assert not QUICK.fits(kept.hashed, secret[:-1] + ("0" if secret[-1] != "0" else "1"))
    assert secret not in repr(kept.principal)


def test_hash_is_what_argon2_recommends_unless_a_test_asks_for_less() -> None:
    assert Hasher().hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert decoy_like(QUICK.hash("x")).startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_file_is_for_its_owner_alone(keys: KeyFile) -> None:
    keys.make("wall", Role.VIEW, NOW)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in keys.path.parent.iterdir() if path.name.startswith(".")] == []
    keys.path.chmod(0o620)
    with pytest.raises(DamagedKeysError, match=r"others than its owner may write it \(mode 620\)"):
        keys.read()


def test_names_are_used_once_until_their_key_is_revoked_or_has_expired(keys: KeyFile) -> None:
    keys.make("wall", Role.VIEW, NOW, NOW + timedelta(hours=1))
    with pytest.raises(ConfigError, match=r"^NAME is 'wall', which a key has already"):
        keys.make("wall", Role.ADMIN, NOW)
    keys.make("wall", Role.CONTROL, NOW + timedelta(hours=2))
    assert [key.role for key in keys.read()] == [Role.CONTROL]
    assert keys.revoke("wall").role is Role.CONTROL
    assert keys.read() == ()
    with pytest.raises(ConfigError, match=r"^NAME is 'wall', expected a key's: none$"):
        keys.revoke("wall")


@pytest.mark.parametrize("name", ["", "token", "anyone", "a b", "-x", "ä", "x" * 65, "a/b", "a\n"])
def test_what_is_no_name_is_refused(keys: KeyFile, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^NAME is "):
        keys.make(name, Role.VIEW, NOW)


def test_changes_of_several_at_once_lose_none(keys: KeyFile) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: keys.make(f"key-{n}", Role.VIEW, NOW)[0], range(16)))
    assert {key.name for key in keys.read()} == {key.name for key in made}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("not json", "JSON is malformed"),
        ("{}", "missing required field `version`"),
        ('{"version": 2, "keys": []}', "its version is 2, expected 1"),
        ('{"version": 1, "keys": [], "x": 1}', "unknown field `x`"),
        ("[" * 100_000, "is damaged"),
        ("", "is damaged"),
        ("\0" * 100, "is damaged"),
        ("x" * ((1 << 20) + 1), "it is longer than"),
    ],
)
def test_damaged_file_is_told_in_one_line(keys: KeyFile, spoil: str, told: str) -> None:
    keys.make("wall", Role.VIEW, NOW)
    keys.path.write_text(spoil)
    with pytest.raises(DamagedKeysError) as caught:
        keys.read()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):  # and it is not overwritten
        keys.make("other", Role.VIEW, NOW)
    assert keys.path.read_text() == spoil


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("role", "root", "Invalid enum value 'root'"),
        ("hash", "plain", "keys.0 is no argon2 hash"),
        ("hash", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo", "keys.0 is no argon2id hash"),
        ("hash", "$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo", "keys.0 asks for more"),
        ("id", "../etc", "keys.0 has an id that no token can have"),
        ("name", "a b", "keys.0 NAME is 'a b'"),
        ("made", "2026-11-29T08:00:00", "keys.0 has a time without a zone"),
    ],
)
def test_line_that_cannot_be_used_closes_the_file(keys: KeyFile, field: str, value: str, told: str) -> None:
    keys.make("wall", Role.VIEW, NOW)
    whole = json.loads(keys.path.read_text())
    hashed = whole["keys"][0]["hash"]
    whole["keys"][0][field] = value
    keys.path.write_text(json.dumps(whole))
    with pytest.raises(DamagedKeysError) as caught:
        keys.read()
    assert told in str(caught.value)
    assert hashed not in str(caught.value)


def test_file_that_cannot_be_written_is_one_line_and_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match=r"keys\.json: cannot be written: "):
        KeyFile(tmp_path / "file" / "keys.json", QUICK).make("wall", Role.VIEW, NOW)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30d", NOW + timedelta(days=30)),
        ("12h", NOW + timedelta(hours=12)),
        ("1y", NOW + timedelta(days=365)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T18:00+02:00", datetime(2027, 1, 31, 16, tzinfo=UTC)),
    ],
)
def test_expiry_is_a_span_or_a_moment(text: str, moment: datetime) -> None:
    assert expiry_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "soon", "2020-01-01", "0d", "999999y"])
def test_expiry_that_is_none_or_has_passed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--expires is "):
        expiry_of(text, NOW)
