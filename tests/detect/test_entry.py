"""What comes in over the border, box by box."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.config import MendConfig
from streamtrack.detect import Box, Detection
from streamtrack.detect.entry import SETTLED, Entry, find_of_all, is_cut
from streamtrack.detect.last_well import LastWell
from streamtrack.detect.mend_policy import Mender
from streamtrack.detect.mending import MendPlan
from streamtrack.frame import ObjectMask

SIZE = 300, 640
BONNET: Box = (100, 250, 180, 300)
HALF: Box = (100, 180, 180, 300)
CAR: Box = (100, 80, 180, 260)


def find(box: Box, name: str = "moving") -> Detection:
    return Detection(name, 0.7, box)


def place(mask: Box, *found: Detection, well: Box = BONNET, others: tuple[Box, ...] = ()) -> int | None:
    return find_of_all(mask, LastWell.of(find(well), 0, 0), found, others)


@pytest.mark.parametrize("box", [BONNET, (0, 50, 60, 90), (300, 4, 380, 90), (580, 100, 640, 200)])
def test_box_at_a_border_may_be_cut(box: Box) -> None:
    assert is_cut(box, SIZE)
    assert not is_cut(CAR, SIZE)


def test_entry_goes_on_while_the_border_cuts_what_grows() -> None:
    entry = Entry(7).later(BONNET, HALF, SIZE)
    assert entry == Entry(7)
    assert entry.later(HALF, CAR, SIZE) is None, "it is in"


def test_what_walks_along_the_border_is_in_once_it_grows_no_more() -> None:
    entry: Entry | None = Entry(7)
    for _ in range(SETTLED):
        assert entry is not None
        entry = entry.later(HALF, HALF, SIZE)
    assert entry is None


def test_find_of_more_is_that_which_holds_the_mask_and_is_larger() -> None:
    assert place(BONNET, find((400, 0, 500, 100)), find(HALF)) == 1
    assert place(BONNET, find((98, 245, 184, 300))) is None, "the mask is all of it"
    assert place(BONNET, find(HALF, "person")) is None
    assert place((300, 250, 380, 300), find(HALF)) is None, "the mask is elsewhere"


def test_find_of_several_and_one_that_grew_too_fast_are_of_something_else() -> None:
    assert place(BONNET, find(HALF), others=((110, 190, 160, 240),)) is None
    assert place(BONNET, find(HALF), others=((170, 190, 260, 240),)) == 0, "it is beside it"
    assert place(BONNET, find((0, 0, 400, 300))) is None


def mask(box: Box, object_id: int = 1) -> ObjectMask:
    shown = np.zeros(SIZE, np.bool_)
    x0, y0, x1, y1 = map(int, box)
    shown[y0:y1, x0:x1] = True
    return ObjectMask.from_mask(shown, object_id)


class Coming:
    """Object 1 was started on what shows of a car on frame 100; a look each five frames."""

    def __init__(self) -> None:
        self.frame_idx = 100
        self.mender = Mender(MendConfig())
        self.mender.started(1, find(BONNET), 100, 0)

    def see(self, shown: Box, *masks: ObjectMask, score: float = 0.6) -> MendPlan:
        self.frame_idx += 5
        now_ns = (self.frame_idx - 100) * NS_PER_S // 25
        found = [Detection("moving", score, shown)]
        objects = {one.object_id: one for one in masks}

        def unlike(object_id: int, boxes: object) -> list[float]:
            return [0.0]

        plan = self.mender.plan(found, objects, self.frame_idx, now_ns, unlike)
        for mending in plan.mendings:
            self.mender.mended(mending, self.frame_idx, now_ns)
        return plan


def test_what_comes_in_goes_on_from_each_find_that_shows_more_of_it_however_it_looks() -> None:
    coming = Coming()
    for shown in ((100, 200, 180, 300), HALF, CAR):
        plan = coming.see(shown, mask((100, shown[1], 180, shown[1] + 60)))
        [mending] = plan.mendings
        assert (mending.object_id, mending.find.box, mending.reason) == (1, shown, "too_small")
        assert mending.well_at == 99, "all that is remembered is of a part"
        assert (plan.claimed, plan.pending) == (frozenset({0}), frozenset({1}))
        assert not plan.to_keep, "a part looks otherwise"
    assert coming.see(CAR, mask((100, 80, 180, 170))).mendings == (), "it is in"


def test_what_is_followed_whole_is_left_alone_and_its_looks_are_kept_once_it_is_in() -> None:
    coming = Coming()
    plan = coming.see(HALF, mask((104, 184, 176, 298)))
    assert (plan.mendings, plan.to_keep) == ((), ())
    assert coming.see(CAR, mask((104, 84, 176, 258))).to_keep == (1,)


def test_find_that_another_object_is_in_or_that_is_weak_or_what_somebody_said_stays() -> None:
    part = mask(BONNET)
    assert Coming().see(HALF, part, mask((110, 185, 170, 240), 2)).mendings == ()
    assert Coming().see(HALF, part, score=0.4).mendings == ()
    said = Coming()
    said.mender.corrected_by_hand(1)
    assert said.see(HALF, part).mendings == ()
