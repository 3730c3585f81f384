"""Which frames' memory is read for a frame: a pure decision, apart from where the memory is stored.

A plan sees what is stored of one object and what was found on each of those frames, and answers with the
frames to read. Another choice of frames is another plan: the storage, the step and the session stay.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streamtrack.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found of an object on one frame."""

    object_score: float
    """Probability that it is visible, 0 to 1."""
    iou_score: float
    """The network's estimate of the mask's IoU, 0 to 1."""
    box: tuple[float, float, float, float] | None
    """x0, y0, x1, y1 as shares of the frame, 0 to 1; None where the mask is empty."""
    anchor: bool = False
    """Whether it is one of the frames that are remembered for long."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What can be read of one object for one frame. Live views: read them, keep none."""

    frame_idx: int
    """The frame that the reading is for."""
    conditioning: Sequence[int]
    """Its conditioning frames, ascending; a stream's all lie before `frame_idx`, a film's need not."""
    features: Collection[int]
    """Followed frames whose memory features are stored; a conditioning frame may be among them."""
    pointers: Collection[int]
    """Followed frames whose object pointers are stored; a conditioning frame may be among them."""
    evidence: Mapping[int, Evidence]
    """By frame, for the frames that are stored."""
    anchors: Sequence[int] = ()
    """Of a film: followed frames that are remembered for long, oldest first; a stream's say so in their
    evidence."""
    origin: int = 0
    """The frame from which strides are counted: the first of the stream that the object was begun on."""


@dataclass(frozen=True, slots=True)
class FeatureRead:
    """Memory features to read."""

    frame_idx: int
    age: int | None
    """1 for the newest recent frame, up to the checkpoint's number of recent frames: which temporal encoding
    it gets. None: that of a conditioning frame."""


@dataclass(frozen=True, slots=True)
class PointerRead:
    """An object pointer to read."""

    frame_idx: int
    age: int
    """Frames between the pointer's frame and now, as the network is told."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one object reads on one frame."""

    features: tuple[FeatureRead, ...]
    pointers: tuple[PointerRead, ...]
    num_conditioning: int
    """How many of each are those of conditioning frames."""


@runtime_checkable
class MemoryPlan(Protocol):
    """Chooses what is read. Pure: the same stored frames give the same reading."""

    @property
    def feature_reach(self) -> int:
        """How many frames back memory features are read: so many are stored beyond the history."""

    @property
    def pointer_reach(self) -> int:
        """How many frames back object pointers are read."""

    @property
    def max_features(self) -> int:
        """Memory features in one reading at most, beside those of conditioning frames."""

    @property
    def max_pointers(self) -> int:
        """Object pointers in one reading at most, beside those of conditioning frames."""

    def plan(self, stored: Stored) -> Reading:
        """What to read; every frame named is stored."""

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        """Which of the stored frames makes room for a new one; they come in the order in which they were
        followed."""


@dataclass(frozen=True, slots=True)
class RecentMemory:
    """SAM 2's own plan: every past conditioning frame, the last few frames, and the last few pointers.

    A frame that is not stored (its numbers were not finite, or the picture was damaged) gives its place and
    age to the next older one, as if it had never come.
    """

    frames: int
    """Recent frames whose memory features are read."""
    pointers: int
    """Recent frames whose object pointers are read."""
    stride: int = 1
    """Of the recent frames all but the newest lie this many frames apart."""

    def __post_init__(self) -> None:
        if min(self.frames, self.pointers, self.stride) < 1:
            raise ConfigError(f"memory plan is {self}, expected numbers of at least 1")

    @property
    def feature_reach(self) -> int:
        return (self.frames - 1) * self.stride + 1

    @property
    def pointer_reach(self) -> int:
        return self.pointers

    @property
    def max_features(self) -> int:
        return self.frames

    @property
    def max_pointers(self) -> int:
        return self.pointers

    def plan(self, stored: Stored) -> Reading:
        now = stored.frame_idx
        past = [index for index in stored.conditioning if index < now]
        prompted = frozenset(past)
        features = recent_reads(self._recent(now, stored.origin), stored.features, prompted)
        pointers = recent_reads(range(now - 1, now - 1 - self.pointers, -1), stored.pointers, prompted)
        return Reading(
            features=(
                *(FeatureRead(index, None) for index in past),
                *(FeatureRead(index, place) for place, index in features),
            ),
            pointers=(
                *(PointerRead(index, now - index) for index in past),
                *(PointerRead(index, place) for place, index in reversed(pointers)),
            ),
            num_conditioning=len(past),
        )

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        return stored[0]

    def _recent(self, frame_idx: int, origin: int) -> list[int]:
        """The frames whose features are read, newest first: the last one, then those that lie whole strides
        behind the origin."""
        second = (frame_idx - 2 - origin) // self.stride * self.stride + origin
        return [frame_idx - 1, *(second - age * self.stride for age in range(self.frames - 1))]


def recent_reads(
    wanted: Iterable[int], stored: Iterable[int], prompted: AbstractSet[int]
) -> list[tuple[int, int]]:
    """Of frames wanted, newest first, those that are stored and not read as conditioning frames already.

    Returns:
        Pairs of the place in `wanted`, from 1, and the frame that is read for it: itself, or where it is not
        stored the next older one that no other place has.
    """
    there = sorted({*prompted, *stored})
    reads: list[tuple[int, int]] = []
    end = len(there)
    for place, index in enumerate(wanted, start=1):
        # The newest frame that is there, not newer than wanted, and not taken by the place before.
        end = bisect_right(there, index, hi=end) - 1
        if end < 0:
            break
        if there[end] not in prompted:
            reads.append((place, there[end]))
    return reads
