"""Sources that passed the gate are connected to where it found them, whatever their names mean by then."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streamtrack.config import CamerasConfig, SourceConfig
from streamtrack.errors import ForbiddenSourceError, SourceLostError, StreamTrackError
from streamtrack.ingest.open_decoder import prepare_source
from streamtrack.ingest.pinned import pinned
from streamtrack.ingest.source import SourceKind, SourceSpec, connecting_to, resolve_source
from streamtrack.ingest.source_gate import SourceGate
from tests.support.scripted_servers import Answer, Log, Seen, jpeg, scripted_http, scripted_rtsp


@pytest.mark.parametrize(
    ("url", "addresses", "opened", "options"),
    [
        ("rtsp://u:p@cam.lan/1", {"cam.lan": "10.0.0.9"}, "rtsp://u:p@10.0.0.9/1", {}),
        ("rtsp://CAM.lan:8554/1", {"cam.lan": "10.0.0.9"}, "rtsp://10.0.0.9:8554/1", {}),
        ("rtsps://cam.lan/1", {"cam.lan": "fd00::9"}, "rtsps://[fd00::9]/1", {}),
        ("srt://cam.lan:9000?mode=caller", {"cam.lan": "10.0.0.9"}, "srt://10.0.0.9:9000?mode=caller", {}),
        ("rtsp://2130706433/1", {"2130706433": "127.0.0.1"}, "rtsp://127.0.0.1/1", {}),
        (
            "https://u:p@cam.lan:8443/film.mp4?x=1",
            {"cam.lan": "10.0.0.9"},
            "https://u:p@10.0.0.9:8443/film.mp4?x=1",
            {"headers": "Host: cam.lan:8443\r\n", "verifyhost": "cam.lan"},
        ),
        ("rtmp://cam.lan/app", {"cam.lan": "10.0.0.9"}, "rtmp://cam.lan/app", {}),
        ("rtsp://other.lan/1", {"cam.lan": "10.0.0.9"}, "rtsp://other.lan/1", {}),
        ("rtsp://10.0.0.9/1", {"10.0.0.9": "10.0.0.9"}, "rtsp://10.0.0.9/1", {}),
        ("rtsp://cam.lan/1", {}, "rtsp://cam.lan/1", {}),
    ],
)
def test_ffmpeg_is_given_the_address_and_the_name_goes_along(
    url: str, addresses: dict[str, str], opened: str, options: dict[str, str]
) -> None:
    assert pinned(SourceSpec(SourceKind.NETWORK, url, url, addresses=addresses)) == (opened, options)


def test_sources_of_a_thread_are_connected_to_where_they_passed() -> None:
    config = SourceConfig(url="http://cam.lan/film.mp4")
    with connecting_to({"cam.lan": "10.0.0.9"}):
        assert resolve_source(config).addresses == {"cam.lan": "10.0.0.9"}
    assert resolve_source(config).addresses == {}


class Rebinding:
    """A resolver for which `cam.lan` is this machine; the system's own, asked later, would say another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked_again: list[str] = []
        system = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **keys: Any) -> Any:
            if host == "cam.lan":
                self.asked_again.append(host)
                raise AssertionError("the name was looked up again, and means another machine by now")
            return system(host, *args, **keys)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def gate(self) -> SourceGate:
        return SourceGate(CamerasConfig(), loopback=True, look_up=lambda host: ["::1", "127.0.0.1"])


@contextmanager
def camera(kind: str, answer: Answer) -> Iterator[Log]:
    def answered(seen: Seen) -> Answer:
        return answer

    with scripted_rtsp(answered) if kind == "rtsp" else scripted_http(answered) as log:
        yield log


def test_http_is_asked_where_it_passed_and_told_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Rebinding(monkeypatch)
    with camera("http", Answer(200, {"Content-Type": "image/jpeg"}, jpeg(90))) as log:
        config = SourceConfig(url=f"http://cam.lan:{log.port}/still")
        _, _, decoder = prepare_source(config, ask=True, gate=names.gate())
        try:
            decoder.open()
            decoder.read()
        finally:
            decoder.close()
    assert len(log.requests) >= 2
    assert {seen.headers["host"] for seen in log.requests} == {f"cam.lan:{log.port}"}
    assert names.asked_again == []


def test_rtsp_is_asked_where_it_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Rebinding(monkeypatch)
    with camera("rtsp", Answer(404)) as log:
        config = SourceConfig(url=f"rtsp://cam.lan:{log.port}/x")
        _, _, decoder = prepare_source(config, gate=names.gate())
        with pytest.raises(SourceLostError, match="404"):
            decoder.open()
    assert log.requests
    assert names.asked_again == []


def test_whep_is_asked_where_it_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Rebinding(monkeypatch)
    with camera("http", Answer(404)) as log:
        config = SourceConfig(url=f"whep://cam.lan:{log.port}/x", open_timeout_ms=5_000)
        _, _, decoder = prepare_source(config, gate=names.gate())
        with pytest.raises(StreamTrackError, match=r"501|404"):
            decoder.open()
        decoder.close()
    assert names.asked_again == []


def test_name_that_means_another_machine_at_the_next_connection_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meanings = [["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]]
    gate = SourceGate(CamerasConfig(), loopback=True, look_up=lambda host: meanings.pop(0))
    with camera("rtsp", Answer(404)) as log:
        _, _, decoder = prepare_source(SourceConfig(url=f"rtsp://cam.lan:{log.port}/x"), gate=gate)
        with pytest.raises(SourceLostError):
            decoder.open()
        with pytest.raises(ForbiddenSourceError, match="link-local, or a cloud's metadata"):
            decoder.open()
