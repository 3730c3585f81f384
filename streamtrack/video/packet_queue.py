"""One viewer's packets: a bounded queue that loses whole runs of pictures, never one out of the middle."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.video.encoder import EncodedPicture, VideoCodec
from streamtrack.video.link import KeyframeBudget, Link, ThinStay
from streamtrack.video.views import OVERLAY

if TYPE_CHECKING:
    import av


class ViewerGone(Exception):
    """The queue was closed: the viewer left or the stream stopped."""


class _State(Enum):
    CONNECTING = "nobody has asked for a packet yet"
    AWAITING_KEYFRAME = "the decoder has nothing to build on"
    STREAMING = "every packet since a keyframe was taken or waits here"
    CLOSED = "closed"


class PacketBuffer:
    """From the encoder's thread to one viewer, wherever that one takes.

    Each picture is coded as the difference to the one before, so a missing packet spoils all that follow
    until the next keyframe. A full buffer is therefore emptied, and filled again from a keyframe on.
    """

    def __init__(
        self,
        codec: VideoCodec,
        capacity: int,
        on_starved: Callable[[], None],
        *,
        view: str = OVERLAY,
        link: Link | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`on_starved` is called from any thread whenever the viewer asks everybody's encode for a keyframe.

        Args:
            link: what is known of the viewer's network; None: it carries everything.
        """
        self.codec = codec
        self.view = view
        self._capacity = capacity
        self._on_starved = on_starved
        self._clock = clock
        self._lock = threading.Lock()
        self._packets: deque[av.Packet] = deque()
        self._state = _State.CONNECTING
        self._link = link
        self._stay = ThinStay()
        self._budget = KeyframeBudget()
        self._wants_keyframe = False

    @property
    def watching(self) -> bool:
        """Whether someone takes the packets; until the first is taken nothing is encoded for this viewer."""
        return self._state in (_State.AWAITING_KEYFRAME, _State.STREAMING)

    @property
    def thin(self) -> bool:
        """Whether the viewer's network is so much worse than the others' that keyframes only are sent."""
        return self._stay.thin

    @property
    def capacity_bps(self) -> float | None:
        """What the viewer's network carries, None where nobody asks."""
        return None if self._link is None else self._link.capacity_bps

    @property
    def loss(self) -> float:
        """Share of packets lost, as the viewer told last."""
        return 0.0 if self._link is None else self._link.loss

    def offer(self, picture: EncodedPicture) -> int:
        """Leave a packet, from any thread; never waits. Returns how many packets an overflow cost."""
        with self._lock:
            dropped = self._take(picture)
            ask = self._wants_keyframe and self._may_ask()
        if ask:
            self._on_starved()
        return dropped

    def request_keyframe(self) -> None:
        """The viewer cannot decode (PLI, FIR): ask the encode, as often as one viewer may. Any thread."""
        with self._lock:
            # One who is sent keyframes only gets the next that comes anyway.
            self._wants_keyframe = self._state is not _State.CLOSED and not self._stay.thin
            ask = self._wants_keyframe and self._may_ask()
        if ask:
            self._on_starved()

    def told_limit(self, limit_bps: int) -> None:
        """The viewer told what it can take (REMB)."""
        with self._lock:
            if self._link is not None:
                self._link.told_limit(limit_bps, self._clock.monotonic_ns())

    def told_loss(self, share: float) -> None:
        """The viewer told what share of packets it lost (a receiver report)."""
        with self._lock:
            if self._link is not None:
                self._link.told_loss(share, self._clock.monotonic_ns())

    def judge(self, middle_bps: float, sent_bps: float) -> float | None:
        """Compare with the viewer in the middle and with what is sent; what this one's network carries, None
        where it gets keyframes only."""
        with self._lock:
            if self._link is None:
                return math.inf
            was_thin = self._stay.thin
            if self._stay.judge(self._link.capacity_bps, middle_bps, sent_bps, self._clock.monotonic_ns()):
                return None
            if was_thin and self._state is _State.STREAMING:
                self._state = _State.AWAITING_KEYFRAME  # of its own: nobody is asked for one
            return self._link.capacity_bps

    def close(self) -> None:
        """Drop what waits and let the taker go; from any thread, any number of times."""
        with self._lock:
            self._state = _State.CLOSED
            self._packets.clear()
            self._wake()

    def _take(self, picture: EncodedPicture) -> int:
        """Called with the lock held."""
        if picture.is_keyframe:
            self._wants_keyframe = False
            if self._state is _State.AWAITING_KEYFRAME:
                self._state = _State.STREAMING
        if self._state is not _State.STREAMING or (self._stay.thin and not picture.is_keyframe):
            return 0
        dropped = 0
        if len(self._packets) >= self._capacity:
            dropped = len(self._packets)
            self._packets.clear()
            if not picture.is_keyframe:
                self._state, self._wants_keyframe = _State.AWAITING_KEYFRAME, True
                return dropped + 1
        self._packets.append(picture.packet)
        if self._link is not None:
            self._link.sent(picture.packet.size, self._clock.monotonic_ns())
        self._wake()
        return dropped

    def _poll(self) -> tuple[av.Packet | None, bool]:
        """A packet that waits, and whether this was the first call; with the lock held.

        Raises:
            ViewerGone: closed.
        """
        if self._state is _State.CLOSED:
            raise ViewerGone
        if self._packets:
            return self._packets.popleft(), False
        joined = self._state is _State.CONNECTING
        if joined:
            self._state = _State.AWAITING_KEYFRAME
        return None, joined

    def _may_ask(self) -> bool:
        """Called with the lock held; a request that may not be made now is made later."""
        if not self._budget.spend(self._clock.monotonic_ns()):
            return False
        self._wants_keyframe = False
        return True

    def _wake(self) -> None:
        """Tell whoever waits; called with the lock held."""
        raise NotImplementedError


class PacketQueue(PacketBuffer):
    """The packets of one viewer who takes them on the event loop."""

    def __init__(
        self,
        codec: VideoCodec,
        capacity: int,
        loop: asyncio.AbstractEventLoop,
        on_starved: Callable[[], None],
        *,
        view: str = OVERLAY,
        link: Link | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(codec, capacity, on_starved, view=view, link=link, clock=clock)
        self._loop = loop
        self._filled = asyncio.Event()

    async def get(self) -> av.Packet:
        """Take the oldest packet; the first call asks for a keyframe. For one task of the event loop.

        Raises:
            ViewerGone: the queue is closed.
        """
        while True:
            with self._lock:
                packet, joined = self._poll()
                if packet is not None:
                    return packet
                self._filled.clear()
            if joined:
                self._on_starved()
            await self._filled.wait()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)


class ThreadPacketQueue(PacketBuffer):
    """The packets of one who takes them in a thread of its own: pushed onward, recorded."""

    def __init__(
        self,
        codec: VideoCodec,
        capacity: int,
        on_starved: Callable[[], None],
        *,
        view: str = OVERLAY,
        link: Link | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(codec, capacity, on_starved, view=view, link=link, clock=clock)
        self._filled = threading.Event()

    def get(self, timeout_s: float) -> av.Packet | None:
        """Take the oldest packet, None where none comes in time; the first call asks for a keyframe.

        Raises:
            ViewerGone: the queue is closed.
        """
        for may_wait in (True, False):
            with self._lock:
                packet, joined = self._poll()
                if packet is not None:
                    return packet
                self._filled.clear()
            if joined:
                self._on_starved()
            if may_wait:
                self._filled.wait(timeout_s)
        return None

    def _wake(self) -> None:
        self._filled.set()
