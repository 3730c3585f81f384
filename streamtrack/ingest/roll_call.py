"""Which coded pictures came out of the decoder, and which it swallowed without a word. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from streamtrack.ingest.damage import MAX_KEPT
from streamtrack.ingest.picture_times import DISORDER_S

PROOF = 8
"""Pictures in order after which the times are believed to be their own; some containers hold others."""
MAX_LATE, MAX_LATE_SHARE = 16, 1 / 8
"""More late pictures than these, in number and in share: the times are not those of the pictures."""


@dataclass(frozen=True, slots=True)
class CodedPlace:
    """Where a coded picture belongs."""

    number: int
    """In the order of decoding."""
    pts: int | None
    dts: int | None


class RollCall:
    """Expects each coded picture once, in the order of the times at which they are shown.

    A decoder gives pictures in that order. One that is passed over by a later one was swallowed, or, where
    damage upset the order, comes too late.
    """

    def __init__(self) -> None:
        self._expected: dict[int, CodedPlace] = {}
        self._passed_over: deque[int] = deque(maxlen=MAX_KEPT)
        self._num_in_order = 0
        self._num_shown = self._num_late = 0

    def coded(self, number: int, pts: int | None, dts: int | None) -> None:
        """A picture went into the decoder that has to come out."""
        if pts is None:
            return
        self._expected[pts] = CodedPlace(number, pts, dts)
        if len(self._expected) > MAX_KEPT:
            del self._expected[next(iter(self._expected))]

    def left(self, pts: int | None) -> None:
        """This one is not expected any more: the decoder refused it."""
        if pts is not None:
            self._expected.pop(pts, None)

    def shown(self, pts: int | None, time_base: Fraction) -> list[CodedPlace]:
        """A picture came out; returns those that were passed over, in order.

        At the beginning nothing is: decoding may begin before it can show anything, and times may be wrong.
        Times that are further away belong to a clock that was set.
        """
        self._num_shown += 1
        if pts is None or self._is_misled():
            return []
        self.left(pts)
        near = int(DISORDER_S / time_base)
        passed = sorted(place for place in self._expected if place < pts)
        places = [self._expected.pop(place) for place in passed if pts - place <= near]
        if not places:
            self._num_in_order += 1
        elif self._num_in_order < PROOF:
            self._num_in_order = 0
            return []
        self._passed_over.extend(place.pts for place in places if place.pts is not None)
        return places

    def is_late(self, pts: int | None) -> bool:
        """Whether a picture was passed over before it came out."""
        is_late = pts in self._passed_over and not self._is_misled()
        self._num_late += is_late
        return is_late

    def absent(self) -> list[CodedPlace]:
        """At the end: those that never came, in order."""
        is_known = self._num_in_order >= PROOF and not self._is_misled()
        absent = [self._expected[pts] for pts in sorted(self._expected)] if is_known else []
        self._expected.clear()
        return absent

    def _is_misled(self) -> bool:
        return self._num_late > max(MAX_LATE, MAX_LATE_SHARE * self._num_shown)
