"""Many streams in one process: the order of starting, one model for all, and an end that leaves nothing
open."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from streamtrack.client import Control, MaskSubscriber
from streamtrack.clock import Clock
from streamtrack.config import HttpConfig, ModelConfig, StreamConfig, TrackingConfig, ZmqConfig
from streamtrack.errors import CheckpointError, PublishError, SourceError
from streamtrack.http.web_server import bind_http
from streamtrack.pipeline import PipelineReport
from streamtrack.server import Server
from streamtrack.tracking import Tracker
from tests.support.pipelines import SCENE, SOON_S, stream_config, wait_until, zmq_config
from tests.support.servers import server_config, serving

STOP_S = 3.0
"""The promise: stopped, with everything closed, in less than this."""


@pytest.fixture
def used_port() -> Iterator[int]:
    with bind_http("127.0.0.1", 0) as listener:
        yield listener.getsockname()[1]


def live_stream(name: str) -> StreamConfig:
    return stream_config(f"synthetic:{SCENE}?fps=10&width=320&height=180", name, pace="newest")


def test_two_streams_share_one_model_and_each_gets_its_share(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "asyncio")
    reports: list[PipelineReport] = []
    config = server_config(live_stream("left"), live_stream("right"))
    with serving(config, on_report=reports.append) as server:
        wait_until(lambda: all(s.newest_frame_idx >= 8 for s in server.statuses()), "eight frames of each")
        idx = [status.newest_frame_idx for status in server.statuses()]
        assert max(idx) <= 2 * min(idx), "one stream starves the other"
        assert httpx.get(f"{server.http_address}/readyz").json() == {
            "ready": True,
            "streams": {"left": "online", "right": "online"},
        }
        with (
            MaskSubscriber(server.masks_address, "right") as masks,
            Control(server.control_address or "", "right") as control,
        ):
            message = masks.receive(int(SOON_S * 1000))
            assert message is not None
            assert message.stream == "right"
            control.remove(next(iter(message.objects)))
        wait_until(lambda: any(report.counts.fps > 0 for report in reports), "a report")
    assert {report.counts.stream for report in reports} == {"left", "right"}
    assert server.all_ended
    assert all(totals.frames_tracked > 8 for totals in server.totals)
    never_awaited = [r.getMessage() for r in caplog.records if "took" not in r.getMessage()]
    assert not never_awaited, "asyncio in debug mode complains"


def test_stop_ends_in_time_and_closes_everything() -> None:
    threads_before = set(threading.enumerate())
    with serving(server_config(live_stream("cam"))) as server:
        port = int(server.http_address.rsplit(":", 1)[1])
        masks = int(server.masks_address.rsplit(":", 1)[1])
        # Answers that stream for ever must not hold the server up.
        with (
            httpx.Client(timeout=SOON_S) as client,
            client.stream("GET", f"{server.http_address}/streams/cam/live") as live,
            client.stream("GET", f"{server.http_address}/streams/cam/mjpeg") as video,
        ):
            assert live.status_code == video.status_code == 200
            next(video.iter_raw())
            stop(server)
            started = time.monotonic()
            wait_until(lambda: not listens(port), "the end")
            wait_until(lambda: "server" not in {t.name for t in threading.enumerate()}, "the end")
            assert time.monotonic() - started < STOP_S
    assert not listens(masks)
    left = {t for t in threading.enumerate() if not t.name.startswith(("asyncio_", "AnyIO"))} - threads_before
    assert not left


def test_cameras_that_hang_are_not_waited_for_one_after_the_other() -> None:
    with bind_http("127.0.0.1", 0) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        streams = [stream_config(url, f"cam{i}", "auto", autoprompt=None) for i in range(12)]
        with serving(server_config(*streams), ready=False) as server:
            wait_until(lambda: server._reporter is not None, "the start")
            stop(server)
            started = time.monotonic()
            wait_until(lambda: "server" not in {t.name for t in threading.enumerate()}, "the end")
            assert time.monotonic() - started < STOP_S


def stop(server: Server) -> None:
    """As a signal does, from the server's own loop."""
    (loop,) = {task.get_loop() for task in [server._reporter] if task is not None}
    loop.call_soon_threadsafe(server.request_stop)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_run_ends_after_its_duration() -> None:
    server = Server(server_config())
    started = time.monotonic()
    asyncio.run(server.run(duration_s=0.5), debug=True)
    assert time.monotonic() - started >= 0.5
    assert server.all_ended


def test_port_in_use_is_told_before_anything_else_is_opened(used_port: int) -> None:
    missing = stream_config("nowhere.mp4")  # would fail as well, later
    told = re.escape(f"http: port {used_port} of 127.0.0.1 is in use, expected a free one")
    with pytest.raises(PublishError, match=told):
        Server(server_config(missing, http=HttpConfig(port=used_port)))
    for key in ("masks_address", "control_address"):
        zmq = ZmqConfig.model_validate(zmq_config().model_dump() | {key: f"tcp://127.0.0.1:{used_port}"})
        with pytest.raises(PublishError, match=f"{used_port}"):
            Server(server_config(zmq=zmq))


def test_host_of_another_machine_is_told() -> None:
    with pytest.raises(PublishError, match=r"cannot listen on port 0 of 192\.0\.2\.1"):
        bind_http("192.0.2.1", 0)
    with pytest.raises(PublishError, match=r"http\.host is 'no such host'"):
        bind_http("no such host", 0)


def test_source_that_can_never_work_is_told_before_the_model_is_loaded() -> None:
    with pytest.raises(SourceError, match="no such file"):
        Server(server_config(stream_config("nowhere.mp4")))


def test_model_that_cannot_be_loaded_ends_the_server_with_its_error() -> None:
    with (
        pytest.raises(CheckpointError, match="nanoo"),
        serving(server_config(model=ModelConfig(name="nanoo")), ready=False) as server,
    ):
        wait_until(lambda: not listens(int(server.http_address.rsplit(":", 1)[1])), "the end")


def test_server_is_alive_but_not_ready_while_the_model_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    may_load = threading.Event()
    from_config = Tracker.from_config

    def slow_load(config: ModelConfig) -> Tracker:
        assert may_load.wait(SOON_S)
        return from_config(config)

    monkeypatch.setattr(Tracker, "from_config", slow_load)
    with serving(server_config(), ready=False) as server:
        url = server.http_address
        assert httpx.get(f"{url}/healthz").status_code == 200
        loading = httpx.get(f"{url}/readyz")
        assert (loading.status_code, loading.json()["streams"]) == (503, {"cam": "loading"})
        may_load.set()
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "readiness")


def test_stop_while_the_model_loads_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    may_load = threading.Event()
    monkeypatch.setattr(Tracker, "from_config", lambda config: may_load.wait(SOON_S))
    server = Server(server_config())

    async def run() -> None:
        asyncio.get_running_loop().call_later(0.2, server.request_stop)
        await server.run()

    started = time.monotonic()
    asyncio.run(run(), debug=True)
    assert time.monotonic() - started < STOP_S
    assert not server.all_ended
    may_load.set()


def test_stream_that_failed_makes_the_server_unready_and_the_other_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_session = Tracker.new_session
    bad = TrackingConfig(lost_after_ms=1234)

    def session_that_fails(self: Tracker, config: TrackingConfig, clock: Clock) -> object:
        session = new_session(self, config, clock)
        if config.lost_after_ms == bad.lost_after_ms:
            monkeypatch.setattr(session, "step", None)  # 'NoneType' object is not callable
        return session

    monkeypatch.setattr(Tracker, "new_session", session_that_fails)
    with serving(
        server_config(stream_config(name="bad", tracking=bad), stream_config(name="good"))
    ) as server:
        wait_until(lambda: server.status("good").newest_frame_idx == 2, "the good stream's last frame")
        wait_until(lambda: server.status("bad").state == "failed", "the failure")
        ready = httpx.get(f"{server.http_address}/readyz")
        assert ready.status_code == 503
        assert ready.json()["streams"]["bad"] == "failed"
        refused = httpx.post(f"{server.http_address}/streams/bad/objects", json={"box": [1, 1, 9, 9]})
        assert refused.status_code == 409
        assert "NoneType" in refused.json()["error"]


def test_camera_that_is_off_leaves_the_server_ready() -> None:
    off = stream_config("rtsp://admin:hunter2@127.0.0.1:9/none", "off", pace="auto", autoprompt=None)
    with serving(server_config(off, stream_config(name="on"))) as server:
        wait_until(lambda: server.status("off").state == "offline", "the refused connection")
        assert httpx.get(f"{server.http_address}/readyz").status_code == 200
        shown = httpx.get(f"{server.http_address}/streams").text + server.metrics().decode()
    assert "hunter2" not in shown
    assert "admin" not in shown
