"""What comes in over the picture's border is started by the part that shows, and is all that its finds grow
to until it is in. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from streamtrack.detect.boxes import Box, share_in
from streamtrack.detect.detector import Detection
from streamtrack.detect.last_well import LastWell, area_of, size_ratio

BORDER = 0.02
"""Of the picture's longer side: so near its border a box is cut by it."""
GROWN = 1.3
"""Times the area of its mask's box from which on a find shows more of what comes in."""
HELD = 0.7
"""Share of its mask's box that lies in such a find."""
FASTEST = 3.0
"""Times the area of its last find that the next one has at most."""
STILL, SETTLED = 1.05, 3
"""Growth from look to look below which, so many times in a row, it is in as far as it comes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How far something has come in."""

    since_frame: int
    """On which it was started."""
    still: int = 0
    """Looks in a row in which it did not grow."""

    def later(self, before: Box, now: Box, frame_size: tuple[int, int]) -> Entry | None:
        """After another look that found it; None once it is in.

        Args:
            frame_size: H, W of the picture in pixels.
        """
        still = self.still + 1 if size_ratio(before, now) < STILL else 0
        return Entry(self.since_frame, still) if is_cut(now, frame_size) and still < SETTLED else None


def is_cut(box: Box, frame_size: tuple[int, int]) -> bool:
    """Whether the picture's border may cut what a box shows."""
    height, width = frame_size
    near = BORDER * max(height, width)
    return min(box[0], box[1], width - box[2], height - box[3]) <= near


def find_of_all(mask: Box, well: LastWell, found: Sequence[Detection], others: Collection[Box]) -> int | None:
    """The place of the find that shows more than its mask of what is coming in; None where none does.

    Args:
        mask: the box of its mask.
        well: where a find was last it.
        others: boxes of all other masks; a find in which one lies is no single thing.
    """
    for place, find in enumerate(found):
        follows = share_in(well.box, find.box) > 0 and size_ratio(well.box, find.box) <= FASTEST
        more = share_in(mask, find.box) >= HELD and area_of(find.box) > GROWN * area_of(mask)
        alone = not any(share_in(other, find.box) >= HELD for other in others)
        if find.class_name == well.class_name and follows and more and alone:
            return place
    return None
