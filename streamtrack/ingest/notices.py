"""What a live source does that no frame tells: damage, a frozen picture, a new size, a clock that jumped."""

from __future__ import annotations

import threading
import zlib
from collections import deque

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.frame import EventKind, Image, SourceNotice
from streamtrack.ingest.decoder import Picture

MAX_WAITING = 32
"""Notices that wait to be taken; a source that does more pushes the oldest out."""
CLOCK_JUMP_S = 2.0
"""Presentation times that move on by so much more than the clock did, or go back by as much, have jumped."""
HASHED_ROWS = 270
"""Rows of a picture that are looked at: all columns of these, so that small movements are seen."""
SEEN_PICTURES = 64
"""Different pictures that are remembered: a frozen picture that is coded again and again has a few."""
MOSTLY_EQUAL = 0.5
"""Share of pictures equal to the one before from which on a source stands still."""


class FrozenWatch:
    """Says when a source shows the same picture over and over. Exact: real cameras have noise.

    A frozen picture is not one picture once it is coded: keyframes differ from what follows. So it is frozen
    when most pictures equal the one before and none was new for a while. Pure.
    """

    def __init__(self, after_ms: int) -> None:
        self._after_ns = after_ms * NS_PER_MS
        self._seen: deque[int] = deque(maxlen=SEEN_PICTURES)
        self._newest: int | None = None
        self._newest_ns = 0
        self._equal_share = 0.0
        self.is_frozen = False
        """Whether the source stands still."""

    def look(self, image: Image, now_ns: int) -> bool:
        """Whether `is_frozen` changed with this picture, (H, W, 3) uint8."""
        if not self._after_ns:
            return False
        rows = image[:: max(1, -(-image.shape[0] // HASHED_ROWS))]
        picture = zlib.crc32(rows.tobytes())
        self._equal_share += ((picture == self._newest) - self._equal_share) / 16
        self._newest = picture
        is_new = picture not in self._seen
        if is_new:
            self._seen.append(picture)
            self._newest_ns = now_ns
        stood_long = now_ns - self._newest_ns >= self._after_ns
        stands = not is_new and (self.is_frozen or (stood_long and self._equal_share > MOSTLY_EQUAL))
        changed, self.is_frozen = stands != self.is_frozen, stands
        return changed


class SourceWatch:
    """Gathers the notices of one source: the ingest thread shows it what comes, any thread takes them."""

    def __init__(self, frozen_after_ms: int) -> None:
        """`frozen_after_ms`: 0 never tells of a frozen picture."""
        self._frozen = FrozenWatch(frozen_after_ms)
        self._lock = threading.Lock()
        self._waiting: deque[SourceNotice] = deque(maxlen=MAX_WAITING)
        self._size: tuple[int, int] | None = None
        self._last: tuple[float, int] | None = None
        self._damaged_since_ns: int | None = None
        self._num_damaged = 0

    def take(self) -> tuple[SourceNotice, ...]:
        """The notices since the last call, oldest first."""
        with self._lock:
            taken = tuple(self._waiting)
            self._waiting.clear()
        return taken

    def connected(self) -> None:
        """A playback begins: its times are not those of the one before."""
        self._last = None

    def skipped(self, count: int, now_ns: int) -> None:
        """Pictures were left out because of damage."""
        if self._damaged_since_ns is None:
            self._damaged_since_ns, self._num_damaged = now_ns, 0
            self._tell(EventKind.DAMAGED, over=False)
        self._num_damaged += count

    def picture(self, picture: Picture, now_ns: int) -> None:
        """A picture came."""
        if picture.damaged:
            self.skipped(1, now_ns)
        elif self._damaged_since_ns is not None:
            seconds = (now_ns - self._damaged_since_ns) / NS_PER_S
            self._damaged_since_ns = None
            self._tell(EventKind.DAMAGED, over=True, pictures=self._num_damaged, seconds=round(seconds, 3))
        self._watch_size(picture.image)
        self._watch_clock(picture, now_ns)
        if self._frozen.look(picture.image, now_ns):
            self._tell(EventKind.FROZEN if self._frozen.is_frozen else EventKind.UNFROZEN)

    def _watch_size(self, image: Image) -> None:
        size = (int(image.shape[1]), int(image.shape[0]))
        if self._size not in (None, size):
            self._tell(EventKind.SIZE_CHANGED, before=list(self._size or ()), now=list(size))
        self._size = size

    def _watch_clock(self, picture: Picture, now_ns: int) -> None:
        if picture.pts is None:
            return
        media_s = float(picture.pts * picture.time_base)
        if picture.stepped_back_s >= CLOCK_JUMP_S:
            self._tell(EventKind.CLOCK_JUMPED, seconds=round(-picture.stepped_back_s, 3))
        elif self._last is not None:
            last_media_s, last_ns = self._last
            ahead_s = media_s - last_media_s - (now_ns - last_ns) / NS_PER_S
            if ahead_s >= CLOCK_JUMP_S:
                self._tell(EventKind.CLOCK_JUMPED, seconds=round(ahead_s, 3))
        self._last = media_s, now_ns

    def _tell(self, kind: EventKind, **detail: object) -> None:
        with self._lock:
            self._waiting.append(SourceNotice(kind, detail))
