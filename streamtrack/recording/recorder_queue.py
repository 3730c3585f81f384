"""What waits for a stream's recorder: bounded by bytes, and never a film with a hole in it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from streamtrack.mailbox import MailboxClosed

MAX_BYTES = 96 << 20
"""Of everything that waits: seconds of packets, or a few large pictures."""
MAX_FRAMES = 8
"""Pictures that wait to be encoded."""


class ItemKind(Enum):
    """What goes where there is no room."""

    NEEDED = "needed"
    """Nothing: it is small, and told once."""
    KEYFRAME = "keyframe"
    PICTURE = "picture"
    """With it, all pictures to the next keyframe."""
    FRAME = "frame"
    """A picture that is not coded yet: it alone."""
    ASIDE = "aside"
    """Masks: they alone."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to do for the recorder's thread."""

    do: Callable[[], None]
    kind: ItemKind = ItemKind.NEEDED
    lane: str = "clean"
    """Keyframes and pictures of one lane belong together."""
    num_bytes: int = 0


class RecorderQueue:
    """First in, first out. Any thread puts without waiting, one takes."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_frames: int = MAX_FRAMES) -> None:
        self._max_bytes, self._max_frames = max_bytes, max_frames
        self._items: deque[Item] = deque()
        self._num_bytes = self._num_frames = 0
        self._broken: set[str] = set()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave an item; False where it was dropped."""
        with self._changed:
            if self._closed:
                return True  # the stream ends: nobody misses it
            if not self._has_place(item):
                return False
            self._items.append(item)
            self._num_bytes += item.num_bytes
            self._num_frames += item.kind is ItemKind.FRAME
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> Item | None:
        """Take the oldest item; None after `timeout_s` without one.

        Raises:
            MailboxClosed: the queue is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s)
            if self._items:
                item = self._items.popleft()
                self._num_bytes -= item.num_bytes
                self._num_frames -= item.kind is ItemKind.FRAME
                return item
            if self._closed:
                raise MailboxClosed
            return None

    def close(self) -> None:
        """Let the recorder finish what is held."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_place(self, item: Item) -> bool:
        if item.kind is ItemKind.NEEDED:
            return True
        fits = self._num_bytes + item.num_bytes <= self._max_bytes
        if item.kind is ItemKind.FRAME:
            return fits and self._num_frames < self._max_frames
        if item.kind is ItemKind.ASIDE:
            return fits
        if item.kind is ItemKind.KEYFRAME and fits:
            self._broken.discard(item.lane)
        if not fits:
            self._broken.add(item.lane)
        return item.lane not in self._broken
