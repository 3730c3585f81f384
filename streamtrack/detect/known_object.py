"""What is known of an object beside its mask: where it was well, and what was tried since."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection
from streamtrack.detect.entry import Entry, is_cut
from streamtrack.detect.last_well import LastWell, size_ratio

SIZES = (0.5, 2.0)
"""Share of an object's area of before that a find of it has at least and at most."""
NEAR = 0.5
"""Lengths of its longer side from where it is expected within which a find is beyond doubt."""
MOST_DOUBLINGS = 3
CHECK_EVERY_S = 1.2
"""From one look at who somebody is to the next while others are near: each find costs an encoder pass."""
MOST_CHECKS = 3
"""Looks at somebody who is alone again, and is neither surely themselves nor surely another one, until they
are themselves."""


@dataclass(slots=True)
class KnownObject:
    """What is known of an object beside its mask."""

    well: LastWell
    began_ns: int = 0
    """When it was started, or taken up."""
    hidden_since_ns: int | None = None
    unmet: int = 0
    """Looks in a row in which no find agreed with the mask."""
    candidate: tuple[Box, int] | None = None
    """A find that may be it, and in how many looks in a row."""
    mended_ns: int | None = None
    on_trial: bool = False
    """It was mended, and no find has agreed with it since."""
    failed: int = 0
    was_lost: bool = False
    """It was lost, and no find has agreed with it since that looks like it."""
    unlike: int = 0
    """Looks in a row in which it was back and looked like something else."""
    by_hand: bool = False
    """Somebody corrected it, and no find has agreed with it since."""
    kept_ns: int | None = None
    """When its looks were last kept."""
    entry: Entry | None = None
    """Until it is in, where it was started while it came in over the border."""
    sure: LastWell | None = None
    """How it was before it came near others, until its looks have said that it is still itself."""
    near: bool = False
    """Others are near it."""
    checks: int = 0
    """Times since then that its looks did not say who it is,"""
    checked_ns: int | None = None
    """and when they were last looked at."""

    @property
    def trusted(self) -> LastWell:
        """How it was when it was surely itself."""
        return self.sure or self.well

    def meets(self, now_ns: int, *, near: bool) -> None:
        """Whether others are near it now."""
        if near and self.sure is None:
            self.sure, self.checks, self.checked_ns = replace(self.well), 0, now_ns
        self.near = near

    def wants_check(self, now_ns: int) -> bool:
        """Whether its looks have to say who it is."""
        if self.sure is None:
            return False
        rested = self.checked_ns is None or now_ns - self.checked_ns >= CHECK_EVERY_S * NS_PER_S
        return rested or not self.near

    def is_itself(self, now_ns: int) -> None:
        """Its looks say so."""
        self.sure = replace(self.well) if self.near else None
        self.checks, self.checked_ns = 0, now_ns

    def may_be_itself(self, now_ns: int) -> None:
        """Its looks do not say, and nobody else is rather it."""
        self.checks, self.checked_ns = self.checks + 1, now_ns
        if not self.near and self.checks >= MOST_CHECKS:
            self.sure = None

    def is_another(self) -> None:
        """What finds said since it came near others was of somebody else."""
        if self.sure is not None:
            self.well = replace(self.sure)

    def rests(self, cooldown_ms: int, now_ns: int) -> bool:
        """Whether it was mended so lately that it is left alone."""
        rest_ns = NS_PER_MS * cooldown_ms << min(self.failed, MOST_DOUBLINGS)
        return self.mended_ns is not None and now_ns - self.mended_ns < rest_ns

    def far(self, find: Detection, now_ns: int, reach: float, longest_s: float | None = None) -> float:
        """How far a find is from where the object is expected; 1 is as far as it reaches, which grows for so
        long (None: for ever)."""
        return self.well.far(find, now_ns, reach, longest_s)

    def off(self, find: Detection, now_ns: int) -> float:
        """The same in lengths of its longer side."""
        return self.well.off(find, now_ns)

    def may_be_found(self, find: Detection, now_ns: int, gone_after_ms: int) -> bool:
        """Whether it, hidden, may be a find by now: at once where it is expected, elsewhere later."""
        hidden_ns = now_ns - (self.hidden_since_ns or now_ns)
        return hidden_ns >= gone_after_ms * NS_PER_MS or self.off(find, now_ns) <= NEAR

    def fits(self, find: Detection) -> bool:
        """Whether a find is of its class, and of a size that it may have by now."""
        ratio = size_ratio(self.well.box, find.box)
        same = find.class_name == self.well.class_name
        return same and not math.isnan(ratio) and SIZES[0] <= ratio <= SIZES[1]

    def agree(self, find: Detection, frame_idx: int, now_ns: int) -> None:
        """A find agrees with it."""
        self.well.note(find, frame_idx, now_ns)
        self.hidden_since_ns, self.unmet, self.candidate = None, 0, None
        self.was_lost, self.unlike = False, 0
        self.on_trial, self.failed, self.by_hand = False, 0, False

    def enters(self, frame_size: tuple[int, int]) -> bool:
        """Whether it was coming in when it was last found. `frame_size`: H, W of the picture in pixels."""
        return self.entry is not None and not self.by_hand and is_cut(self.well.box, frame_size)

    def enter(self, find: Detection, frame_size: tuple[int, int]) -> None:
        """It was found again; call before `agree`."""
        self.entry = self.entry and self.entry.later(self.well.box, find.box, frame_size)

    def move(self, find: Detection, frame_idx: int, now_ns: int) -> None:
        """It goes on from a find."""
        self.failed = self.failed + 1 if self.on_trial else 0
        self.mended_ns, self.on_trial, self.candidate = now_ns, True, None
        self.well.move_to(find, frame_idx, now_ns)
        self.hidden_since_ns, self.unmet, self.was_lost, self.unlike = None, 0, False, 0
        self.sure = None
