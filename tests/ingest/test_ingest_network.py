"""The ingest thread over real sockets: servers that hang, drip, break off, or speak HTTP."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.frame import Frame
from streamtrack.ingest import Ingest, SourceState
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import Telemetry
from tests.ingest.conftest import CLIP_FRAMES
from tests.support.ingest import QUICK_RECONNECT, folder_server, http_server, running, tcp_server, wait_until
from tests.support.scripted_servers import Answer, Seen, scripted_rtsp

NUM_BLOCKED = 20
QUICK = {"open_timeout_ms": 400, "read_timeout_ms": 400, "reconnect": QUICK_RECONNECT}


def say_nothing(client: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def drip(client: socket.socket, over: threading.Event) -> None:
    """A byte now and then: each one starts FFmpeg's own timeout again."""
    for byte in b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX-Wait: " + b"z" * 1000:
        client.sendall(bytes([byte]))
        if over.wait(0.1):
            return


@pytest.mark.parametrize("behave", [say_nothing, drip])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_server_that_hangs_or_drips_is_given_up_and_tried_again(
    scheme: str, behave: Callable[[socket.socket, threading.Event], None]
) -> None:
    clients = []

    def count_and_behave(client: socket.socket, over: threading.Event) -> None:
        clients.append(client)
        behave(client, over)

    with (
        tcp_server(count_and_behave) as port,
        running(SourceConfig(url=f"{scheme}://127.0.0.1:{port}/live", **QUICK)) as source,
    ):
        wait_until(lambda: len(clients) >= 2, "a second try")

        assert source.ingest.state is SourceState.OFFLINE
        assert source.ingest.last_error is not None
        assert source.ingest.last_error.startswith(f"source {scheme}://127.0.0.1:{port}/live: ")


@pytest.mark.parametrize("behave", [say_nothing, drip])
def test_stop_takes_no_longer_than_it_says_while_a_server_hangs(
    behave: Callable[[socket.socket, threading.Event], None],
) -> None:
    config = SourceConfig(url="rtsp://127.0.0.1:1/live", open_timeout_ms=3000, read_timeout_ms=3000)
    with tcp_server(behave) as port:
        config = config.model_copy(update={"url": f"rtsp://127.0.0.1:{port}/live"})
        with running(config) as source:
            time.sleep(0.3)  # now it sits in the call to FFmpeg
            started = time.monotonic()
            source.ingest.stop(timeout_s=0.5)
            stopped_s = time.monotonic() - started

            assert stopped_s < 2
            assert source.ingest.state is SourceState.STOPPED
            assert (
                source.telemetry.registry.get_sample_value(
                    "streamtrack_fallbacks_total", {"stream": "cam", "what": "ingest_left_behind"}
                )
                == 1
            )
            # Left behind, not leaked: the call's own limit lets the thread go.
            wait_until(
                lambda: "ingest-cam" not in {t.name for t in threading.enumerate()}, "the thread ends", 8
            )


def test_stop_interrupts_the_wait_between_two_tries() -> None:
    reconnect = QUICK_RECONNECT.model_copy(update={"first_delay_ms": 60_000, "max_delay_ms": 60_000})
    with running(SourceConfig(url="rtsp://127.0.0.1:9/live", reconnect=reconnect)) as source:
        wait_until(lambda: source.ingest.state is SourceState.OFFLINE, "offline")
        started = time.monotonic()
        source.ingest.stop()

        assert time.monotonic() - started < 1


def test_error_texts_carry_no_credentials(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    url = "rtsp://admin:hunter2@127.0.0.1:9/live?token=hunter2"
    with running(SourceConfig(url=url, **QUICK)) as source:
        wait_until(lambda: source.ingest.last_error is not None, "an error")

        assert source.ingest.last_error == "source rtsp://***@127.0.0.1:9/live?token=***: Connection refused"
    assert caplog.text
    assert "hunter2" not in caplog.text
    assert "hunter2" not in source.telemetry.expose().decode()


class MjpegHandler(http.server.BaseHTTPRequestHandler):
    """A camera's MJPEG: 20 pictures of rising brightness, then the connection ends."""

    connections = 0

    def do_GET(self) -> None:
        type(self).connections += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(20):
            image = np.full((96, 128, 3), 10 * number, np.uint8)
            jpeg = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_mjpeg_camera_that_breaks_off_is_connected_to_again() -> None:
    MjpegHandler.connections = 0
    with (
        http_server(MjpegHandler) as port,
        running(SourceConfig(url=f"http://127.0.0.1:{port}/video", **QUICK), capacity=100) as source,
    ):
        frames = [source.next_frame()]
        while not frames[-1].gap_before and len(frames) < 50:  # one connection gives 20
            frames.append(source.next_frame())

        assert frames[-1].gap_before

        assert frames[-1].image.shape == (96, 128, 3)
        assert [f.seq for f in frames] == list(range(len(frames)))
        assert len(frames) > 10
        assert MjpegHandler.connections == 2
        assert source.counter("streamtrack_reconnects_total") == 1
        assert source.ingest.last_error is None


def test_playlist_with_an_end_is_a_recording(clip: Path, tmp_path: Path) -> None:
    with (
        av.open(str(clip)) as recording,
        av.open(str(tmp_path / "index.m3u8"), "w", format="hls") as playlist,
    ):
        stream = playlist.add_stream_from_template(recording.streams.video[0])
        for packet in recording.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                playlist.mux(packet)
    with folder_server(tmp_path) as port:
        config = SourceConfig(url=f"http://127.0.0.1:{port}/index.m3u8", pace="every_frame")
        with running(config) as source:
            frames = source.frames_to_the_end()

    assert len(frames) == CLIP_FRAMES
    assert source.ingest.state is SourceState.ENDED


def test_offline_source_says_when_it_is_tried_again_and_can_be_tried_at_once() -> None:
    patient = {"first_delay_ms": 20_000, "max_delay_ms": 60_000, "jitter": 0}
    config = SourceConfig(url="rtsp://127.0.0.1:9/live", reconnect=ReconnectConfig.model_validate(patient))
    with running(config) as source:
        wait_until(lambda: source.ingest.next_try_in_s is not None, "the first refusal")
        assert 0 < (source.ingest.next_try_in_s or 0) <= 20
        source.ingest.retry_now()
        wait_until(lambda: (source.ingest.next_try_in_s or 0) > 30, "the second refusal, and twice the wait")


@pytest.mark.parametrize(
    ("status", "words", "slow"),
    [
        (401, "401 Unauthorized", True),
        (403, "403 Forbidden", True),
        (404, "404 Not Found", False),
        (453, "453 Not Enough Bandwidth: the camera has no room for another viewer", False),
    ],
)
def test_refused_password_is_tried_again_seldom_and_other_refusals_soon(
    status: int, words: str, slow: bool
) -> None:
    def refuse(seen: Seen) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="cam"'}
        return Answer() if seen.method == "OPTIONS" else Answer(status, challenge)

    with scripted_rtsp(refuse) as camera:
        url = f"rtsp://admin:hunter2@127.0.0.1:{camera.port}/live"
        patient = ReconnectConfig(first_delay_ms=3000, max_delay_ms=3000, refused_delay_ms=60_000)
        with running(SourceConfig(url=url, reconnect=patient)) as source:
            wait_until(lambda: source.ingest.next_try_in_s is not None, "the refusal")
            assert words in (source.ingest.last_error or "")
            assert ((source.ingest.next_try_in_s or 0) > 20) is slow


def test_many_sources_stop_at_once_while_their_reads_are_blocked() -> None:
    telemetry = Telemetry()
    with tcp_server(say_nothing) as port:
        config = SourceConfig(url=f"http://127.0.0.1:{port}/live", open_timeout_ms=600, read_timeout_ms=600)
        sources = [Ingest(config, Mailbox[Frame](1), telemetry.stream(f"s{n}")) for n in range(NUM_BLOCKED)]
        for source in sources:
            source.start()
        started = time.monotonic()
        for source in sources:
            source.stop(timeout_s=0)
        assert time.monotonic() - started < 2

        names = {f"ingest-s{n}" for n in range(NUM_BLOCKED)}
        wait_until(lambda: not names & {t.name for t in threading.enumerate()}, "every thread ends")
    assert {source.state for source in sources} == {SourceState.STOPPED}


class RubbishHandler(MjpegHandler):
    """Three pictures, then pictures that cannot be decoded, for as long as one reads."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        good = cv2.imencode(".jpg", np.full((96, 128, 3), 90, np.uint8))[1].tobytes()
        try:
            for number in range(500):
                jpeg = good if number < 3 else b"\xff\xd8" + bytes(100)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(0.02)
        except OSError:
            return


def test_stream_of_nothing_but_damage_is_lost_by_time() -> None:
    with (
        http_server(RubbishHandler) as port,
        running(SourceConfig(url=f"http://127.0.0.1:{port}/video", **QUICK)) as source,
    ):
        source.next_frame()
        started = time.monotonic()
        wait_until(lambda: source.ingest.state is SourceState.OFFLINE, "the loss is noticed")

        assert (
            source.ingest.last_error == f"source http://127.0.0.1:{port}/video: no sound picture for 400 ms"
        )
        assert time.monotonic() - started < 5
        assert source.dropped("corrupt") > 0
