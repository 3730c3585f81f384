"""Where a pass looks for an object next, and whether its masks are believed: one object, one pass."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.engine.view import View
from streamtrack.model.interface import Size
from streamtrack.tracking.film_seen import Seen
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.mask_growth import MaskGrowth
from streamtrack.tracking.window_policy import ObjectWindow, extent_of


@dataclass(slots=True)
class FilmWatch:
    """Follows what a pass sees of an object. It knows nothing of other objects, so that each is found as if
    it were the only one: their windows are not shared."""

    window: ObjectWindow | None
    growth: MaskGrowth | None
    reverse: bool

    @classmethod
    def new(cls, looking: Looking, *, reverse: bool) -> FilmWatch:
        """One of a pass that begins."""
        return cls(looking.new_window(), looking.new_growth(), reverse)

    def view(self, position: int, frame_size: Size) -> View | None:
        """Through which window to look on the pass's next frame; None: the whole frame."""
        return None if self.window is None else self.window.view(self._key(position), frame_size)

    def believes(self, position: int, seen: Seen, *, prompted: bool) -> bool:
        """Whether a mask is not too large to be the object's; one that was prompted never is."""
        if self.growth is None or not seen.finite:
            return True
        area_px = int(seen.crop.sum())
        if prompted:
            self.growth.believe(self._key(position), seen.crop, area_px)
            return True
        return not self.growth.explodes(self._key(position), seen.crop, area_px)

    def note(self, position: int, seen: Seen) -> None:
        """A frame was seen."""
        if self.window is None:
            return
        if not (seen.finite and seen.believed and seen.whole):
            self.window.hold(self._key(position), seen.frame_size)
            return
        extent = extent_of(seen.crop, seen.box) if is_visible(seen) else None
        self.window.note(self._key(position), extent, seen.frame_size)

    def _key(self, position: int) -> int:
        """Frames as windows number them, which rises along the pass."""
        return -position if self.reverse else position


def is_visible(seen: Seen) -> bool:
    """Whether an object is to be seen on a frame."""
    return seen.crop.size > 0 and seen.object_score > 0.5
