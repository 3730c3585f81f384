"""What a film's frame reads: conditioning frames of any time, and the frames followed just before it.

A stream knows its past only; of a film everything is there, and it can be followed in both directions.
Source: SAM 2, arXiv:2408.00714; `select_closest_cond_frames` and `_prepare_memory_conditioned_features` of
sam2.modeling.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streamtrack.engine.read_plan import (
    Evidence,
    FeatureRead,
    PointerRead,
    Reading,
    Stored,
    recent_reads,
)
from streamtrack.errors import ConfigError

UNLIMITED = -1
"""As sam2 writes that every conditioning frame is read."""
LOOK_BACK = 600
"""Frames among which those are looked for that fill gaps."""


@dataclass(frozen=True, slots=True)
class FilmMemory:
    """SAM 2's plan for films: a `MemoryPlan` of one direction.

    Of the frames around, those with the direction behind them are read: the frames before in a forward pass,
    the frames after in a backward pass. One that is not stored leaves its place empty.
    """

    frames: int
    """Recent frames whose memory features are read."""
    pointers: int
    """Recent frames whose object pointers are read."""
    reverse: bool = False
    """Whether the film is followed backward."""
    max_conditioning: int = UNLIMITED
    """Conditioning frames that are read, the nearest in time; at least 2, or -1 for all of them."""
    fills_gaps: bool = False
    """A frame that is not stored gives its place and age to the next one, as on a stream; SAM 2 leaves the
    place empty."""
    anchors: int = 0
    """Frames remembered for long that take the places of the oldest recent frames, see `AnchoredMemory`."""

    def __post_init__(self) -> None:
        if min(self.frames, self.pointers) < 1:
            raise ConfigError(f"memory plan is {self}, expected numbers of at least 1")
        require_both_sides(self.max_conditioning)

    @property
    def feature_reach(self) -> int:
        return self.frames

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
        selected = nearest_conditioning(now, stored.conditioning, self.max_conditioning)
        # A conditioning frame that was not selected counts as any other followed frame.
        others = frozenset(stored.conditioning).difference(selected)
        passed = [index for index in selected if (index >= now if self.reverse else index <= now)]
        known = [
            index
            for index in stored.anchors
            if index not in stored.conditioning and (index > now if self.reverse else index < now)
        ]
        anchors = known[-self.anchors :] if self.anchors else []
        recent_features = [
            FeatureRead(index, age)
            for age, index in self._recent(
                now, self.frames - len(anchors), stored.features, others, {*selected, *anchors}
            )
        ]
        recent_pointers = [
            PointerRead(index, age)
            for age, index in self._recent(now, self.pointers, stored.pointers, others, selected)
        ]
        return Reading(
            features=(*(FeatureRead(index, None) for index in (*selected, *anchors)), *recent_features),
            pointers=(*(PointerRead(index, abs(now - index)) for index in passed), *recent_pointers),
            num_conditioning=len(selected),
        )

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        return stored[0]

    def _recent(
        self,
        now: int,
        number: int,
        stored: Collection[int],
        others: frozenset[int],
        selected: Collection[int],
    ) -> list[tuple[int, int]]:
        """Age and index of the frames that were followed just before and are read, the newest first."""
        step = 1 if self.reverse else -1
        wanted = range(now + step, now + step * (number + 1), step)
        if not self.fills_gaps:
            return [
                (age, index)
                for age, index in enumerate(wanted, start=1)
                if index not in selected and (index in stored or index in others)
            ]
        # Counted backward in time, whichever way the pass goes.
        near = [index for index in range(now + step, now + step * (LOOK_BACK + 1), step) if index in stored]
        reads = recent_reads(
            (-step * index for index in wanted),
            (-step * index for index in (*near, *others)),
            frozenset(-step * index for index in selected),
        )
        return [(age, -step * index) for age, index in reads]


def require_both_sides(max_conditioning: int) -> None:
    """Refuse a number of conditioning frames that leaves no room for one before and one after a frame.

    Raises:
        ConfigError: it does.
    """
    if max_conditioning != UNLIMITED and max_conditioning < 2:
        raise ConfigError(
            f"max_cond_frames_in_attn is {max_conditioning}, expected at least 2, or -1 for all"
        )


def nearest_conditioning(frame_idx: int, conditioning: Sequence[int], limit: int) -> tuple[int, ...]:
    """The conditioning frames nearest in time, ascending.

    The last one before the frame and the first one from it on are always among them.

    Args:
        limit: how many at most; -1: all.
    """
    if limit == UNLIMITED or len(conditioning) <= limit:
        return tuple(sorted(conditioning))
    before = max((index for index in conditioning if index < frame_idx), default=None)
    after = min((index for index in conditioning if index >= frame_idx), default=None)
    chosen = [index for index in (before, after) if index is not None]
    others = sorted(
        (index for index in conditioning if index not in chosen), key=lambda index: abs(index - frame_idx)
    )
    return tuple(sorted([*chosen, *others[: limit - len(chosen)]]))
