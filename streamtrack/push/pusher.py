"""Sends one stream's shared encode on to one server, for as long as the stream runs."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.config import PushConfig
from streamtrack.errors import PublishError
from streamtrack.ingest.backoff import backoff_delay_ms
from streamtrack.ingest.retry_wait import RetryWait
from streamtrack.push.shown import shown_url
from streamtrack.push.target import Target
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.packet_queue import ThreadPacketQueue, ViewerGone
from streamtrack.video.stream import VideoStream

POLL_S = 0.25
"""How soon a stop is noticed."""
REFUSALS = ("401", "403", "Unauthorized", "Forbidden")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PushStatus:
    """One push at one moment."""

    name: str
    url: str
    """Without credentials."""
    view: str
    state: str
    """waiting (for a picture), connecting, streaming, retrying, stopped."""
    trouble: str | None
    """Why the newest try failed, in one line without credentials; null while it works."""
    next_try_in_s: float | None
    """Until a server that is away is tried again; null where no try is planned."""
    packets: int
    """Pictures sent since the start."""
    bytes: int
    connections: int
    """Times that the server took the stream."""


class Pusher:
    """One server. Any thread may call the public methods; nothing of the stream waits for it."""

    def __init__(
        self,
        name: str,
        config: PushConfig,
        video: VideoStream,
        telemetry: StreamTelemetry,
        make_target: Callable[[PushConfig], Target],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """
        Raises:
            UnknownViewError: there is no such view.
        """
        video.check_view(config.view)
        self.name = name
        self._config = config
        self._video = video
        self._telemetry = telemetry
        self._make_target = make_target
        self._clock = clock
        self._stopping = threading.Event()
        self._retry = RetryWait(clock, self._stopping)
        self._state, self._trouble = "waiting", ""
        self._target: Target | None = None
        self._packets = self._bytes = self._connections = 0
        self._thread = threading.Thread(target=self._run, name=f"push-{name}", daemon=True)

    def start(self) -> None:
        """Start to send. Once in a lifetime."""
        self._thread.start()

    def status(self) -> PushStatus:
        """The push at this moment."""
        return PushStatus(
            name=self.name,
            url=shown_url(self._config),
            view=self._config.view,
            state=self._state,
            trouble=self._trouble or None,
            next_try_in_s=self._retry.left_s,
            packets=self._packets,
            bytes=self._bytes,
            connections=self._connections,
        )

    def stop(self) -> None:
        """End soon. Returns at once."""
        self._stopping.set()
        self._retry.end()
        target = self._target
        if target is not None:
            target.abort()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            before = self._packets
            try:
                self._hold_connection()
            except ViewerGone:
                break  # the stream stopped
            except PublishError as error:
                if self._stopping.is_set():
                    break
                failures = 1 if self._packets > before else failures + 1
                self._wait_to_retry(str(error), failures)
            else:
                failures = 0
        self._state = "stopped"
        self._telemetry.set_pushing(self.name, False)

    def _hold_connection(self) -> None:
        """One connection: from the first picture that there is to send, until none comes any more.

        Raises:
            PublishError: the server is away or gone. ViewerGone: the stream stopped.
        """
        self._state = "waiting"
        keyframe = self._first_keyframe()
        if keyframe is None:
            return
        self._state = "connecting"
        self._target = target = self._make_target(self._config)
        try:
            if self._stopping.is_set():  # asked for before there was a target to abort
                return
            target.open(keyframe)
            self._connections += 1
            self._send_all(target)
        finally:
            self._target = None
            self._telemetry.set_pushing(self.name, False)
            target.close()

    def _first_keyframe(self) -> bytes | None:
        """A keyframe of now; None where a stop was asked for first."""
        tap = self._open_tap()
        try:
            while not self._stopping.is_set():
                packet = tap.get(POLL_S)
                if packet is not None:
                    return bytes(packet)
        finally:
            self._video.close_viewer(tap)
        return None

    def _send_all(self, target: Target) -> None:
        tap = self._open_tap()
        last_ns = self._clock.monotonic_ns()
        try:
            while not self._stopping.is_set():
                packet = tap.get(POLL_S)
                now_ns = self._clock.monotonic_ns()
                if packet is None:
                    if now_ns - last_ns > self._config.idle_ms * NS_PER_MS:
                        return
                    continue
                target.send(packet, tap)
                last_ns = now_ns
                self._sent(packet.size)
        finally:
            self._video.close_viewer(tap)

    def _open_tap(self) -> ThreadPacketQueue:
        return self._video.open_tap(VideoCodec(self._config.codec), self._config.view)

    def _sent(self, num_bytes: int) -> None:
        if self._state != "streaming":
            self._state, self._trouble = "streaming", ""
            self._telemetry.set_pushing(self.name, True)
            logger.info("stream %s: push %s: streaming", self._video.name, self.name)
        self._packets += 1
        self._bytes += num_bytes
        self._telemetry.pushed(self.name, num_bytes)

    def _wait_to_retry(self, trouble: str, failures: int) -> None:
        if trouble != self._trouble:
            logger.warning("stream %s: push %s: %s; tried again", self._video.name, self.name, trouble)
        self._state, self._trouble = "retrying", trouble
        refused = any(word in trouble for word in REFUSALS)
        delay_ms = backoff_delay_ms(self._config.reconnect, failures, random.random(), refused=refused)
        self._retry.wait(delay_ms)
