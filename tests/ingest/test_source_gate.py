"""What may be opened that somebody gave over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import CamerasConfig, SourceConfig
from streamtrack.errors import ForbiddenSourceError, SourceError
from streamtrack.ingest.source_gate import SourceGate

NAMES = {
    "cam.lan": ["192.168.1.20"],
    "metadata.example": ["169.254.169.254"],
    "both.example": ["93.184.216.34", "10.0.0.7"],
    "localhost": ["127.0.0.1", "::1"],
    "2130706433": ["127.0.0.1"],
    "0xa9fea9fe": ["169.254.169.254"],
}


def look_up(host: str) -> list[str]:
    """As a resolver: names of the table, addresses as they are."""
    if host in NAMES:
        return NAMES[host]
    if any(letter in host for letter in ":0123456789"):
        return [host]
    raise OSError("unknown")


def gate(*, loopback: bool = False, **keys: Any) -> SourceGate:
    return SourceGate(CamerasConfig(**keys), loopback=loopback, look_up=look_up)


def check(url: str, *, follow_hosts: tuple[str, ...] = (), loopback: bool = False, **keys: Any) -> None:
    gate(loopback=loopback, **keys).check(SourceConfig(url=url, follow_hosts=follow_hosts))


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://u:p@cam.lan/1",
        "http://10.1.2.3:81/x.m3u8",
        "RTSP://both.example",
        "synthetic:demo",
        "webcam:0",
    ],
)
def test_cameras_pass(url: str) -> None:
    check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.example/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fe80::1%25eth0]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "rtsp://224.0.0.1/x",
        "rtsp://0.0.0.0/x",
        "rtsp://127.0.0.1/x",
        "rtsp://localhost/x",
        "http://2130706433/",
        "http://[::1]/",
        "webcam:/etc/passwd",
        "webcam:../../etc/passwd",
        "/dev/video0/../../etc/passwd",
        "gopher://cam.lan/",
        "concat:/etc/passwd",
    ],
)
def test_what_is_no_camera_does_not_pass(url: str) -> None:
    with pytest.raises(SourceError) as refused:
        check(url)
    assert "\n" not in str(refused.value)


def test_this_machine_is_allowed_where_the_server_is_on_it_alone() -> None:
    check("rtsp://localhost:8554/cam", loopback=True)
    with pytest.raises(ForbiddenSourceError, match="this machine itself, expected one that"):
        check("rtsp://localhost:8554/cam")


def test_named_hosts_are_the_only_ones() -> None:
    check("rtsp://cam.lan/x", allow_hosts=("192.168.0.0/16",))
    check("http://metadata.example/", allow_hosts=("metadata.example",))
    check("http://169.254.169.254/", allow_hosts=("*",))
    with pytest.raises(ForbiddenSourceError, match="none of those that are allowed"):
        check("rtsp://both.example/x", allow_hosts=("10.0.0.0/8",))


def test_redirects_may_lead_only_where_the_source_might_be() -> None:
    check("http://cam.lan/", follow_hosts=("10.0.0.9:8080",))
    with pytest.raises(ForbiddenSourceError):
        check("http://cam.lan/", follow_hosts=("169.254.169.254",))
    with pytest.raises(ForbiddenSourceError, match=r"\* is every host"):
        check("http://cam.lan/", follow_hosts=("*",))


def test_files_are_allowed_by_folder_and_what_is_refused_does_not_tell_whether_it_is_there(
    tmp_path: Path,
) -> None:
    inside, outside = tmp_path / "films", tmp_path / "secret.mp4"
    inside.mkdir()
    outside.write_bytes(b"x")
    (inside / "a.mp4").write_bytes(b"x")
    (inside / "way-out.mp4").symlink_to(outside)
    check(f"{inside}/a.mp4", allow_folders=(inside,))
    told = set()
    for url in (f"{outside}", f"file://{outside}", f"{inside}/way-out.mp4", f"{inside}/../secret.mp4", "/no"):
        with pytest.raises(ForbiddenSourceError) as refused:
            check(url, allow_folders=(inside,))
        told.add(str(refused.value))
    assert len(told) == 1


def test_a_file_that_is_called_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "webcam:0").write_bytes(b"x")
    with pytest.raises(ForbiddenSourceError, match=r"inside cameras\.allow_folders"):
        check("webcam:0")


def test_a_host_without_an_address_is_told_without_credentials() -> None:
    with pytest.raises(SourceError, match="no address that can be found") as refused:
        check("rtsp://admin:hunter2@nowhere/x")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.1.", "127.0.0.255"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *(
            "[::127.0.0.1]",
            "0",
            "0.0.0.0",
            "[::]",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "user@127.0.0.1",
            "u:p@h@127.1",
        ),
        *(
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[fe80::1%25lo]",
        ),
        *(
            "[::ffff:a9fe:a9fe]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "224.0.0.1",
            "[ff02::1]",
            "255.255.255.255",
        ),
    ],
)
def test_every_spelling_of_what_is_not_allowed_is_refused_by_the_systems_own_reading(host: str) -> None:
    for scheme in ("http", "rtsp", "whep"):
        with pytest.raises((ForbiddenSourceError, SourceError)):
            SourceGate(CamerasConfig(), loopback=False).check(SourceConfig(url=f"{scheme}://{host}/x"))


def test_what_passes_is_told_with_the_address_to_connect_to() -> None:
    assert gate().check(SourceConfig(url="rtsp://u:p@Cam.lan./1")) == {"cam.lan": "192.168.1.20"}
    found = gate(loopback=True).check(SourceConfig(url="http://localhost/x", follow_hosts=("cam.lan:81",)))
    assert found == {"localhost": "127.0.0.1", "cam.lan": "192.168.1.20"}
    assert gate(allow_hosts=("cam.lan",)).check(SourceConfig(url="rtsp://cam.lan/1")) == {}
    assert gate().check(SourceConfig(url="synthetic:demo")) == {}
