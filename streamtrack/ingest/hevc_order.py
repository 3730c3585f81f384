"""Whether the pictures that one of HEVC is predicted from have come. Pure.

Source: ITU-T H.265, 8.3.1 and 8.3.2.
"""

from __future__ import annotations

from collections import deque

from streamtrack.ingest.hevc import Sequence
from streamtrack.ingest.hevc_slice import IDR, SliceHead

LAST_BROKEN_LINK = 18
"""Types from 16 to this begin anew, as an IDR does, and have a number all the same."""
FIRST_WHOLE, CLEAN_ACCESS = 16, 21
LEADING = range(6, 10)
"""Types of pictures that are shown before the whole one that they follow; no number is counted from them."""
SKIPPED_LEADING = (8, 9)
"""Those of them that may be predicted from pictures before the whole one: nobody who begins there can show
them, and nothing else is predicted from them."""
MAX_KEPT = 64


class PictureOrder:
    """Follows one stream in the order of decoding."""

    def __init__(self) -> None:
        self._seen: deque[int] = deque(maxlen=MAX_KEPT)
        self._last = 0
        self._has_begun = False

    def follow(self, head: SliceHead, sps: Sequence) -> bool:
        """A picture comes; True where one or more that it is predicted from did not."""
        is_first = not self._has_begun
        begins = head.kind in IDR or FIRST_WHOLE <= head.kind <= LAST_BROKEN_LINK
        if begins or (is_first and head.kind == CLEAN_ACCESS):
            self._seen.clear()
            self._last = 0
            place = head.order
        else:
            place = self._placed(head.order, 1 << sps.order_bits)
        self._has_begun = True
        is_missing = any(place + away not in self._seen for away, is_used in head.references if is_used)
        self._seen.append(place)
        if head.layer == 0 and head.kind not in LEADING and (head.kind % 2 or head.kind >= FIRST_WHOLE):
            self._last = place
        return is_missing

    def _placed(self, order: int, wrap: int) -> int:
        """The whole number of a picture of which the lower bits are told."""
        base = self._last - self._last % wrap
        if order - self._last % wrap >= wrap // 2:
            return base - wrap + order
        return base + order + wrap * (self._last % wrap - order >= wrap // 2)
