"""Tells a camera the newest of what is wanted, in a thread of its own, and again when it was away."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.config import PtzConfig
from streamtrack.ingest.backoff import backoff_delay_ms
from streamtrack.ingest.loop_thread import GivenUp, LoopThread
from streamtrack.ingest.retry_wait import RetryWait
from streamtrack.ptz.controller import STILL, Aim
from streamtrack.ptz.mount import Mount, MountError, MountRefusedError

CHANGE = 0.02
"""Speeds that differ by less are the same to a camera."""
SPACING_NS = 80 * NS_PER_MS
"""Commands come no quicker: many cameras take ten a second."""
REPEAT_NS = 700 * NS_PER_MS
"""A move is said again before the camera stops by itself."""
IDLE_S = 0.1
CONNECT_REQUESTS = 6
"""Requests that a connection takes, each with its own time limit."""
END_TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


class Driver:
    """One camera. Any thread may call the public methods; none waits for the camera."""

    def __init__(
        self,
        stream: str,
        config: PtzConfig,
        mount: Mount,
        clock: Clock,
        on_link: Callable[[bool, str], None] = lambda online, trouble: None,
    ) -> None:
        """`on_link`: told from the driver's thread whether the camera answers, and if not, why."""
        self._stream = stream
        self._config = config
        self._mount = mount
        self._clock = clock
        self._on_link = on_link
        self._changed = threading.Condition()
        self._wanted, self._until_ns, self._home = STILL, 0, False
        self._sent, self._sent_ns = STILL, 0
        self._busy = False
        self._stopping = threading.Event()
        self._retry = RetryWait(clock, self._stopping)
        self.online = False
        """Whether the camera answers."""
        self.trouble: str | None = None
        """Why it does not."""
        self._thread = threading.Thread(target=self._run, name=f"ptz-{stream}", daemon=True)

    def start(self) -> None:
        """Start to connect. Once in a lifetime."""
        self._thread.start()

    def want(self, aim: Aim, for_s: float) -> None:
        """Move so for a while, unless something else is wanted first; then stand still."""
        with self._changed:
            self._wanted, self._until_ns = aim, self._clock.monotonic_ns() + int(for_s * NS_PER_S)
            self._changed.notify_all()

    def go_home(self) -> None:
        """Stop, and turn to the home position."""
        with self._changed:
            self._wanted, self._home = STILL, True
            self._changed.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Wait until the camera was told the newest; False where it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and self._due() is None, timeout_s)

    @property
    def next_try_in_s(self) -> float | None:
        """Until a camera that is away is asked again; None where it is not."""
        return self._retry.left_s

    def stop(self, timeout_s: float) -> bool:
        """Let the camera stand still and end; False where the thread did not end in time."""
        self.want(STILL, 0)
        if self.online:
            self.settle(timeout_s / 2)
        self._stopping.set()
        self._retry.end()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        thread = LoopThread(f"ptz-loop-{self._stream}")
        failures = 0
        while not self._stopping.is_set():
            try:
                self._do(thread, self._mount.connect(), CONNECT_REQUESTS)
                self._link(True, None)
                failures = 0
                self._serve(thread)
            except (MountError, TimeoutError, GivenUp) as error:
                failures += 1
                self._link(False, str(error) or "no answer")
                refused = isinstance(error, MountRefusedError)
                self._retry.wait(
                    backoff_delay_ms(self._config.reconnect, failures, random.random(), refused=refused)
                )
        try:
            self._do(thread, self._mount.close(), 1)
        except (MountError, TimeoutError, GivenUp) as error:
            logger.debug("stream %s: ptz: %s", self._stream, error)
        thread.end(END_TIMEOUT_S)

    def _serve(self, thread: LoopThread) -> None:
        """Tell the camera what is wanted, for as long as it answers."""
        # Whatever it does since the connection was lost, it was not told by us.
        self._do(thread, self._mount.stop(), 1)
        with self._changed:
            self._sent = STILL
        while not self._stopping.is_set():
            with self._changed:
                due = self._due()
                if due is None:
                    self._changed.notify_all()
                    self._changed.wait(IDLE_S)
                    continue
                goes_home, self._home = self._home, False
                self._busy = True
            try:
                if goes_home:
                    self._do(thread, self._mount.go_home(), 2)
                else:
                    self._do(thread, self._mount.stop() if due.is_still else self._mount.move(due), 1)
            finally:
                with self._changed:
                    self._busy = False
            with self._changed:
                self._sent, self._sent_ns = due, self._clock.monotonic_ns()

    def _due(self) -> Aim | None:
        """What the camera has to be told now, None for nothing; with the lock held."""
        now_ns = self._clock.monotonic_ns()
        aim = self._wanted if now_ns < self._until_ns else STILL
        if self._home:
            return STILL
        if aim.is_still:
            return None if self._sent.is_still else STILL
        since_ns = now_ns - self._sent_ns
        if _differs(aim, self._sent) and since_ns >= SPACING_NS:
            return aim
        return aim if since_ns >= REPEAT_NS else None

    def _do(self, thread: LoopThread, asked: Coroutine[Any, Any, None], requests: int) -> None:
        thread.wait(asked, requests * self._config.timeout_ms / 1000 + END_TIMEOUT_S)

    def _link(self, online: bool, trouble: str | None) -> None:
        was_online, before, self.online, self.trouble = self.online, self.trouble, online, trouble
        if online and not was_online:
            logger.info("stream %s: ptz: the camera answers", self._stream)
            self._on_link(True, "")
        elif trouble is not None and (was_online or trouble != before):
            logger.warning("stream %s: ptz: %s; tried again", self._stream, trouble)
            if was_online or before is None:
                self._on_link(False, trouble)


def _differs(one: Aim, other: Aim) -> bool:
    pairs = ((one.pan, other.pan), (one.tilt, other.tilt), (one.zoom, other.zoom))
    return any(abs(a - b) >= CHANGE or (a == 0) != (b == 0) for a, b in pairs)
