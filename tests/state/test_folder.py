"""The folder of a server's state: its owner's alone, one server at a time, nothing in it ever lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamtrack.clock import FakeClock
from streamtrack.errors import ConfigError
from streamtrack.state.folder import ASIDE, LOCK, MAX_ASIDE, StateFolder, put_aside
from streamtrack.whole_file import write_whole


def test_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new" / "state")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    write_whole(folder.path / "file", b"x")
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {
        LOCK: 0o600,
        "file": 0o600,
    }
    folder.close()


def test_empty_folder_that_others_may_look_into_is_closed_and_one_in_use_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty, used = tmp_path / "empty", tmp_path / "used"
    for path in (empty, used):
        path.mkdir(mode=0o755)
        path.chmod(0o755)
    (used / "something").touch()
    StateFolder(empty).close()
    assert empty.stat().st_mode & 0o777 == 0o700
    assert caplog.text == ""
    StateFolder(used).close()
    assert used.stat().st_mode & 0o777 == 0o755
    assert "others may look into it (mode 755), expected 700" in caplog.text


def test_folder_of_another_server_is_left_alone(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(ConfigError, match="another server uses it"):
        StateFolder(tmp_path)
    first.close()
    StateFolder(tmp_path).close()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--state-dir .*: cannot be written"):
        StateFolder(tmp_path / "file" / "state")


def test_what_is_put_aside_stays_up_to_a_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    folder = StateFolder(tmp_path, clock)
    for number in range(MAX_ASIDE + 3):
        (tmp_path / "file").write_text(str(number))
        put_aside(tmp_path / "file", folder, "is damaged")
        clock.advance_ms(700 if number % 2 else 0)  # some within one second
    asides = [path for path in tmp_path.iterdir() if ASIDE in path.name]
    assert sorted(int(path.read_text()) for path in asides) == list(range(3, MAX_ASIDE + 3))
    assert len(caplog.records) == MAX_ASIDE + 3
    assert all("\n" not in record.getMessage() for record in caplog.records)
    folder.close()
