"""What every test shares: few threads, and a reason wherever something of this machine is missing."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import signal
import subprocess
import tempfile

import hypothesis
import pytest

# Before anything imports torch: tests share two cores with the servers and browsers that they start, and
# OpenMP's spinning threads would take turns from them.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# No compiled network of the developer's own: what a test measures is the same on every machine.
os.environ["STREAMTRACK_COMPILED"] = os.path.join(
    tempfile.gettempdir(), f"streamtrack-compiled-{os.getpid()}"
)
# Nor a key in his folder of settings.
os.environ["STREAMTRACK_STATE_KEY"] = "of the tests, and nobody's secret"
os.environ.setdefault("TQDM_DISABLE", "1")  # sam2's predictor would draw a bar for every frame

# A shell starts what it runs in the background deaf to Ctrl-C, and so would be every process that a test
# starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile(
    "shared-machine", deadline=None
)  # a busy neighbour is no defect of the code
hypothesis.settings.load_profile("shared-machine")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

RTSP_SERVER_IMPORTS = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstApp, GstRtspServer
Gst.init(None)
elements = ("rtph264pay", "qtdemux", "h264parse", "appsink")
missing = [name for name in elements if not Gst.ElementFactory.find(name)]
raise SystemExit(f"no {' '.join(missing)}" if missing else None)
"""


WEBRTCBIN_IMPORTS = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
elements = ("webrtcbin", "nicesrc", "dtlssrtpdec", "rtph264depay", "rtpvp8depay", "h264parse")
missing = [name for name in elements if not Gst.ElementFactory.find(name)]
raise SystemExit(f"no {' '.join(missing)}" if missing else None)
"""


def find_browser() -> str | None:
    """Path of a Chromium; None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


LONGEST_FIRST = (
    "test_parity.py",
    "test_page",
    "test_end_to_end.py",
    "test_session",
    "test_main.py",
    "test_serve.py",
)
"""Files that take longest. One that began last would keep a core waiting for it alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all else stays as it was."""
    items.sort(key=lambda item: not item.path.name.startswith(LONGEST_FIRST))


def pytest_collection_finish() -> None:
    """Have what is imported and collected by now never looked through again: it stays to the end, and it is
    most of what a collection of garbage would go through, hundreds of times."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with a reason what this machine cannot run, or fail where the run has promised to have it."""
    if item.get_closest_marker("needs_cuda") and not _has_cuda():
        _miss("no CUDA device", required=os.environ.get("STREAMTRACK_REQUIRE_CUDA") == "1")
    if item.get_closest_marker("browser") and find_browser() is None:
        _miss(f"none of {', '.join(BROWSERS)} is installed", required=_in_ci())
    for marker in item.iter_markers("needs_program"):
        for program in marker.args:
            if shutil.which(program) is None:
                _miss(f"no {program} on this machine", required=_in_ci())
    if item.get_closest_marker("rtsp") and (reason := _gstreamer_misses(RTSP_SERVER_IMPORTS)):
        _miss(f"GStreamer's RTSP server cannot start: {reason}", required=_in_ci())
    if item.get_closest_marker("webrtcbin") and (reason := _gstreamer_misses(WEBRTCBIN_IMPORTS)):
        _miss(f"GStreamer's webrtcbin cannot start: {reason}", required=_in_ci())


def _miss(reason: str, *, required: bool) -> None:
    if required:
        pytest.fail(f"{reason}, and this run requires it", pytrace=False)
    pytest.skip(reason)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


@functools.cache
def _has_cuda() -> bool:
    import torch  # seconds to import: only for those who ask

    return torch.cuda.is_available()


@functools.cache
def _gstreamer_misses(imports: str) -> str | None:
    """Why a part of GStreamer cannot start; Debian's bindings live in the system's Python, not in .venv."""
    try:
        probe = subprocess.run(
            ["/usr/bin/python3", "-c", imports],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if probe.returncode == 0:
        return None
    return probe.stderr.strip().splitlines()[-1]
