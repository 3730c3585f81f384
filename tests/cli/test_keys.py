"""`streamtrack keys` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamtrack.access.tokens import read_token
from streamtrack.cli.main import run
from tests.support.doors import QUICK


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash of the command's own takes 60 ms; what it is like is tested beside the file."""
    monkeypatch.setattr("argon2.PasswordHasher", lambda: QUICK._hasher)


def test_key_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state-dir", str(tmp_path / "state")]
    assert run(["keys", "make", "wall", "--role", "control", "--expires", "30d", *state]) == 0
    made = capsys.readouterr()
    assert read_token(made.out.strip()) is not None, "the token alone goes where a script reads it"
    assert made.err.startswith("wall: control, expires 20")
    assert run(["keys", "make", "guest", *state]) == 0
    assert "guest: view, never expires" in capsys.readouterr().err
    assert run(["keys", "list", *state]) == 0
    head, wall, guest = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "role", "id", "made", "expires"]
    assert wall.split()[:3] == ["wall", "control", made.out.split("_")[1]]
    assert guest.endswith("never")
    assert run(["keys", "revoke", "wall", *state]) == 0
    assert capsys.readouterr().out == "wall: revoked\n"
    log = [json.loads(line) for line in (tmp_path / "state" / "audit.jsonl").read_text().splitlines()]
    assert [(entry["what"], entry["object"], entry["via"]) for entry in log] == [
        ("keys make", "wall (control)", "command"),
        ("keys make", "guest (view)", "command"),
        ("keys revoke", "wall (control)", "command"),
    ]
    assert made.out.strip() not in (tmp_path / "state" / "audit.jsonl").read_text()


def test_file_of_its_own_needs_no_state_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "make", "wall", "--keys-file", str(tmp_path / "mine.json")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.json.lock"]
    assert run(["keys", "list", "--keys-file", str(tmp_path / "none.json")]) == 0
    assert capsys.readouterr().err.endswith("no keys\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["make", "wall"], "neither --state-dir nor --keys-file is given, expected one: where the keys are"),
        (["revoke", "wall", "--state-dir", "STATE"], "NAME is 'wall', expected a key's: none"),
        (["make", "a b", "--state-dir", "STATE"], "NAME is 'a b', expected 1 to 64 letters"),
        (["make", "a", "--expires", "soon", "--state-dir", "STATE"], "--expires is 'soon', expected such as"),
        (["make", "a", "--role", "root", "--state-dir", "STATE"], "'root' is not one of"),
        (["list", "--keys-file", "DAMAGED"], "damaged.json: is damaged: "),
        (["make", "a", "--keys-file", "DAMAGED"], "damaged.json: is damaged: "),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "damaged.json").write_text("{")
    named = {"STATE": str(tmp_path / "state"), "DAMAGED": str(tmp_path / "damaged.json")}
    assert run(["keys", *(named.get(argument, argument) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
