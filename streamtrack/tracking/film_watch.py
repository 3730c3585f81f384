"""Where a pass looks for an object next, and whether its masks are believed: one object, one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamtrack.engine.film_follower import ExpectedShare
from streamtrack.engine.found import Found
from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.model.interface import Size
from streamtrack.tracking.colours import colours_of
from streamtrack.tracking.film_seen import Seen
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.mask_growth import MaskGrowth
from streamtrack.tracking.memory_rules import ALL_WELL, CUT, Circumstances, MemoryRules, Sight, Verdict
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.one_body import Logits, OneBody
from streamtrack.tracking.window_policy import ObjectWindow, extent_of

NOTHING_EXPECTED: ExpectedShare = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class FilmWatch:
    """Follows what a pass sees of an object. It knows nothing of other objects, so that each is found as if
    it were the only one: their windows are not shared."""

    window: ObjectWindow | None
    growth: MaskGrowth | None
    body: OneBody | None
    reverse: bool
    memory: MemoryWatch | None = None
    frame_size: Size | None = None
    """Of the frame that was seen last."""

    @classmethod
    def new(cls, looking: Looking, memory: MemoryRules | None, *, reverse: bool) -> FilmWatch:
        """One of a pass that begins; `memory`: None remembers every frame."""
        watch = None if memory is None else MemoryWatch(memory, history=1)
        return cls(looking.new_window(), looking.new_growth(), looking.new_body(), reverse, watch)

    def view(self, position: int, frame_size: Size) -> View | None:
        """Through which window to look on the pass's next frame; None: the whole frame."""
        return None if self.window is None else self.window.view(self.key(position), frame_size)

    def keep_body(self, position: int, found: Found, frame_size: Size) -> Logits | None:
        """The mask of a followed frame without other bodies; None where nothing has to go."""
        if self.body is None or found.object_score <= 0.5:
            return None
        view = found.view or View.whole(frame_size)
        return self.body.keep(self.key(position), found.low_res_mask_logits, view, frame_size)

    def note_body(self, position: int, seen: Seen, *, prompted: bool) -> bool:
        """Tell what keeps masks on one body how the object looks; False where a mask is rather of more."""
        if self.body is None or not (seen.finite and seen.believed and is_visible(seen)):
            return True
        return self.body.note(self.key(position), seen.crop, seen.box, seen.frame_size, prompted=prompted)

    def believes(self, position: int, seen: Seen, *, prompted: bool) -> bool:
        """Whether a mask is not too large to be the object's; one that was prompted never is."""
        if self.growth is None or not seen.finite:
            return True
        if self.frame_size not in (None, seen.frame_size):
            self.growth.note_cut(self.key(position))  # its areas are other ones
        self.frame_size = seen.frame_size
        area_px = int(seen.crop.sum())
        if prompted:
            self.growth.believe(self.key(position), seen.crop, area_px)
            return True
        return not self.growth.explodes(self.key(position), seen.crop, area_px)

    def look_out(self, position: int, frame_size: Size) -> tuple[View | None, ExpectedShare | None]:
        """Through which window to look on the pass's next frame, and where in it the object is expected; None
        where nobody asks."""
        view = self.view(position, frame_size)
        if self.memory is None:
            return view, None
        expected = self.memory.expected(self.key(position), frame_size)
        if expected is None:
            return view, NOTHING_EXPECTED
        return view, expected.seen_through(view, frame_size)

    def place(self, position: int, frame_size: Size) -> Box | None:
        """The box in which to find it on the pass's next frame, where that can be told at all."""
        return None if self.memory is None else self.memory.place(self.key(position), frame_size)

    def note_cut(self, position: int) -> None:
        """With the pass's next frame another scene begins."""
        for part in (self.window, self.growth, self.memory, self.body):
            if part is not None:
                part.note_cut(self.key(position))

    def take(
        self, position: int, seen: Seen, sight: Circumstances, image: Image | None = None
    ) -> tuple[Seen, Verdict]:
        """Judge what a pass saw on a frame, and look for the object there next; what was seen comes back with
        what is made of it.

        Args:
            image: (H, W, 3) RGB; None: nobody knows the colours any more.
        """
        if not self.believes(position, seen, prompted=sight.prompted):
            seen = replace(seen, believed=False)
        # Whose outline it is has to be known first.
        waits = not sight.prompted and self.memory is not None and self.memory.waits(self.key(position))
        own = waits or self.note_body(position, seen, prompted=sight.prompted)
        verdict = self.judge(position, seen, replace(sight, fit=seen.believed and seen.whole), image)
        if waits and verdict.confirmed:
            own = self.note_body(position, seen, prompted=False)
        # Hidden frames would crowd out those by which it is known again when it comes back.
        hidden = self.window is not None and not is_visible(seen)
        if sight.prompted or hidden or not own or not seen.believed:
            verdict = replace(verdict, remember=sight.prompted)
        self.note(position, seen, same=verdict.same)
        return replace(seen, confirmed=verdict.confirmed), verdict

    def judge(
        self, position: int, seen: Seen, circumstances: Circumstances, image: Image | None = None
    ) -> Verdict:
        """What is made of a frame that was seen."""
        if self.memory is None:
            return CUT if circumstances.cut else ALL_WELL
        if not seen.finite:
            return ALL_WELL  # nothing was found: it is told as unseen
        shows = is_visible(seen)
        x0, y0, x1, y1 = seen.box
        box = None if self.body is None else self.body.box(self.key(position))
        asked = circumstances.prompted or self.memory.wants_look(self.key(position))
        sight = Sight(
            seen.object_score,
            seen.iou_score,
            seen.rival,
            _look(seen, image) if shows and asked else None,
            (box or (float(x0), float(y0), float(x1), float(y1))) if shows else None,
            int(seen.crop.sum()) if shows else 0,
            seen.frame_size,
            circumstances.fit,
            circumstances.contested,
            circumstances.stranger,
        )
        return self.memory.judge(self.key(position), sight, prompted=circumstances.prompted)

    def note(self, position: int, seen: Seen, *, same: bool = True) -> None:
        """A frame was seen; an object that is not the `same` is not looked after."""
        if self.window is None:
            return
        if not (seen.finite and seen.believed and seen.whole):
            self.window.hold(self.key(position), seen.frame_size)
            return
        extent = extent_of(seen.crop, seen.box) if same and is_visible(seen) else None
        self.window.note(self.key(position), extent, seen.frame_size)

    def key(self, position: int) -> int:
        """Frames as windows number them, which rises along the pass."""
        return -position if self.reverse else position


def is_visible(seen: Seen) -> bool:
    """Whether an object is to be seen on a frame."""
    return seen.crop.size > 0 and seen.object_score > 0.5


def _look(seen: Seen, image: Image | None) -> KnownLook | None:
    if seen.appearance is None:
        return None
    return KnownLook(seen.appearance, None if image is None else colours_of(image, seen.crop, seen.box))
