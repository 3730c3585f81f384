"""A server's process from outside: its reports, and its end by the clock or by a signal."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from streamtrack.cli import main as cli
from streamtrack.http.web_server import bind_http
from tests.support.process import START_S, started, streamtrack

pytestmark = pytest.mark.process

STOP_S = 3.0
"""The promise for Ctrl-C and SIGTERM."""


def test_demo_ends_by_itself_with_a_report_each_second_and_a_summary() -> None:
    ended = subprocess.run(
        streamtrack("demo", "--duration", "3.5", "--port", "0"),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert re.fullmatch(r"page +http://127\.0\.0\.1:\d+/", lines[0])
    assert any(re.fullmatch(r"masks +tcp://127\.0\.0\.1:\d+", line) for line in lines)
    reports = [line for line in lines if line.startswith("demo: ")]
    assert 2 <= len(reports) <= 4, "one a second of 3.5 s, the start's share left out"
    latency = r"capture-to-publish p50 \d+ ms p95 \d+ ms"
    pattern = rf"demo: +\d+\.\d fps, {latency}, dropped .*, objects 3, mean IoU 0\.\d{{3}}"
    assert re.fullmatch(pattern, reports[-1])
    assert re.fullmatch(r"summary demo: \d+ frames in \d+\.\d s .* mean IoU 0\.\d{3}", lines[-1])


@pytest.fixture
def silent_camera(tmp_path: Path) -> Iterator[Path]:
    """A config whose camera takes the connection and never says a word."""
    with bind_http("127.0.0.1", 0) as listener:
        url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/live"
        zmq = {"masks_address": "tcp://127.0.0.1:*", "control_address": None}
        streams = [{"name": "cam", "source": {"url": url}}]
        path = tmp_path / "silent.yaml"
        path.write_text(yaml.safe_dump({"streams": streams, "zmq": zmq, "http": {"port": 0}}))
        yield path


@contextmanager
def reporting(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs and has printed its first report."""
    with started(*streamtrack(*arguments)) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(("demo: ", "cam: ")):
            assert process.poll() is None, process.stderr and process.stderr.read()
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_in_time_with_exit_code_0(number: signal.Signals, silent_camera: Path) -> None:
    arguments = ("demo", "--port", "0") if number == signal.SIGINT else ("serve", str(silent_camera))
    with reporting(*arguments) as process:
        asked = time.monotonic()
        process.send_signal(number)
        rest, error = process.communicate(timeout=START_S)
        took = time.monotonic() - asked
    assert process.returncode == 0
    assert "Traceback" not in error
    assert took < STOP_S
    assert rest.splitlines()[-1].startswith("summary ")


def test_second_ctrl_c_ends_at_once(silent_camera: Path) -> None:
    with reporting("serve", str(silent_camera)) as process:
        process.send_signal(signal.SIGINT)
        while process.poll() is None:  # again and again, as people do: two at once would be one to the system
            time.sleep(0.3)  # the silent camera holds the stop up for two seconds
            process.send_signal(signal.SIGINT)
    # An end in its own time would say 0.
    assert process.returncode == cli.EXIT_INTERRUPTED


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line that holds these words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"the process ended without {words!r}")


def stream_names(api: httpx.Client) -> list[str]:
    return [one["name"] for one in api.get("/streams").json()]


def test_hangup_reads_the_config_again_and_added_cameras_are_kept(tmp_path: Path) -> None:
    path, state = tmp_path / "live.yaml", tmp_path / "state"
    scene = {"url": "synthetic:leave?width=160&height=90&fps=5"}

    def write(*names: str) -> None:
        streams = [{"name": name, "source": scene} for name in names]
        zmq = {"masks_address": "tcp://127.0.0.1:*", "control_address": None}
        path.write_text(yaml.safe_dump({"streams": streams, "zmq": zmq, "http": {"port": 0}}))

    @contextmanager
    def serving() -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
        command = streamtrack("serve", str(path), "--state-dir", str(state), "--model", "nano")
        with started(*command, errors=subprocess.STDOUT) as process:
            address = line_with(process, "page ").split()[1]
            with httpx.Client(base_url=address, timeout=START_S) as api:
                yield process, api

    write("cam")
    with serving() as (process, api):
        assert api.post("/streams", json={"name": "added", "source": scene}).status_code == 201
        path.write_text("streams: [")
        process.send_signal(signal.SIGHUP)
        refused = line_with(process, "not reloaded")
        assert f"the old one stays: {path}:" in refused
        assert "not YAML" in refused
        write("cam", "other")
        process.send_signal(signal.SIGHUP)
        assert "1 added (other), 0 changed, 0 removed, 1 unchanged" in line_with(process, "config reloaded")
        assert stream_names(api) == ["cam", "added", "other"]
    assert '"added"' in (state / "streams.json").read_text()
