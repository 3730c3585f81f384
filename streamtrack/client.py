"""What a robot imports: masks and events as they are published, and commands. numpy, msgspec and zmq; no
torch.

with MaskSubscriber("tcp://127.0.0.1:5555", stream="cam1") as masks:
    for message in masks:
        message.objects[1].mask          # (H, W) bool

with Control("tcp://127.0.0.1:5556", stream="cam1") as control:
    control.add(points=[(210, 350)]).object_id
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import numpy as np
import zmq

from streamtrack.control.envelope import Answer, decode_reply, encode_request
from streamtrack.errors import PublishError, ShapeError, StreamTrackError
from streamtrack.frame import BoolMask
from streamtrack.object_record import ObjectInfo
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.publish.message import EventMessage, MaskMessage, ReceivedMask
from streamtrack.publish.wire import (
    EVENTS_PREFIX,
    MASKS_PREFIX,
    decode_event,
    decode_message,
    events_topic,
    masks_topic,
)
from streamtrack.publish.zmq_security import check_key

__all__ = [
    "Answer",
    "ClientKeys",
    "Control",
    "EventMessage",
    "EventSubscriber",
    "MaskMessage",
    "MaskSubscriber",
    "ObjectInfo",
    "ReceivedMask",
]

MAX_MESSAGE_BYTES = 32 << 20
"""A longer message ends the connection; the masks of 16 objects in 1080p take about 50 kB."""
RECEIVE_HIGH_WATER_MARK = 4
RECEIVE_BUFFER_BYTES = 4096
"""Both small for the publisher's reason: what waits while nobody reads is stale when somebody does."""
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_PROBES = 5, 2, 3
"""A subscriber never sends, so without probes it would wait for ever on a publisher whose machine
vanished."""

MessageT = TypeVar("MessageT", MaskMessage, EventMessage)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """CURVE keys in Z85; `zmq.curve_keypair()` makes a client's pair."""

    server_public_key: str
    public_key: str
    """This client's; the server's config lists it in `zmq.curve.allowed_client_keys`."""
    secret_key: str = field(repr=False)

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Set the keys, before `connect`.

        Raises:
            ConfigError: a key is not one.
        """
        socket.curve_serverkey = check_key(self.server_public_key, "server_public_key")
        socket.curve_publickey = check_key(self.public_key, "public_key")
        socket.curve_secretkey = check_key(self.secret_key, "secret_key")


class _Connection:
    """One socket with a context of its own, closed at once."""

    def __init__(self, kind: int, address: str, keys: ClientKeys | None) -> None:
        self.address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(kind)
        try:
            self._socket.linger = 0
            self._socket.maxmsgsize = MAX_MESSAGE_BYTES
            self._socket.tcp_keepalive = 1
            self._socket.tcp_keepalive_idle = _KEEPALIVE_IDLE_S
            self._socket.tcp_keepalive_intvl = _KEEPALIVE_INTERVAL_S
            self._socket.tcp_keepalive_cnt = _KEEPALIVE_PROBES
            if keys is not None:
                keys.apply(self._socket)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        try:
            self._socket.connect(self.address)
        except zmq.ZMQError as error:
            self.close()
            raise PublishError(
                f"address is {self.address!r}, expected tcp://HOST:PORT or ipc://PATH: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Close the socket; may be called again."""
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _Subscriber(_Connection, Generic[MessageT]):
    """Messages of one topic, one by one. Used from one thread at a time."""

    def __init__(
        self, address: str, topic: bytes, *, conflate: bool, timeout_ms: int | None, keys: ClientKeys | None
    ) -> None:
        super().__init__(zmq.SUB, address, keys)
        self.timeout_ms = timeout_ms
        self.missed = 0
        """Messages that were published since the first one here and not received."""
        self.restarts = 0
        """Times the publisher started anew."""
        self._expected: dict[str, tuple[int, int]] = {}
        if conflate:
            self._socket.conflate = True
        self._socket.rcvhwm = RECEIVE_HIGH_WATER_MARK
        self._socket.rcvbuf = RECEIVE_BUFFER_BYTES
        self._socket.subscribe(topic)
        self._connect()

    def _decode(self, data: bytes) -> MessageT:
        raise NotImplementedError

    def receive(self, timeout_ms: int | None = None) -> MessageT | None:
        """The next message, or None where none came within `timeout_ms` (None: the subscriber's own).

        Raises:
            PublishError: what came is not a message of this version; the next call goes on behind it.
        """
        if not self._socket.poll(self.timeout_ms if timeout_ms is None else timeout_ms):
            return None
        message = self._decode(self._socket.recv())
        self._count(message)
        return message

    def __iter__(self) -> Iterator[MessageT]:
        return self

    def __next__(self) -> MessageT:
        """The next message.

        Raises:
            PublishError: none came within `timeout_ms`, or what came cannot be read; iteration may go on.
        """
        message = self.receive()
        if message is None:
            raise PublishError(f"{self.address}: no message within {self.timeout_ms} ms")
        return message

    def _count(self, message: MessageT) -> None:
        epoch, expected_seq = self._expected.get(message.stream, (message.epoch, message.seq))
        if message.epoch == epoch:
            self.missed += max(0, message.seq - expected_seq)
        else:
            self.restarts += 1
        self._expected[message.stream] = (message.epoch, message.seq + 1)


class MaskSubscriber(_Subscriber[MaskMessage]):
    """The masks of one stream, or of all."""

    def __init__(
        self,
        address: str,
        stream: str | None = None,
        *,
        conflate: bool = False,
        timeout_ms: int | None = None,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect; the publisher may start later, stop, and come back.

        Args:
            address: the publisher's `masks_address`.
            stream: None for every stream.
            conflate: keep only the newest message (of all streams together); `missed` then counts those that
                were replaced before they were read.
            timeout_ms: how long iteration waits for one message; None for ever.
        Raises:
            PublishError: `address` is none.
            ConfigError: a key is not one.
        """
        topic = MASKS_PREFIX if stream is None else masks_topic(stream)
        super().__init__(address, topic, conflate=conflate, timeout_ms=timeout_ms, keys=keys)

    def _decode(self, data: bytes) -> MaskMessage:
        return decode_message(data)


class EventSubscriber(_Subscriber[EventMessage]):
    """The events of one stream, or of all: added, removed, lost, found, gap, ..."""

    def __init__(
        self,
        address: str,
        stream: str | None = None,
        *,
        timeout_ms: int | None = None,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect, as `MaskSubscriber`; events are never conflated."""
        topic = EVENTS_PREFIX if stream is None else events_topic(stream)
        super().__init__(address, topic, conflate=False, timeout_ms=timeout_ms, keys=keys)

    def _decode(self, data: bytes) -> EventMessage:
        return decode_event(data)


class Control(_Connection):
    """Commands to one stream. Used from one thread at a time.

    Every method raises PublishError where no answer comes in time (the command may still be carried out), and
    the error that the server refused it with: PromptError, FrameExpiredError, ShapeError, CapacityError.
    """

    def __init__(
        self, address: str, stream: str, *, timeout_ms: int = 5_000, keys: ClientKeys | None = None
    ) -> None:
        """Connect to the server's `control_address`.

        Raises:
            PublishError: `address` is none.
            ConfigError: a key is not one.
        """
        super().__init__(zmq.DEALER, address, keys)
        self.stream = stream
        self.timeout_ms = timeout_ms
        self._last_request_id = time.time_ns()
        # A request is sent to a server that is there or not at all: none waits to surprise a server that
        # starts later.
        self._socket.immediate = True
        self._connect()

    def add(
        self,
        object_id: int | None = None,
        *,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] | None = None,
        box: tuple[float, float, float, float] | None = None,
        mask: BoolMask | None = None,
        label: str = "",
        at_frame: int | None = None,
    ) -> Answer:
        """Start to follow an object; the answer names it and the frame on which it starts.

        Args:
            object_id: None takes the next free one.
            points: x, y in pixels of the frame.
            labels: 1 on the object, 0 off it; None: all 1.
            box: x0, y0, x1, y1 in pixels.
            mask: (H, W) bool, the size of the frame.
            at_frame: the tracked frame that the prompt belongs to; None the newest.
        """
        prompt = _prompt(points, labels, box, mask, at_frame)
        return self._ask("add", object_id=object_id, label=label, **prompt)

    def correct(
        self,
        object_id: int,
        *,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] | None = None,
        box: tuple[float, float, float, float] | None = None,
        mask: BoolMask | None = None,
        at_frame: int | None = None,
    ) -> Answer:
        """Mend the mask of an object; arguments as `add`."""
        return self._ask("correct", object_id=object_id, **_prompt(points, labels, box, mask, at_frame))

    def remove(self, object_id: int) -> Answer:
        """Stop following an object."""
        return self._ask("remove", object_id=object_id)

    def label(self, object_id: int, label: str) -> Answer:
        """Call an object something."""
        return self._ask("label", object_id=object_id, label=label)

    def list(self) -> tuple[ObjectInfo, ...]:
        """The objects that are followed."""
        return self._ask("list").objects

    def pause(self) -> Answer:
        """Stop tracking until `resume`."""
        return self._ask("pause")

    def resume(self) -> Answer:
        """Go on tracking."""
        return self._ask("resume")

    def _ask(self, op: str, **arguments: Any) -> Answer:
        """Send one command and wait for its answer; late answers to earlier ones are passed over."""
        self._last_request_id += 1
        request = encode_request({"op": op, "stream": self.stream, **arguments}, self._last_request_id)
        deadline = time.monotonic() + self.timeout_ms / 1e3
        if not self._socket.poll(self.timeout_ms, zmq.POLLOUT):
            raise PublishError(
                f"{self.address}: no connection within {self.timeout_ms} ms, expected a server that knows us"
            )
        self._socket.send(request, zmq.DONTWAIT)
        while (remaining_ms := (deadline - time.monotonic()) * 1e3) > 0:
            if not self._socket.poll(max(1, int(remaining_ms))):
                break
            reply = decode_reply(self._socket.recv(), self._last_request_id)
            if isinstance(reply, StreamTrackError):
                raise reply
            if reply is not None:
                return reply
        raise PublishError(f"{self.address}: no answer to {op!r} within {self.timeout_ms} ms")


def _prompt(
    points: Sequence[tuple[float, float]],
    labels: Sequence[int] | None,
    box: tuple[float, float, float, float] | None,
    mask: BoolMask | None,
    at_frame: int | None,
) -> dict[str, Any]:
    """The prompt's part of a command, in plain values: numpy's own numbers are taken too."""
    return {
        "points": [[float(x), float(y)] for x, y in points],
        "labels": None if labels is None else [int(value) for value in labels],
        "box": None if box is None else [float(value) for value in box],
        "mask": None if mask is None else _as_rle(mask),
        "at_frame": at_frame,
    }


def _as_rle(mask: BoolMask) -> dict[str, Any]:
    """A (H, W) bool mask as COCO run lengths."""
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != np.bool_ or array.size == 0:
        raise ShapeError(f"mask is {array.dtype} {array.shape}, expected bool (H, W)")
    height, width = array.shape
    counts = encode_rle(array, (0, 0, width, height), (height, width))
    return {"size": [height, width], "counts": counts.decode("ascii")}
