"""What `serve` is pointed at: a config or a source, told apart by scheme, existence and suffix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamtrack.cli.target import read_target
from streamtrack.config.resolve import resolve
from streamtrack.errors import ConfigError
from tests.support.servers import serving

CONFIG = 'streams: [{name: cam, source: {url: "synthetic:demo"}}]\n'


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("rtsp://192.0.2.10:554/stream1", "camera"),
        ("RTSP://192.0.2.10/x.yaml", "camera"),
        ("Http://192.0.2.10/video.mjpg", "camera"),
        ("https://192.0.2.10//double//slash", "camera"),
        ("webcam:0", "webcam"),
        ("webcam:HD Pro Webcam", "webcam"),
        ("synthetic:demo?fps=10", "demo"),
        ("file:///tmp/clip.mp4", "camera"),
    ],
)
def test_url_is_taken_as_it_is(target: str, name: str) -> None:
    (stream,) = resolve(read_target(target)).config.streams
    assert (stream.name, stream.source.url) == (name, target)


@pytest.mark.parametrize("file", ["clip.mp4", " front door.mp4 ", "täglich.mkv", "-.avi", "noext"])
def test_file_that_exists_is_a_source(tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).write_bytes(b"\0\0\0 ftypisom")
    assert resolve(read_target(file)).config.streams[0].source.url == file


def test_folder_is_a_source_and_a_colon_in_a_name_is_no_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("frames", "cam:1"):
        Path(name).mkdir()
        assert resolve(read_target(name)).config.streams[0].source.url == name
    assert resolve(read_target("cam:1")).config.streams[0].name == "cam-1"


@pytest.mark.parametrize("file", ["live.yaml", "live.YML", "live.conf", "config"])
def test_file_that_names_streams_is_a_config(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    path.write_text(f"# mine\n{CONFIG}")
    assert read_target(str(path)).value["streams"][0]["name"] == "cam"


def test_config_may_come_through_a_pipe() -> None:
    reading, writing = os.pipe()
    os.write(writing, CONFIG.encode())
    os.close(writing)
    try:
        assert read_target(f"/dev/fd/{reading}").value["streams"][0]["name"] == "cam"
    finally:
        os.close(reading)


def test_device_file_is_a_webcam() -> None:
    assert read_target("/dev/video3").value["streams"][0]["source"]["url"] == "webcam:/dev/video3"


def test_missing_config_is_no_source() -> None:
    with pytest.raises(ConfigError, match=r"nope\.yaml: cannot be read: No such file"):
        read_target("nope.yaml")


def test_scene_by_itself_is_served_with_its_objects() -> None:
    target = read_target("synthetic:leave?fps=10&width=320&height=180")
    ports = ["http.port=0", "zmq.masks_address=tcp://127.0.0.1:*", "zmq.control_address=null"]
    config = resolve(target, ["model.device=cpu", "model.threads=1", *ports]).config
    with serving(config) as server:
        (status,) = server.statuses()
    assert status.newest_frame_idx >= 0
