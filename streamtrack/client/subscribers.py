"""Masks and events as they are published."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

import zmq

from streamtrack.client.connection import ClientKeys, Connection, check_stream, check_timeout
from streamtrack.errors import PublishError
from streamtrack.publish.message import EventMessage, MaskMessage
from streamtrack.publish.wire import (
    EVENTS_PREFIX,
    MASKS_PREFIX,
    decode_event,
    decode_message,
    events_topic,
    masks_topic,
)

RECEIVE_HIGH_WATER_MARK = 4
RECEIVE_BUFFER_BYTES = 4096
"""Both small for the publisher's reason: what waits while nobody reads is stale when somebody does."""

MessageT = TypeVar("MessageT", MaskMessage, EventMessage)


class Subscriber(Connection, ABC, Generic[MessageT]):
    """Messages of one topic, one by one. Used from one thread at a time."""

    def __init__(
        self, address: str, topic: bytes, *, conflate: bool, timeout_ms: int | None, keys: ClientKeys | None
    ) -> None:
        check_timeout(timeout_ms)
        super().__init__(zmq.SUB, address, keys)
        self.timeout_ms = timeout_ms
        self.missed = 0
        """Messages that were published since the first one here and not received."""
        self.restarts = 0
        """Times the publisher started anew."""
        self._expected: dict[str, tuple[int, int]] = {}
        if conflate:
            self.socket.conflate = True
        self.socket.rcvhwm = RECEIVE_HIGH_WATER_MARK
        self.socket.rcvbuf = RECEIVE_BUFFER_BYTES
        self.socket.subscribe(topic)
        self.connect()

    @abstractmethod
    def _decode(self, data: bytes) -> MessageT:
        """The message that these bytes are."""

    def receive(self, timeout_ms: int | None = None) -> MessageT | None:
        """The next message, or None where none came within `timeout_ms` (None: the subscriber's own).

        Raises:
            PublishError: what came is not a message of this version; the next call goes on behind it.
        """
        if not self.wait(self.timeout_ms if timeout_ms is None else timeout_ms):
            return None
        message = self._decode(self.socket.recv())
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


class MaskSubscriber(Subscriber[MaskMessage]):
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
            ConfigError: a key, the stream's name or the time is none.
        """
        topic = MASKS_PREFIX if stream is None else masks_topic(check_stream(stream))
        super().__init__(address, topic, conflate=conflate, timeout_ms=timeout_ms, keys=keys)

    def _decode(self, data: bytes) -> MaskMessage:
        return decode_message(data)


class EventSubscriber(Subscriber[EventMessage]):
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
        topic = EVENTS_PREFIX if stream is None else events_topic(check_stream(stream))
        super().__init__(address, topic, conflate=False, timeout_ms=timeout_ms, keys=keys)

    def _decode(self, data: bytes) -> EventMessage:
        return decode_event(data)
