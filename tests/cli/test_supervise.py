"""The supervising process, over small servers that die, hang, or end in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamtrack.cli.supervise import Deaths
from streamtrack.config import ProcessConfig
from tests.support.process import started
from tests.support.waiting import SOON_S, wait_until

pytestmark = pytest.mark.process

SERVER = """
import os, signal, sys, time
from pathlib import Path
from streamtrack.heartbeat import Heartbeat

folder = Path(sys.argv[1])
heart = Heartbeat.of_environment()
if heart.is_standby:
    (folder / "standby").write_text(str(os.getpid()))
    heart.wait_until_wanted()
number = len(list(folder.glob("run-*")))
(folder / f"run-{number}").write_text(str(os.getpid()))
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
signal.signal(signal.SIGHUP, lambda *_: (folder / "hangup").touch())
what = (sys.argv[2:] + ["live"] * 9)[number]
if what == "misuse":
    os._exit(2)
heart.ready()
heart.beat()
(folder / f"ready-{number}").touch()
if what == "die":
    os._exit(3)
if what == "segv":
    os.kill(os.getpid(), signal.SIGSEGV)
if what == "end":
    os._exit(0)
if what == "stuck":
    heart.stuck("stream cam: 4 steps hang")
while True:
    time.sleep(0.05)
    if what == "live":
        heart.beat()
"""
SUPERVISES = """
import logging, sys
from streamtrack.cli.supervise import Supervisor
from streamtrack.config import ProcessConfig

logging.basicConfig(format="%(message)s")
spare = sys.argv.pop(3) == "spare"
limits = ProcessConfig(
    hung_after_s=2, start_timeout_s=10, restart_initial_s=0.01, give_up_after=4, standby=spare
)
sys.exit(Supervisor([sys.executable, *sys.argv[1:]], limits).run())
"""


@contextmanager
def supervised(folder: Path, *lives: str, spare: bool = False) -> Iterator[subprocess.Popen[str]]:
    (folder / "server.py").write_text(SERVER)
    command = [sys.executable, "-c", SUPERVISES, str(folder / "server.py"), str(folder), *lives]
    command.insert(5, "spare" if spare else "none")
    with started(*command) as process:
        yield process


def wait_ready(folder: Path, number: int) -> int:
    """The process id of a life that is ready."""
    wait_until((folder / f"ready-{number}").exists, f"life {number}")
    return int((folder / f"run-{number}").read_text())


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_server_that_dies_is_started_again_with_a_line_each(tmp_path: Path) -> None:
    with supervised(tmp_path, "die", "segv") as process:
        wait_ready(tmp_path, 2)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=SOON_S)
    assert process.returncode == 7, "the server's own code"
    assert told.splitlines() == [
        "the server ended with code 3; started again in 0.0 s",
        "the server was ended by SIGSEGV; started again in 0.0 s",
    ]


def test_server_that_gives_no_sign_of_life_is_killed_and_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, "stuck") as process:
        first = wait_ready(tmp_path, 0)
        wait_ready(tmp_path, 1)
        assert not lives(first)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=SOON_S)
    assert "gave no sign of life for 2 s: stream cam: 4 steps hang, and is killed" in told


def test_process_that_stands_by_takes_over_and_ends_with_the_supervisor(tmp_path: Path) -> None:
    standby = tmp_path / "standby"
    with supervised(tmp_path, "live", "live", spare=True) as process:
        first = wait_ready(tmp_path, 0)
        wait_until(lambda: standby.exists() and standby.read_text() != "", "a process that stands by")
        waits = int(standby.read_text())
        os.kill(first, signal.SIGKILL)
        assert wait_ready(tmp_path, 1) == waits, "the one that stood by"
        wait_until(lambda: int(standby.read_text() or waits) != waits, "another one stands by")
        after = int(standby.read_text())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SOON_S)
        assert not lives(after)
        assert not lives(waits)


def test_hangup_goes_to_the_server(tmp_path: Path) -> None:
    with supervised(tmp_path) as process:
        wait_ready(tmp_path, 0)
        process.send_signal(signal.SIGHUP)
        wait_until((tmp_path / "hangup").exists, "the server is told")
        assert process.poll() is None


def test_no_orphan_is_left_of_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path) as process:
        child = wait_ready(tmp_path, 0)
        process.kill()
        wait_until(lambda: not lives(child), "the server's end")


@pytest.mark.parametrize(("life", "code"), [("misuse", 2), ("end", 0)])
def test_server_that_ends_by_itself_or_cannot_run_is_not_started_again(
    tmp_path: Path, life: str, code: int
) -> None:
    with supervised(tmp_path, life) as process:
        _, told = process.communicate(timeout=SOON_S)
    assert (process.returncode, told) == (code, "")
    assert len(list(tmp_path.glob("run-*"))) == 1


def test_server_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    with supervised(tmp_path, *["die"] * 9) as process:
        _, told = process.communicate(timeout=SOON_S)
    assert process.returncode == 3
    assert len(list(tmp_path.glob("run-*"))) == 4
    assert told.splitlines()[-1] == "the server ended with code 3; given up after 4 times in a row"


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_sound_life() -> None:
    limits = ProcessConfig(restart_initial_s=1, restart_max_s=5, sound_after_s=60, give_up_after=6)
    deaths = Deaths(limits)
    assert [deaths.wait_s(1.0) for _ in range(4)] == [1, 2, 4, 5]
    assert deaths.wait_s(61.0) == 1
    assert [deaths.wait_s(1.0) for _ in range(5)] == [2, 4, 5, 5, None]
