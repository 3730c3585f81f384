"""The key lies where it should, is nobody else's, and opens nothing that another key has sealed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamtrack.state.folder import StateError
from streamtrack.state.secret_box import VARIABLE, SecretBox

SECRET = "rtsp://admin:hunter2@camera/1"


@pytest.fixture(autouse=True)
def no_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_key_is_made_once_for_its_owner_alone_and_opens_what_it_sealed(tmp_path: Path) -> None:
    path = tmp_path / "settings" / "state.key"
    sealed = SecretBox(path).seal(SECRET)
    assert "hunter2" not in sealed
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["state.key"]
    assert SecretBox(path).open(sealed) == SECRET
    assert SecretBox(path).seal(SECRET) != sealed  # equal passwords do not look equal


def test_those_who_begin_at_once_have_one_key(tmp_path: Path) -> None:
    boxes = [SecretBox(tmp_path / "state.key") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda box: box.seal(SECRET), boxes))
    assert [boxes[0].open(one) for one in sealed] == [SECRET] * 8


def test_key_of_the_environment_goes_first_and_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "long enough to be a key")
    sealed = SecretBox(tmp_path / "state.key").seal(SECRET)
    assert list(tmp_path.iterdir()) == []
    assert SecretBox(tmp_path / "other.key").open(sealed) == SECRET


def test_another_key_and_damage_open_nothing(tmp_path: Path) -> None:
    one, other = SecretBox(tmp_path / "one.key"), SecretBox(tmp_path / "other.key")
    other.seal("")
    sealed = one.seal(SECRET)
    for box, text in ((other, sealed), (one, sealed[:-8]), (one, ""), (one, "é"), (one, "A" + sealed)):
        with pytest.raises(StateError, match=r"sealed with another key than .*\.key has, or is damaged"):
            box.open(text)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory; expected it there, in the file that state.key_file names"),
        (b"\xff\xfe" * 20, "it is no text"),
        (b"short\n", "the key has 5 characters, expected 16 at least"),
    ],
)
def test_key_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "state.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StateError) as told:
        SecretBox(path).open("anything")
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_key_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StateError, match=r"file/state\.key: the key cannot be read: (Not a directory|File exists)"
    ):
        SecretBox(tmp_path / "file" / "state.key").seal(SECRET)


def test_it_knows_when_it_lies_beside_what_it_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SecretBox(tmp_path / ".config" / "state.key").lies_in(tmp_path)
    assert not SecretBox(tmp_path / "state.key").lies_in(tmp_path / "state")
    monkeypatch.setenv(VARIABLE, "long enough to be a key")
    assert not SecretBox(tmp_path / "state.key").lies_in(tmp_path)
