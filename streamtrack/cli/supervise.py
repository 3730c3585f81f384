"""`streamtrack serve --supervise`: a small process that starts the server again where it dies or hangs."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from streamtrack.config import ProcessConfig
from streamtrack.heartbeat import BEAT, LIMIT, NOTIFY, PIPES, READY, STANDBY, STUCK, notify

EXIT_USE = 2
"""Of a server that cannot run as it was asked to: to start it again would not help."""
POLL_S = 0.2
STOP_S = 15.0
"""For an orderly end; what takes longer hangs."""
FORWARDED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Deaths:
    """Decides when a server that died is started again. Pure."""

    limits: ProcessConfig
    in_a_row: int = 0

    def wait_s(self, lived_s: float) -> float | None:
        """How long to wait after a death; None: it is given up."""
        self.in_a_row = 1 if lived_s >= self.limits.sound_after_s else self.in_a_row + 1
        if self.in_a_row >= self.limits.give_up_after:
            return None
        wait_s = self.limits.restart_initial_s * 2.0 ** min(self.in_a_row - 1, 32)
        return float(min(self.limits.restart_max_s, wait_s))


@dataclass(slots=True)
class _Run:
    """One life of the server."""

    child: subprocess.Popen[bytes]
    pipe: int
    """Its signs of life."""
    alive: int
    """Ends with this process, and the child with it."""
    go: int | None
    """Lets a process that stands by begin; None: it has."""
    begun_s: float
    sign_s: float
    is_ready: bool = False
    why_stuck: str = ""
    rest: bytes = b""


@dataclass(slots=True)
class Supervisor:
    """Runs one server at a time."""

    command: Sequence[str]
    limits: ProcessConfig
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    _asked: int | None = None
    """The signal by which the end was asked for."""
    _child: subprocess.Popen[bytes] | None = None
    _spare: _Run | None = None
    """Stands by."""

    def run(self) -> int:
        """Until it ends in order, cannot run, or is given up; gives the exit code."""
        deaths, ever_ready = Deaths(self.limits), False
        notify_address = self.environment.pop(NOTIFY, "")
        with self._forwarding(), self._nothing_left_behind():
            while True:
                run = self._begin()
                self._watch(run, notify_address)
                code = self._end(run)
                ever_ready = ever_ready or run.is_ready
                if self._asked is not None or code == 0 or (code == EXIT_USE and not ever_ready):
                    return code
                wait_s = deaths.wait_s(time.monotonic() - run.begun_s)
                how = _how(code) if not run.why_stuck else run.why_stuck
                if wait_s is None:
                    logger.error("the server %s; given up after %d times in a row", how, deaths.in_a_row)
                    return code
                logger.error("the server %s; started again in %.1f s", how, wait_s)
                if self._sleep(wait_s):
                    return 0

    # -- parts -----------------------------------------------------------------------------------------

    def _begin(self) -> _Run:
        """A server that runs: the one that stands by, or a new one."""
        run, self._spare = self._spare, None
        if run is not None and run.child.poll() is not None:
            self._end(run)
            run = None
        if run is None:
            run = self._start(standby=False)
        elif run.go is not None:
            os.write(run.go, b"!")
            os.close(run.go)
            run.go = None
        run.begun_s = run.sign_s = time.monotonic()
        self._child = run.child
        if self._asked is not None:  # it came while there was nobody to hand it to
            self._hand_on(self._asked)
        return run

    def _start(self, *, standby: bool) -> _Run:
        pipe, child_pipe = os.pipe()
        child_alive, alive = os.pipe()
        environment = {
            **self.environment,
            PIPES: f"{child_pipe},{child_alive}",
            LIMIT: str(self.limits.hung_after_s),
        }
        given, go = [child_pipe, child_alive], None
        if standby:
            child_go, go = os.pipe()
            environment[STANDBY] = str(child_go)
            given.append(child_go)
        try:
            # A group of its own: what it started ends with it, and Ctrl-C comes here alone.
            child = subprocess.Popen(  # nosec B603 # this very command, as it was given
                self.command, env=environment, pass_fds=given, start_new_session=True
            )
        finally:
            for handle in given:
                os.close(handle)
        now_s = time.monotonic()
        return _Run(child, pipe, alive, go, now_s, now_s)

    def _watch(self, run: _Run, notify_address: str) -> None:
        """Until the child has ended or is to be ended."""
        stop_s: float | None = None
        while run.child.poll() is None:
            readable, _, _ = select.select([run.pipe], [], [], POLL_S)
            if readable:
                self._read(run, notify_address)
            now_s = time.monotonic()
            if self.limits.standby and run.is_ready and self._spare is None and self._asked is None:
                self._spare = self._start(standby=True)
            if self._asked is not None:
                stop_s = stop_s or now_s + STOP_S
                if now_s > stop_s:
                    logger.error("the server does not end; it is killed")
                    return
            elif now_s - run.sign_s > self._limit_s(run):
                why = f": {run.why_stuck}" if run.why_stuck else ""
                run.why_stuck = f"gave no sign of life for {now_s - run.sign_s:.0f} s{why}, and is killed"
                return

    def _limit_s(self, run: _Run) -> float:
        return self.limits.hung_after_s if run.is_ready else self.limits.start_timeout_s

    def _read(self, run: _Run, notify_address: str) -> None:
        data = os.read(run.pipe, 4096)
        if not data:
            time.sleep(POLL_S)  # the child ends just now
            return
        *lines, run.rest = (run.rest + data).split(b"\n")
        for line in lines:
            if line == READY:
                run.is_ready, run.sign_s = True, time.monotonic()
                notify(notify_address, "READY=1")
            elif line == BEAT:
                run.why_stuck = ""
                if run.is_ready:
                    run.sign_s = time.monotonic()
                notify(notify_address, "WATCHDOG=1")
            elif line.startswith(STUCK):
                run.why_stuck = line[len(STUCK) :].decode(errors="replace")

    def _end(self, run: _Run) -> int:
        """See that nothing of the child is left; its exit code, as shells count."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(run.child.pid, signal.SIGKILL)
        code = run.child.wait()
        self._child = None
        for handle in (run.pipe, run.alive, run.go):
            if handle is not None:
                os.close(handle)
        return code if code >= 0 else 128 - code

    def _sleep(self, seconds: float) -> bool:
        """Wait; True where the end was asked for meanwhile."""
        until_s = time.monotonic() + seconds
        while self._asked is None and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, POLL_S))
        return self._asked is not None

    @contextmanager
    def _nothing_left_behind(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._spare is not None:
                self._end(self._spare)

    # -- signals -----------------------------------------------------------------------------------------

    @contextmanager
    def _forwarding(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in FORWARDED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != getattr(signal, "SIGHUP", None):
            self._asked = number
        self._hand_on(number)

    def _hand_on(self, number: int) -> None:
        child = self._child
        if child is not None and child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)


def supervise(arguments: Sequence[str], limits: ProcessConfig) -> int:
    """Run `streamtrack` with these arguments, again and again; gives the exit code."""
    if sys.platform == "win32":
        logger.error("--supervise needs pipes and signals that Windows lacks: run it as a service there")
        return EXIT_USE
    command = [sys.executable, "-m", "streamtrack.cli.main", *arguments]
    return Supervisor(command, limits).run()


def _how(code: int) -> str:
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(code - 128).name}"
    return f"ended with code {code}"
