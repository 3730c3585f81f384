"""Recent memory, and beside it a few frames that are remembered for long: anchors.

Source: DAM4SAM, arXiv:2411.17576, section 3.1: memory is split in two, one for how the object looks lately
and one that tells it from look-alikes, whose frames are read without an age, as prompted ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from streamtrack.engine.read_plan import Evidence, FeatureRead, Reading, RecentMemory, Stored
from streamtrack.errors import ConfigError

ANCHORS = 3
"""Of each object; half of what is read beside the prompts, as DAM4SAM has it."""


@dataclass(frozen=True, slots=True)
class AnchoredMemory(RecentMemory):
    """`RecentMemory` in which the newest anchors take the places of the oldest recent frames.

    A frame is an anchor where its `Evidence` says so. As many are read in all as without, so a step costs
    the same.
    """

    anchors: int = ANCHORS
    """Anchors that are read at most; one recent frame always is."""
    history: int = 32
    """Tracked frames that can still be prompted: for them all is kept that they read."""

    def __post_init__(self) -> None:
        # dataclasses with slots are made anew, so `super()` without arguments has no class to look at.
        RecentMemory.__post_init__(self)
        if self.anchors < 0 or self.history < 1:
            raise ConfigError(f"memory plan is {self}, expected anchors from 0 and a history from 1")

    @property
    def feature_reach(self) -> int:
        return (self.frames - 1) * self.stride + 1 + self.anchors

    @property
    def pointer_reach(self) -> int:
        return self.pointers + self.anchors

    def plan(self, stored: Stored) -> Reading:
        anchors = newest_anchors(stored, min(self.anchors, self.frames - 1))
        if not anchors:
            return RecentMemory.plan(self, stored)
        recent = tuple(index for index in stored.features if index not in anchors)
        reading = RecentMemory.plan(replace(self, frames=self.frames - len(anchors)), _only(stored, recent))
        prompted = reading.num_conditioning
        return Reading(
            features=(
                *reading.features[:prompted],
                *(FeatureRead(index, None) for index in anchors),
                *reading.features[prompted:],
            ),
            pointers=reading.pointers,
            num_conditioning=prompted,
        )

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        # Those that a prompt on any kept frame may want stay: of the older ones the newest anchors, and as
        # many others as are read.
        older = stored[: max(1, len(stored) - self.history)]
        anchors = [index for index in older if is_anchor(evidence, index)]
        if len(anchors) > self.anchors or len(anchors) == len(older):
            return anchors[0]
        return next(index for index in older if index not in anchors)


def newest_anchors(stored: Stored, most: int) -> tuple[int, ...]:
    """The anchors that are read for a frame, in the order in which they were followed."""
    conditioning = frozenset(stored.conditioning)
    anchors = [
        index
        for index in stored.features
        if index not in conditioning and index != stored.frame_idx and is_anchor(stored.evidence, index)
    ]
    return tuple(anchors[-most:]) if most else ()


def is_anchor(evidence: Mapping[int, Evidence], frame_idx: int) -> bool:
    """Whether a frame is one of those that are remembered for long."""
    found = evidence.get(frame_idx)
    return found is not None and found.anchor


def _only(stored: Stored, features: Sequence[int]) -> Stored:
    return replace(stored, features=features)
