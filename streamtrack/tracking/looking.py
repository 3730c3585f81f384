"""Where a session looks for its objects: in the whole picture, or each in a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.engine.follower import Slot as StreamSlot
from streamtrack.engine.found import Found, Look
from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, CheckedPrompt
from streamtrack.engine.view import View, hide_outside
from streamtrack.frame import BoolMask
from streamtrack.model.interface import Geometry, Size
from streamtrack.tracking.agreed_look import agreed_look
from streamtrack.tracking.looker import Looker, Viewed
from streamtrack.tracking.mask_growth import MaskGrowth
from streamtrack.tracking.one_body import OneBody
from streamtrack.tracking.postprocess import crop_mask, picture_mask
from streamtrack.tracking.search import found_extent, search_picture, windows_over, worth_of
from streamtrack.tracking.shared_windows import share
from streamtrack.tracking.window_policy import Extent, ObjectWindow, WindowRules, centre_of, extent_of

ZOOMS = {0.5: 0.8, 0.25: 0.65, 0.125: 0.5}
"""Heights of the windows round a click, of that which holds the picture, that are tried where nothing is
known of the object's size, and what is found in each is worth beside the whole picture."""
CLOSER = 0.8
"""Of what was found best, what the click finds in the window that fits must be worth to be taken instead."""
SAME_SHARE = 0.5
"""Share of its mask that what is found at a click beside an object's window must cover to be the same object:
then the click mends it, else it is on another one."""
OVER_BOX = 2.0
"""Times the area of its box that a mask may have."""
BESIDE_BOX = 0.1
"""Share of a box's sides that a mask may reach beside it where it is cut."""
AUTO_FACTOR = 2.0
LEAST_SHARE = 0.375
"""Height of the smallest window over that of the network's input: more than 2.7 of the network's pixels for
one of the picture show nothing more."""


Slot = TypeVar("Slot", bound=Viewed)

FoundNow = Callable[[], Found]
"""What is known of an object on a frame, for who needs it: it waits for the device."""


class Looking(Protocol):
    """Chooses windows, and looks through them. Frames are numbered by key, sizes are H, W in pixels."""

    windows: bool
    """Whether anything but whole pictures is looked at."""

    def new_window(self) -> ObjectWindow | None:
        """What a new object's windows are chosen by."""

    def new_growth(self) -> MaskGrowth | None:
        """What tells whether a new object's masks explode; None where all are believed."""

    def new_body(self) -> OneBody | None:
        """What keeps a new object's masks on one body; None where they may be anywhere."""

    def views(
        self, windows: Iterable[ObjectWindow | None], key: int, frame_size: Size
    ) -> Sequence[View | None]:
        """Through which windows objects are looked for on a frame."""

    def search(self, follower: Follower, slot: StreamSlot, key: int, frame_size: Size) -> Extent | None:
        """Where an object that is remembered, and may be anywhere, is on a kept frame; None: it is looked for
        in the whole picture, as nothing better is known."""

    def everywhere(self, frame_size: Size) -> Sequence[View | None]:
        """Windows through which all of a picture is seen, at every scale."""

    def first_look(self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt) -> Look | None:
        """What a new object's prompt finds on a frame; None where the numbers are not finite."""

    def correction(
        self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, found: FoundNow
    ) -> Look | None:
        """What a prompt makes of an object on a frame that has a mask of it; None where the numbers are not
        finite."""


class WholePicture:
    """Every object in the picture as a whole.

    Args:
        growth: makes what tells exploding masks.
    """

    windows = False

    def __init__(self, new_growth: Callable[[], MaskGrowth | None] = lambda: None) -> None:
        self.new_growth = new_growth

    def new_window(self) -> None:
        return None

    def new_body(self) -> None:
        return None

    def views(
        self, windows: Iterable[ObjectWindow | None], key: int, frame_size: Size
    ) -> Sequence[View | None]:
        return [None for _ in windows]

    def search(self, follower: Follower, slot: StreamSlot, key: int, frame_size: Size) -> None:
        return None

    def everywhere(self, frame_size: Size) -> Sequence[View | None]:
        return (None,)

    def first_look(self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt) -> Look | None:
        return follower.look(slot, key, prompt, corrects=False)

    def correction(
        self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, found: FoundNow
    ) -> Look | None:
        return follower.look(slot, key, prompt, corrects=True)


class Windows:
    """Every object through a window of its own.

    Args:
        history: frames that can be corrected.
    """

    windows = True

    def __init__(self, rules: WindowRules, history: int, new_growth: Callable[[], MaskGrowth | None]) -> None:
        self._rules = rules
        self._history = history
        self.new_growth = new_growth

    def new_window(self) -> ObjectWindow:
        return ObjectWindow(self._rules, self._history)

    def new_body(self) -> OneBody | None:
        # Who wants every mask believed wants what lies beside it, too.
        return None if self.new_growth() is None else OneBody(self._history)

    def views(
        self, windows: Iterable[ObjectWindow | None], key: int, frame_size: Size
    ) -> Sequence[View | None]:
        return share([None if window is None else window.view(key, frame_size) for window in windows])

    def search(self, follower: Follower, slot: StreamSlot, key: int, frame_size: Size) -> Extent | None:
        found = search_picture(follower, slot, key, frame_size, self._rules)
        return None if found is None else found_extent(found, frame_size)

    def everywhere(self, frame_size: Size) -> Sequence[View | None]:
        return (None, *windows_over(frame_size, self._rules))

    def first_look(self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt) -> Look | None:
        if prompt.candidate is not None:
            return self._look_again(follower, slot, key, prompt, corrects=False)
        extent = prompt_extent(prompt)
        if extent is not None:
            return self._look_within(follower, slot, key, prompt, extent, corrects=False)
        return self._search(follower, slot, key, prompt, _hull(prompt.coords[prompt.labels == 1]))

    def correction(
        self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, found: FoundNow
    ) -> Look | None:
        if prompt.candidate is not None:
            return self._look_again(follower, slot, key, prompt, corrects=True)
        extent = prompt_extent(prompt)
        if extent is not None:
            return self._look_within(follower, slot, key, prompt, extent, corrects=True)
        seen, size = slot.views.get(key), prompt.frame_size
        known = _visible_extent(found(), size)
        if seen is None and known is not None and self._rules.around(known, size) is None:
            return follower.look(slot, key, prompt, corrects=True)
        on_object = prompt.coords[prompt.labels == 1]
        new = [point for point in on_object if seen is None or not seen.holds((*point, *point))]
        if seen is not None and not new and len(on_object):
            return follower.look(slot, key, prompt, corrects=True, view=seen)
        # The window has to grow to what was clicked, or the object is somewhere else altogether.
        clicked = _hull(np.stack(new)) if new else _hull(prompt.coords)
        if new:
            look = self._search(follower, slot, key, prompt, clicked)
            if look is None or known is None or _share_of(found(), look, size) < SAME_SHARE:
                return look
        both = clicked if known is None else _union(known, clicked)
        view = self._rules.around(both, size)
        return follower.look(slot, key, prompt, corrects=True, view=view)

    def _look_again(
        self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, *, corrects: bool
    ) -> Look | None:
        """Take another of the masks that were offered, through the window that they are of."""
        view = slot.views.get(key)
        return follower.look(slot, key, prompt, corrects=corrects, view=view)

    def _look_within(
        self,
        follower: Looker[Slot],
        slot: Slot,
        key: int,
        prompt: CheckedPrompt,
        extent: Extent,
        *,
        corrects: bool,
    ) -> Look | None:
        """Look for an object whose extent is told, in a window round it. A mask of many times that is cut
        there, and its quality is estimated the lower for it."""
        view = self._rules.around(extent, prompt.frame_size)
        look = follower.look(slot, key, prompt, corrects=corrects, view=view)
        if look is None or prompt.mask is not None:
            return look
        if not corrects:
            look = agreed_look(follower, slot, key, prompt, look, self._rules)
        crop, _ = crop_mask(look.found.low_res_mask_logits, prompt.frame_size, view)
        x0, y0, x1, y1 = extent
        if crop.sum() <= OVER_BOX * (x1 - x0) * (y1 - y0):
            return look
        beside_x, beside_y = BESIDE_BOX * (x1 - x0), BESIDE_BOX * (y1 - y0)
        around = x0 - beside_x, y0 - beside_y, x1 + beside_x, y1 + beside_y
        shown = view or View.whole(prompt.frame_size)
        return follower.redraw(look, hide_outside(look.prediction.low_res_mask_logits, shown, around))

    def _search(
        self, follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, clicked: Extent
    ) -> Look | None:
        """Look for something of unknown size at a click: in the whole picture and in ever smaller windows
        round the click, then in the window that fits what was found best."""
        rules, size = self._rules, prompt.frame_size
        most, least = rules.most(size), rules.height_for(rules.length(clicked))
        heights = {most * zoom: worth for zoom, worth in ZOOMS.items() if most * zoom > least}
        heights[least] = min(heights.values(), default=1.0)
        best, worth = follower.look(slot, key, prompt, corrects=False, anew=True), 0.0
        if best is not None:
            worth = worth_of(best, size)
        for height, prior in heights.items():
            view = rules.sized(centre_of(clicked), height, size)
            look = follower.look(slot, key, prompt, corrects=False, view=view, anew=True)
            if look is not None and prior * worth_of(look, size) > worth:
                best, worth = look, prior * worth_of(look, size)
        extent = None if best is None else found_extent(best, size)
        if best is None or extent is None:
            return best
        view = rules.around(_union(extent, clicked), size)
        closer = follower.look(slot, key, prompt, corrects=False, view=view, anew=True)
        if closer is not None and worth_of(closer, size) >= CLOSER * worth_of(best, size):
            return closer
        # Better seen otherwise, and hardly known again through the windows to come: taken over into one.
        if view == best.view:
            return best
        known = replace(
            prompt, coords=prompt.coords[:0], labels=prompt.labels[:0], mask=_mask_of(best.found, size)
        )
        return follower.look(slot, key, known, corrects=False, view=view, anew=True) or best


def make_looking(config: TrackingConfig, geometry: Geometry) -> Looking:
    """Where a session looks, by its config; what nobody set is off."""
    windows = config.window not in (None, "off")

    def new_growth() -> MaskGrowth | None:
        most = config.max_mask_growth
        return MaskGrowth(most, config.history_frames) if isinstance(most, float) else None

    if not windows:
        return WholePicture(new_growth)
    height, width = geometry.input_size
    rules = WindowRules(
        factor=config.window if isinstance(config.window, float) else AUTO_FACTOR,
        only_small=config.window == "auto",
        aspect=width / height,
        least_px=LEAST_SHARE * height,
    )
    return Windows(rules, config.history_frames, new_growth)


def prompt_extent(prompt: CheckedPrompt) -> Extent | None:
    """The extent of the object that a prompt tells, by a box or a mask; None where it tells points alone."""
    if prompt.mask is not None:
        rows, columns = (np.flatnonzero(prompt.mask.any(axis=axis)) for axis in (1, 0))
        box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        return extent_of(prompt.mask[box[1] : box[3], box[0] : box[2]], box)
    if len(prompt.labels) and prompt.labels[0] == BOX_FIRST_CORNER:
        # Clicks on the object beside its box count as well.
        return _hull(np.concatenate((prompt.coords[:2], prompt.coords[prompt.labels == 1])))
    return None


def _mask_of(found: Found, frame_size: Size) -> BoolMask:
    return picture_mask(found.low_res_mask_logits, frame_size, found.view)


def _share_of(known: Found, look: Look, frame_size: Size) -> float:
    """How much of a known mask a look covers, 0 to 1."""
    before, now = _mask_of(known, frame_size), _mask_of(look.found, frame_size)
    return float(np.count_nonzero(before & now)) / max(1, int(np.count_nonzero(before)))


def _visible_extent(found: Found, frame_size: Size) -> Extent | None:
    if found.object_score <= 0.5:
        return None
    return extent_of(*crop_mask(found.low_res_mask_logits, frame_size, found.view))


def _hull(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Extent:
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _union(first: Extent, second: Extent) -> Extent:
    x0, y0 = min(first[0], second[0]), min(first[1], second[1])
    return x0, y0, max(first[2], second[2]), max(first[3], second[3])
