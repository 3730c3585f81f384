"""What is kept in memory so that a film can begin before its event: packets and masks, bounded. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from streamtrack.recording.film_packet import FilmPacket

MAX_REEL_BYTES = 96 << 20
"""Of one film's packets: two minutes of 6 Mbit/s."""

T = TypeVar("T")


class Reel:
    """Packets back to the keyframe at or before a moment."""

    def __init__(self, ticks: int, max_bytes: int = MAX_REEL_BYTES) -> None:
        """`ticks`: how far back."""
        self._ticks = ticks
        self._max_bytes = max_bytes
        self._packets: deque[FilmPacket] = deque()
        self._keyframes: deque[int] = deque()
        self._num_bytes = 0

    def add(self, packet: FilmPacket) -> None:
        """Keep a packet; those before the keyframe that the oldest moment needs go."""
        if not self._packets and not packet.is_keyframe:
            return
        self._packets.append(packet)
        self._num_bytes += len(packet.data)
        if packet.is_keyframe:
            self._keyframes.append(packet.dts)
        while len(self._keyframes) > 1 and (
            self._keyframes[1] <= packet.dts - self._ticks or self._num_bytes > self._max_bytes
        ):
            self._drop_group()
        if self._num_bytes > 2 * self._max_bytes:
            self.clear()  # no keyframe for so long that nothing can begin with what is held

    def since(self, moment: int) -> list[FilmPacket]:
        """From the newest keyframe at or before a moment on, or from the oldest there is."""
        start = next((dts for dts in reversed(self._keyframes) if dts <= moment), None)
        if start is None:
            start = self._keyframes[0] if self._keyframes else 0
        return [packet for packet in self._packets if packet.dts >= start]

    def clear(self) -> None:
        """Forget everything."""
        self._packets.clear()
        self._keyframes.clear()
        self._num_bytes = 0

    def _drop_group(self) -> None:
        self._keyframes.popleft()
        while self._packets and self._packets[0].dts < self._keyframes[0]:
            self._num_bytes -= len(self._packets.popleft().data)


class TimedItems(Generic[T]):
    """Items with a time that rises, kept for a while."""

    def __init__(self, ticks: int, size_of: Callable[[T], int], max_bytes: int = MAX_REEL_BYTES // 4) -> None:
        self._ticks = ticks
        self._size_of = size_of
        self._max_bytes = max_bytes
        self._items: deque[tuple[int, T, int]] = deque()
        self._num_bytes = 0

    def add(self, moment: int, item: T) -> None:
        """Keep an item; those that are too old, or too many, go."""
        size = self._size_of(item)
        self._items.append((moment, item, size))
        self._num_bytes += size
        while self._items and (self._items[0][0] < moment - self._ticks or self._num_bytes > self._max_bytes):
            self._num_bytes -= self._items.popleft()[2]

    def take_since(self, moment: int) -> Iterator[tuple[int, T]]:
        """Those from a moment on, oldest first; all are forgotten."""
        items = list(self._items)
        self.clear()
        return ((at, item) for at, item, _ in items if at >= moment)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._num_bytes = 0
