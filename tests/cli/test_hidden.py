from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamtrack.cli.hidden import shown_arguments
from tests.support.process import started

SECRET = "planted&secret#7"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["serve", "configs/demo.yaml", "--port", "0"], ["serve", "configs/demo.yaml", "--port", "0"]),
        (["--url", f"rtsp://u:{SECRET}@camera/x"], ["--url", "rtsp://***@camera/x"]),
        ([f"--url=rtsp://u:{SECRET}@camera/x"], ["--url=rtsp://***@camera/x"]),
        (["serve", "rtsp://camera/x?password=abc"], ["serve", "rtsp://camera/x?password=***"]),
        (["--set", f"http.token={SECRET}"], ["--set", "http.token=***"]),
        ([f"--set=http.token={SECRET}"], ["--set=http.token=***"]),
        (["--set", f"zmq.curve.server_secret_key={SECRET}"], ["--set", "zmq.curve.server_secret_key=***"]),
        (["--set", f"http.tls_key_password={SECRET}"], ["--set", "http.tls_key_password=***"]),
        (
            ["--set", f"streams.0.source.url=rtsp://u:{SECRET}@camera/x"],
            ["--set", "streams.0.source.url=rtsp://***@camera/x"],
        ),
        (
            ["--set", f"alerts.webhooks=[{{url: 'https://u:{SECRET}@hook/'}}]"],
            ["--set", "alerts.webhooks=[{url: 'https://***@hook/'}]"],
        ),
        (["--set", "http.token=${TOKEN}"], ["--set", "http.token=***"]),
        (["--set", "model.image_size=512"], ["--set", "model.image_size=512"]),
        (["a film with key = in its name.mp4"], ["a film with key = in its name.mp4"]),
    ],
)
def test_secrets_are_not_shown(given: list[str], shown: list[str]) -> None:
    assert shown_arguments(given) == shown


PROCESS = """
import ctypes, resource, sys
from streamtrack.cli.hidden import hide_arguments, leave_no_core
hide_arguments(sys.argv[1:])
leave_no_core()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(dumpable, resource.getrlimit(resource.RLIMIT_CORE), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_process_shows_no_secret_and_leaves_no_core() -> None:
    with started(sys.executable, "-c", PROCESS, "--set", f"http.token={SECRET}", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0 (0, 0)\n"
        title = Path("/proc", str(process.pid), "cmdline").read_bytes()
        assert SECRET.encode() not in title
        assert b"http.token=***" in title
