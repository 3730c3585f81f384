from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError
from streamtrack.ingest import FrameReader, SourceKind, resolve_source
from streamtrack.ingest.source import SourceSpec, list_images, natural_key


def resolve(url: str, platform: str = "linux", **keys: object) -> SourceSpec:
    return resolve_source(SourceConfig.model_validate({"url": url, **keys}), platform)


def test_rtsp_camera_is_asked_for_low_latency_and_both_time_limits() -> None:
    spec = resolve("rtsp://admin:hunter2@cam/live", read_timeout_ms=3000)

    assert (spec.kind, spec.live, spec.pace) == (SourceKind.RTSP, True, "newest")
    assert spec.options["rtsp_transport"] == "tcp"
    assert "discardcorrupt" not in spec.options.get("fflags", "")  # what it drops, nobody learns of
    assert spec.options["flags"] == "low_delay"
    assert spec.options["timeout"] == "3000000"  # microseconds
    assert spec.url == "rtsp://admin:hunter2@cam/live"


def test_credentials_stay_out_of_the_repr() -> None:
    assert "hunter2" not in repr(resolve("rtsp://admin:hunter2@cam/live"))


def test_udp_is_asked_for_where_wanted() -> None:
    assert resolve("rtsp://cam/live", rtsp_transport="udp").options["rtsp_transport"] == "udp"


@pytest.mark.parametrize(
    ("url", "live", "pace"),
    [
        ("http://cam/video.mjpg", True, "newest"),
        ("https://cam/live/index.m3u8?token=x", True, "newest"),
        ("https://host/clip.MP4?x=1", False, "every_frame"),
    ],
)
def test_http_recording_is_told_from_a_live_stream(url: str, live: bool, pace: str) -> None:
    spec = resolve(url)

    assert (spec.kind, spec.live, spec.pace) == (SourceKind.HTTP, live, pace)


def test_remote_playlist_cannot_name_local_files() -> None:
    assert "file" not in resolve("http://cam/index.m3u8").options["protocol_whitelist"].split(",")


def test_first_keyframe_is_not_thrown_away() -> None:
    for url in ("rtsp://cam/live", "http://cam/index.m3u8"):
        assert "nobuffer" not in resolve(url).options.get("fflags", "")


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://cam/a b.mjpg?x=y z", "http://cam/a%20b.mjpg?x=y%20z"),
        ("http://cam/a%20b%23.mjpg#t", "http://cam/a%20b%23.mjpg#t"),
        ("http://u:p%40@[::1]:81/é", "http://u:p%40@[::1]:81/%C3%A9"),
        ("RTSP://cam/a\r\nAuthorization: x", "rtsp://cam/a%0D%0AAuthorization:%20x"),
        (
            "rtsp://cam/Streaming/Channels/101?profile=[1]&a=(b)",
            "rtsp://cam/Streaming/Channels/101?profile=[1]&a=(b)",
        ),
    ],
)
def test_what_would_break_a_request_is_percent_encoded(url: str, sent: str) -> None:
    assert resolve(url).url == sent


@pytest.mark.parametrize(
    "name",
    [
        "http:x.mp4",
        "webcam:0",
        " a .mp4",
        "a\nb.mp4",
        "%03d.mp4",
        "a#b?.mp4",
        "-a.mp4",
        "видео 録画.mp4",
        "C:\\a.mp4",
    ],
)
def test_file_that_is_there_is_that_file_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"x")

    assert (resolve(name).kind, resolve(name).url) == (SourceKind.FILE, f"file:{name}")
    assert resolve(Path(name).absolute().as_uri()).url == f"file:{tmp_path / name}"


def test_numbered_webcam_is_refused_where_cameras_have_names() -> None:
    with pytest.raises(SourceError, match="source webcam:0: cameras have names here"):
        resolve("webcam:0", "win32")


@pytest.mark.parametrize(
    ("platform", "url", "opened", "input_format"),
    [
        ("linux", "webcam:0", "/dev/video0", "v4l2"),
        ("linux", "/dev/video2", "/dev/video2", "v4l2"),
        ("linux", "WEBCAM:1", "/dev/video1", "v4l2"),
        ("linux", "webcam:/dev/v4l/by-id/cam", "/dev/v4l/by-id/cam", "v4l2"),
        ("darwin", "webcam:1", "1:none", "avfoundation"),
        ("win32", "webcam:HD Pro", "video=HD Pro", "dshow"),
    ],
)
def test_webcam_is_asked_for_as_each_platform_does(
    platform: str, url: str, opened: str, input_format: str
) -> None:
    spec = resolve(url, platform, fps=15)

    assert (spec.url, spec.format, spec.options["framerate"]) == (opened, input_format, "15")
    assert spec.live


def test_file_is_read_frame_by_frame_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "http:tricky name.mp4"
    path.write_bytes(b"x")

    assert resolve(str(path)).pace == "every_frame"
    assert resolve(str(path), pace="newest").pace == "newest"
    assert resolve(str(path)).url == f"file:{path}"
    assert resolve(path.as_uri()).redacted_url == str(path)


def test_folder_is_listed_in_natural_order(tmp_path: Path) -> None:
    for name in ("frame10.png", "frame9.PNG", "frame2.jpg", "notes.txt", ".frame1.png", "frame010.png"):
        (tmp_path / name).write_bytes(b"x")

    spec = resolve(str(tmp_path))

    assert spec.kind is SourceKind.FOLDER
    names = [path.name for path in list_images(tmp_path)]
    assert names == ["frame2.jpg", "frame9.PNG", "frame010.png", "frame10.png"]


@pytest.mark.parametrize("device", ["0", "/dev/video77"])
def test_webcam_that_is_not_there_is_named_with_what_lists_those_that_are(device: str) -> None:
    if Path("/dev/video0").exists():
        pytest.skip("this machine has a camera")
    with pytest.raises(SourceLostError, match=f"no camera {device}; `streamtrack doctor` lists them"):
        FrameReader(SourceConfig(url=f"webcam:{device}"))


def test_natural_order_survives_digits_that_are_no_numbers() -> None:
    assert sorted(["a²", "a1", "1a", "b"], key=natural_key) == ["1a", "a1", "a²", "b"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://cam/x", r"source ftp://cam/x: unknown scheme 'ftp', expected rtsp://"),
        ("gopher://bob:secret@cam/x", r"source gopher://\*\*\*@cam/x: unknown scheme"),
        ("nowhere.mp4", r"source nowhere.mp4: no such file, expected rtsp://"),
        ("a" * 5000, r"source a{300}: no such file, expected rtsp://"),
        ("u:secret@cam/x", r"source \*\*\*@cam/x: no such file"),
        ("~nobody-of-this-name/x.mp4", r"no such file, expected rtsp://"),
        ("rtsp://", r"source rtsp://: no host"),
        ("rtsp://admin:hunter2@/live", r"source rtsp://\*\*\*@/live: no host"),
        ("rtsp://admin:hun/ter2@cam/live", r"source rtsp://\*\*\*@cam/live: not a valid URL"),
        ("http://" + "a" * 70 + "/x", r"not a valid URL"),
        ("rtsp://x..y/live", r"not a valid URL"),
        ("http://exa mple/x", r"not a valid URL"),
        ("webcam:", r"source webcam:: no device, expected webcam:0"),
        ("synthetic:nope", r"unknown scene 'nope', expected one of: demo, crossing"),
        ("synthetic:demo?hight=3", r"unknown parameter 'hight', expected width, height"),
        ("synthetic:demo?height=tall", r"height is 'tall', expected 64 to 2160"),
        ("synthetic:demo?fps=0", r"fps is '0', expected 0.1 to 240"),
        ("synthetic:demo?fps=nan", r"fps is 'nan', expected"),
    ],
)
def test_what_can_never_work_is_one_clear_line(url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        resolve(url)

    assert "\n" not in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_folder_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no frames here")

    with pytest.raises(SourceError, match=r"a folder without frames, expected \.jpg"):
        resolve(str(tmp_path))


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()

    with pytest.raises(SourceError, match="the file is empty"):
        resolve(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SourceError, match="is no file"):
        resolve(str(tmp_path / "pipe"))
