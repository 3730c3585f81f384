"""Which decoded pictures are sound, from what is known of the coded ones. Pure.

Pictures are numbered in the order of their decoding and come out in the order in which they are shown.
Damage of a picture that others are predicted from lasts until a keyframe after it was shown, or until a
recovery point has had its pictures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from streamtrack.clock import NS_PER_S

T = TypeVar("T")

HEALED_WITHOUT_KEYFRAME_NS = 30 * NS_PER_S
"""A stream that sends no keyframes renews its picture bit by bit; by then it has."""
MAX_KEPT = 512
"""Facts kept of coded pictures; more wait for nothing."""
MAX_REORDER = 17
"""Pictures that may be shown before one that was decoded earlier: 16 in H.264, and the one itself."""


@dataclass(frozen=True, slots=True)
class _Keyframe:
    number: int
    recovery_frames: int
    """Pictures until the damage before it has gone; 0 where it is whole by itself."""


class DamageRecord:
    """Remembers damage and says of each shown picture whether it may carry any."""

    def __init__(self) -> None:
        self._lasting: list[float] = []
        self._single: deque[int] = deque(maxlen=MAX_KEPT)
        self._disposable: deque[int] = deque(maxlen=MAX_KEPT)
        self._keyframes: deque[_Keyframe] = deque(maxlen=MAX_KEPT)
        self._newest_damage_ns = 0

    def coded(self, number: int, *, keyframe: bool, reference: bool, recovery_frames: int = 0) -> None:
        """A coded picture goes into the decoder.

        Args:
            reference: others are predicted from it.
            recovery_frames: of a keyframe that heals bit by bit, pictures until it has.
        """
        if keyframe:
            self._keyframes.append(_Keyframe(number, recovery_frames))
        if not reference:
            self._disposable.append(number)

    def damaged(self, number: int, now_ns: int) -> None:
        """The coded picture with this number is damaged."""
        self._single.append(number)
        if number not in self._disposable:
            self._last(number, now_ns)

    def lost_before(self, number: int, now_ns: int) -> None:
        """A picture that others are predicted from is missing before the one with this number."""
        self._last(number - 0.5, now_ns)

    def is_sound(self, number: int, now_ns: int) -> bool:
        """Whether the picture with this number, shown now, is free of damage."""
        self._heal(number, now_ns)
        return number not in self._single and all(damage > number for damage in self._lasting)

    def is_hit(self, number: int) -> bool:
        """Whether the picture with this number was itself damaged, rather than one before it."""
        return number in self._single

    def _last(self, place: float, now_ns: int) -> None:
        self._newest_damage_ns = now_ns
        if place not in self._lasting:
            self._lasting.append(place)
            del self._lasting[:-MAX_KEPT]

    def _heal(self, number: int, now_ns: int) -> None:
        """Forget the damage that a keyframe up to this picture has undone."""
        if not self._lasting:
            return
        if now_ns - self._newest_damage_ns > HEALED_WITHOUT_KEYFRAME_NS:
            self._lasting.clear()
        for keyframe in self._keyframes:
            healed = keyframe.number + keyframe.recovery_frames
            # Pictures that are shown before the keyframe they follow may be predicted from older ones.
            if number == healed or (keyframe.recovery_frames and number > healed):
                self._lasting = [damage for damage in self._lasting if damage >= keyframe.number]


class PictureNumbers:
    """Finds the number of a frame that comes out: its time is that of the packet it was decoded from.

    FFmpeg's own way, `opaque`, names a later packet for some of H.264's pictures; it is used where there are
    no times.
    """

    def __init__(self) -> None:
        self._by_pts: dict[int, int] = {}

    def remember(self, packet: Any, number: int) -> None:
        """A packet goes into the decoder."""
        packet.opaque = number
        if packet.pts is not None:
            self._by_pts[packet.pts] = number
            if len(self._by_pts) > MAX_KEPT:
                del self._by_pts[next(iter(self._by_pts))]

    def of(self, frame: Any, fallback: int) -> int:
        """The number of a frame; `fallback` where nothing is known."""
        number = self._by_pts.get(frame.pts) if frame.pts is not None else frame.opaque
        return fallback if number is None else int(number)


class VerdictQueue(Generic[T]):
    """Holds shown pictures back until all that were decoded before them are judged, in order.

    Without reordering nothing is held: the pictures before have come out before. With it, a picture that is
    shown before its reference waits for the reference to come out.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._held: deque[tuple[int, T]] = deque()

    def coded(self, number: int) -> None:
        """A picture that others are predicted from went into the decoder."""
        self._open.add(number)
        if len(self._open) > MAX_KEPT:
            self._open.discard(min(self._open))

    def judged(self, number: int) -> None:
        """All that can be known of a coded picture is known: it came out, or never will."""
        self._open.discard(number)

    def shown(self, number: int, picture: T) -> None:
        """A picture came out of the decoder."""
        self.judged(number)
        self._held.append((number, picture))

    def release(self, *, everything: bool = False) -> list[tuple[int, T]]:
        """The pictures that need not wait any longer, in order."""
        released = []
        while self._held:
            number, picture = self._held[0]
            is_judged = not any(coded < number for coded in self._open)
            if not (everything or is_judged or len(self._held) > MAX_REORDER):
                break
            self._held.popleft()
            released.append((number, picture))
        return released
