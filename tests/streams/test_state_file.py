"""The file of added cameras: what is damaged is put aside, and nothing is lost."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig, StreamConfig
from streamtrack.errors import PublishError
from streamtrack.state.folder import LOCK, StateFolder
from streamtrack.streams.given import parse_stream
from streamtrack.streams.state_file import FILE, StateFile

CAMERAS = (
    StreamConfig(name="door", source=SourceConfig(url="rtsp://admin:hunter2@10.0.0.1/1", max_width_px=640)),
    StreamConfig(name="yard", source=SourceConfig(url="webcam:0")),
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path)
    yield folder
    folder.close()


def asides(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{FILE}.damaged-*"))


def test_cameras_come_back_with_the_keys_that_were_set_and_no_others(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new" / "folder")
    state = StateFile(folder)
    assert state.read() == ()
    state.write(CAMERAS)
    folder.close()
    back = StateFile(StateFolder(tmp_path / "new" / "folder")).read()
    assert back == CAMERAS
    assert back[1].model_fields_set == {"name", "source"}
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} <= {FILE, LOCK}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not JSON"),
        (b'{"version": 1, "streams": [', "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"[1]", "it holds no streams"),
        (b'{"version": 9, "streams": []}', "a version that is not known"),
        (b"[" * 100_000, "it is not JSON"),
    ],
)
def test_damaged_file_is_kept_aside_and_told_in_one_line(
    tmp_path: Path, folder: StateFolder, caplog: pytest.LogCaptureFixture, data: bytes, why: str
) -> None:
    (tmp_path / FILE).write_bytes(data)
    assert StateFile(folder).read() == ()
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert why in line
    assert "\n" not in line
    assert [path.read_bytes() for path in asides(tmp_path)] == [data]
    assert asides(tmp_path)[0].name in line


def test_what_is_sound_in_a_file_that_is_not_is_used_and_the_whole_is_kept(
    tmp_path: Path, folder: StateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    StateFile(folder).write(CAMERAS)
    raw = json.loads((tmp_path / FILE).read_text())
    raw["streams"].insert(0, {"name": "door", "sauce": {}})
    (tmp_path / FILE).write_text(json.dumps(raw))
    assert StateFile(folder).read() == CAMERAS
    assert "streams.0: source is missing" in caplog.text
    assert json.loads(asides(tmp_path)[0].read_text()) == raw
    caplog.clear()
    assert StateFile(folder).read() == CAMERAS
    assert caplog.text == ""


def test_file_that_is_a_folder_is_put_aside_too(
    tmp_path: Path, folder: StateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()
    assert StateFile(folder).read() == ()
    assert "cannot be read: Is a directory" in caplog.text
    assert asides(tmp_path)[0].is_dir()


def test_passwords_are_sealed_and_those_of_a_former_version_are(tmp_path: Path, folder: StateFolder) -> None:
    url = "rtsp://admin:hunter2@127.0.0.1/1"
    raw = {"name": "gate", "source": {"url": url}}
    (tmp_path / FILE).write_text(json.dumps({"version": 1, "streams": [raw]}))
    (camera,) = StateFile(folder).read()
    assert camera.source.url == url
    kept = (tmp_path / FILE).read_text()
    assert "hunter2" not in kept
    assert json.loads(kept)["version"] == 2
    assert StateFile(folder).read() == (camera,)


def test_camera_that_another_key_sealed_is_told_and_kept_aside(
    tmp_path: Path, folder: StateFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one = parse_stream({"name": "open", "source": {"url": "rtsp://127.0.0.1/1"}})
    closed_one = parse_stream({"name": "closed", "source": {"url": "rtsp://admin:hunter2@127.0.0.1/1"}})
    StateFile(folder).write((open_one, closed_one))
    sealed = (tmp_path / FILE).read_bytes()
    monkeypatch.setenv("STREAMTRACK_STATE_KEY", "a key that is another one")
    assert StateFile(folder).read() == (open_one,)
    assert "streams.1: it was sealed with another key than STREAMTRACK_STATE_KEY has" in caplog.text
    assert [path.read_bytes() for path in asides(tmp_path)] == [sealed]


def test_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateFile(folder)
    state.write(CAMERAS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PublishError, match="cannot be kept: No space left"):
        state.write(CAMERAS[:1])
    monkeypatch.undo()
    assert state.read() == CAMERAS
    assert {path.name for path in tmp_path.iterdir()} <= {FILE, LOCK}
