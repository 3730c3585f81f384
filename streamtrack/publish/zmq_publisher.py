"""Masks and events to every ZeroMQ subscriber, without ever waiting for one."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence

import zmq

from streamtrack.access.roles import Role
from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.config import ZmqConfig
from streamtrack.errors import PublishError
from streamtrack.frame import Event, FrameResult
from streamtrack.publish.taps import Taps
from streamtrack.publish.wire import encode_event, encode_objects, encode_result
from streamtrack.publish.zmq_security import CurveGate, bind, bind_again
from streamtrack.telemetry import StreamTelemetry, Telemetry

MAX_SUBSCRIPTION_BYTES = 4096
"""What a subscriber may send; topics are short. A longer message ends its connection."""
EVENT_PAUSE_S, EVENT_PAUSES = 0.0005, 10
"""Patience with subscribers for an event. Masks come again with the next frame, an event is said once; and
many come at a time, as when eight objects are added to one frame, which is more than may wait."""
MAX_NUMBERED = 4096
"""Streams of whose messages the numbers are kept, more than may ever run at once."""
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_PROBES = 10, 5, 3
"""A subscriber whose machine vanished is given up after 25 s."""

_log = logging.getLogger(__name__)


class ZmqPublisher:
    """One PUB socket for all streams. Every method may be called from any thread."""

    def __init__(self, config: ZmqConfig, telemetry: Telemetry, clock: Clock = SYSTEM_CLOCK) -> None:
        """Bind.

        Raises:
            PublishError: `masks_address` is in use or cannot be bound.
            ConfigError: a CURVE key is not one.
        """
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self.epoch = clock.wall_ns() // NS_PER_MS
        """Names this run in every message; subscribers see a restart by it."""
        self.taps = Taps()
        """What is published, for readers over HTTP."""
        self._lock = threading.Lock()
        self._streams: dict[str, StreamTelemetry] = {}
        self._masks_seq: Counter[str] = Counter()
        self._events_seq: Counter[str] = Counter()
        self._closed = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._gate: CurveGate | None = None
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.PUB)
        try:
            if config.curve is not None:
                self._gate = CurveGate(
                    self._context,
                    config.curve,
                    Role.VIEW,
                    on_refused=telemetry.refused,
                    on_revoked=self._connect_anew,
                )
            self._set_options()
            self.address = bind(self._socket, config.masks_address, "zmq.masks_address")
            """The real address, with the port that was taken where 0 or * was asked for."""
        except BaseException:
            self.close()
            raise

    def _connect_anew(self) -> None:
        """End every connection, and let those come again who still may: libzmq has no way to end one."""
        with self._lock:
            if self._closed:
                return
            self._socket.close(linger=0)
            self._socket = self._context.socket(zmq.PUB)
            self._set_options()
            try:
                bind_again(self._socket, self.address, "zmq.masks_address")
            except PublishError as error:
                _log.error("no subscriber comes in any more: %s", error)

    def _set_options(self) -> None:
        if self._gate is not None:
            self._gate.guard(self._socket)
        self._socket.linger = 0
        # What waits for a subscriber that does not read is stale when it reads again. It waits in three
        # places: this queue, the kernel's buffers of both ends, the subscriber's queue. Measured on loopback
        # with messages of 1.2 kB: a queue of 1 and default buffers held 870 of them; queues of 4 and buffers
        # of 64 kB held 218, of 8 kB 30, of 4 kB 16 (half a second at 30 fps). The price of 4 kB: a message of
        # 100 kB takes 1.5 ms, not 0.5.
        self._socket.sndhwm = self._config.high_water_mark
        self._socket.sndbuf = self._config.socket_buffer_bytes
        # A PUB socket drops in silence. Asked not to, it sends to nobody and says EAGAIN if one is full:
        # `_send` counts that, and sends again in the way that leaves only the full ones out.
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._socket.maxmsgsize = MAX_SUBSCRIPTION_BYTES
        self._socket.tcp_keepalive = 1
        self._socket.tcp_keepalive_idle = _KEEPALIVE_IDLE_S
        self._socket.tcp_keepalive_intvl = _KEEPALIVE_INTERVAL_S
        self._socket.tcp_keepalive_cnt = _KEEPALIVE_PROBES

    def publish(
        self, stream: str, result: FrameResult, model: str, events: Sequence[Event] | None = None
    ) -> int:
        """Send the masks of one frame, then events (None: the frame's own); returns the monotonic nanoseconds
        of sending.

        Never waits for a subscriber: one that is too slow misses messages, and `slow_subscriber` counts each
        time that one fell behind (how many it missed it knows itself, by `seq`; libzmq does not tell).

        Raises:
            PublishError: the publisher is closed.
        """
        started_ns = self._clock.monotonic_ns()
        encoded = encode_objects(result.objects.values(), self._config.encoding)
        with self._lock:
            telemetry = self._stream(stream)
            publish_ns = self._clock.monotonic_ns()
            message = encode_result(
                stream,
                self.epoch,
                self._masks_seq[stream],
                result,
                model,
                self._config.encoding,
                encoded=encoded,
                publish_monotonic_ns=publish_ns,
            )
            self._masks_seq[stream] += 1
            self._send(message, telemetry)
            self.taps.told_masks(stream, result, model, message)
        telemetry.observe("encode_masks", publish_ns - started_ns)
        self.publish_events(stream, result.events if events is None else events)
        return publish_ns

    def publish_events(self, stream: str, events: Sequence[Event]) -> None:
        """Send events, one message each. One that cannot be sent is logged and left out.

        A subscriber that has no room is waited for, once and EVENT_PAUSES times EVENT_PAUSE_S at most.

        Raises:
            PublishError: the publisher is closed.
        """
        if not events:
            return
        with self._lock:
            telemetry, pauses = self._stream(stream), EVENT_PAUSES
            for event in events:
                try:
                    message = encode_event(
                        stream,
                        self.epoch,
                        self._events_seq[stream],
                        event,
                        publish_ns=self._clock.wall_ns(),
                        publish_monotonic_ns=self._clock.monotonic_ns(),
                    )
                except PublishError as error:
                    _log.error("%s: %s", stream, error)
                    telemetry.dropped("unsendable_event")
                    continue
                self._events_seq[stream] += 1
                self.taps.told_event(stream, event, message)
                if not self._send(message, telemetry, pauses):
                    pauses = 0

    def forget(self, stream: str) -> None:
        """A stream is no more. Its numbers go on, should one of its name come again: a gap means a loss."""
        with self._lock:
            self._streams.pop(stream, None)
            for numbers in (self._masks_seq, self._events_seq):
                while len(numbers) > MAX_NUMBERED:
                    del numbers[next(name for name in numbers if name not in self._streams)]

    def close(self) -> None:
        """Close at once; what still waits for a subscriber is dropped. May be called again."""
        with self._lock:
            self._closed = True
            self._socket.close(linger=0)
        self._context.term()
        if self._gate is not None:
            self._gate.join()

    def __enter__(self) -> ZmqPublisher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _stream(self, name: str) -> StreamTelemetry:
        """The counters of a stream; the lock is held."""
        if self._closed:
            raise PublishError(f"publisher of {self._config.masks_address}: closed")
        if name not in self._streams:
            self._streams[name] = self._telemetry.stream(name)
        return self._streams[name]

    def _send(self, message: bytes, telemetry: StreamTelemetry, pauses: int = 0) -> bool:
        """Give a message to every subscriber that has room, or makes some within `pauses`; the lock is held.

        False where it left one out."""
        for attempt in range(2 + pauses):
            if attempt > 1:
                time.sleep(EVENT_PAUSE_S)
            try:
                self._socket.send(message, zmq.DONTWAIT)
                return True
            except zmq.Again:
                # libzmq learns of room that was made only once a millisecond, unless it is asked.
                self._socket.getsockopt(zmq.EVENTS)
        telemetry.dropped("slow_subscriber")
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)
        self._socket.send(message, zmq.DONTWAIT)
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        return False
