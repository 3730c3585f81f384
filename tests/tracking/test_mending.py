"""An object that goes on from what was found: told, kept, and compared, on a network that follows colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.errors import FrameExpiredError, PromptError
from streamtrack.frame import BoolMask, EventKind, Image
from streamtrack.model.build import LoadedModel
from streamtrack.prompt import Prompt
from streamtrack.tracking import Session, Tracker
from tests.support.colour_family import ColourFamily, coloured_shapes, entry_of

HISTORY, FRAMES = 6, 10
Shapes = list[tuple[Image, list[BoolMask]]]


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return coloured_shapes(FRAMES)


@pytest.fixture(scope="module")
def colour() -> Tracker:
    entry, family = entry_of("colour-small", 448), ColourFamily()
    network: Any = family.make_network(family.build_module(entry, 448))
    return Tracker(LoadedModel(entry.name, network, "fp32"))


def box_of(mask: BoolMask) -> tuple[float, float, float, float]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def iou(first: BoolMask, second: BoolMask) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


@pytest.fixture
def astray(colour: Tracker, shapes: Shapes) -> Session:
    """Object 1 began on the first shape; since the fourth frame somebody says that it is the second one."""
    session = colour.new_session(TrackingConfig(history_frames=HISTORY))
    session.add(1, box=box_of(shapes[0][1][0]))
    for index, (image, masks) in enumerate(shapes[:6]):
        session.step(image)
        if index == 3:
            session.refine(Prompt(1, mask=masks[1]))
    assert iou(session.result().objects[1].mask, shapes[5][1][0]) < 0.8
    session.take_events()
    return session


def test_object_goes_on_from_the_box_keeps_its_id_and_tells_why(astray: Session, shapes: Shapes) -> None:
    at_frame = astray.mending.mend(
        Prompt(1, box=box_of(shapes[5][1][0])), in_doubt_from=3, detail={"by": "detector", "score": 0.9}
    )
    assert at_frame == 5
    mended, *_ = astray.take_events()
    assert (mended.kind, mended.frame_idx, mended.object_id) == (EventKind.MENDED, 5, 1)
    assert mended.detail == {"by": "detector", "score": 0.9}
    for index in range(5, 9):
        if index > 5:
            astray.step(shapes[index][0])
        assert iou(astray.result().objects[1].mask, shapes[index][1][0]) > 0.5
    assert astray.object_ids == (1,)


def test_frame_that_was_kept_is_mended_and_all_behind_it(astray: Session, shapes: Shapes) -> None:
    astray.mending.mend(Prompt(1, box=box_of(shapes[4][1][0])), at_frame=4)
    assert iou(astray.result(4).objects[1].mask, shapes[4][1][0]) > 0.5
    assert iou(astray.result(5).objects[1].mask, shapes[5][1][0]) > 0.5
    assert iou(astray.result(3).objects[1].mask, shapes[3][1][1]) > 0.5, "what was before stays"


def test_memory_in_doubt_is_forgotten_and_no_other(astray: Session, shapes: Shapes) -> None:
    slot = astray._tracks.by_id[1].slot
    assert ({2, 4} <= set(slot.features), list(slot.conditioning)) == (True, [0, 3])
    astray.mending.mend(Prompt(1, box=box_of(shapes[5][1][0])), in_doubt_from=3)
    assert 2 in slot.features
    assert not {3, 4} & set(slot.features)
    assert list(slot.conditioning) == [0, 5], "the first stays whatever happens"


def test_object_of_which_all_is_in_doubt_starts_over_with_its_id_and_label(
    astray: Session, shapes: Shapes
) -> None:
    astray.start_over(Prompt(1, mask=shapes[4][1][1], label="box"), at_frame=4)
    astray.take_events()
    astray.mending.mend(Prompt(1, box=box_of(shapes[5][1][0])), in_doubt_from=2, detail={"by": "me"})
    mended = astray.take_events()[0]
    assert (mended.kind, mended.detail) == (EventKind.MENDED, {"by": "me"})
    for index in (6, 7, 8):
        astray.step(shapes[index][0])
        assert iou(astray.result().objects[1].mask, shapes[index][1][0]) > 0.5
    assert astray.label_of(1) == "box"
    with pytest.raises(PromptError, match="object 1"):
        astray.undo(1)


def test_undo_takes_what_a_person_said_and_no_mending(astray: Session, shapes: Shapes) -> None:
    astray.mending.mend(Prompt(1, box=box_of(shapes[5][1][0])))
    assert astray.undo(1).what == "correct"


def test_what_is_found_takes_no_place_from_what_somebody_said(colour: Tracker, shapes: Shapes) -> None:
    session = colour.new_session(TrackingConfig(history_frames=HISTORY, max_conditioning_frames=3))
    session.add(1, box=box_of(shapes[0][1][0]))
    slot = None
    for index, (image, masks) in enumerate(shapes[:6]):
        session.step(image)
        slot = session._tracks.by_id[1].slot
        prompt = Prompt(1, box=box_of(masks[0]))
        if index == 1:
            session.refine(prompt)
        elif index > 1:
            session.mending.mend(prompt)
    assert slot is not None
    assert sorted(slot.conditioning) == [0, 1, 5], "of the mendings the last one"
    session.refine(Prompt(1, mask=shapes[5][1][0]), at_frame=4)
    assert {0, 1, 4} <= set(slot.conditioning), "what was found makes room"
    session.mending.mend(Prompt(1, box=box_of(shapes[5][1][0])))
    assert sorted(slot.conditioning) == [0, 1, 4], "and takes none where there is none"
    assert iou(session.result().objects[1].mask, shapes[5][1][0]) > 0.8


def test_mask_is_cut_to_the_box_in_which_it_was_found_and_remembered_so(
    colour: Tracker, shapes: Shapes
) -> None:
    session = colour.new_session(TrackingConfig(history_frames=HISTORY))
    session.add(1, box=box_of(shapes[0][1][0]))
    for image, _ in shapes[:3]:
        session.step(image)
    before = session.result().objects[1]
    x0, y0, x1, y1 = before.box
    half = x0, y0, (x0 + x1) / 2, y1
    memory = session._follower._bank._features.clone()
    assert session.mending.cut(1, half)
    left = session.result().objects[1]
    assert left.box[:2] == before.box[:2]
    assert left.box[2] <= (x0 + x1) / 2 + 0.05 * (x1 - x0) + 8
    assert not session._follower._bank._features.equal(memory)
    assert session.take_events() == (), "no event tells of it"
    assert not session.mending.cut(1, before.box), "all of it is in there"
    assert not session.mending.cut(1, (0, 0, 4, 4)), "nothing would be left"
    assert session.result().objects[1].crop.tobytes() == left.crop.tobytes()


def test_what_does_not_fit_is_refused(astray: Session, shapes: Shapes) -> None:
    box = box_of(shapes[5][1][0])
    with pytest.raises(PromptError, match="object 9 is not followed"):
        astray.mending.mend(Prompt(9, box=box))
    with pytest.raises(FrameExpiredError):
        astray.mending.mend(Prompt(1, box=box), at_frame=77)
    astray.mending.keep_look(1)
    with pytest.raises(PromptError):
        astray.mending.likeness(1, [(5, 5, 1, 1)])


def test_likeness_tells_the_object_from_another(colour: Tracker, shapes: Shapes) -> None:
    session = colour.new_session(TrackingConfig(history_frames=HISTORY))
    image, masks = shapes[0]
    session.add(1, box=box_of(masks[0]))
    session.step(image)
    boxes = [box_of(mask) for mask in shapes[3][1][:2]]
    assert session.mending.likeness(1, boxes) == (None, None), "nothing was kept yet"
    session.mending.keep_look(1)
    for image, _ in shapes[1:4]:
        session.step(image)
    before = session.result().objects[1].crop.tobytes()
    same, other = session.mending.likeness(1, boxes)
    assert same is not None
    assert other is not None
    assert same > 0.9 > other
    assert session.result().objects[1].crop.tobytes() == before, "it was only asked"


def test_looks_that_are_kept_are_bounded(colour: Tracker, shapes: Shapes) -> None:
    session = colour.new_session(TrackingConfig(history_frames=HISTORY))
    session.add(1, box=box_of(shapes[0][1][0]))
    session.step(shapes[0][0])
    for _ in range(20):
        session.mending.keep_look(1)
    assert len(session.mending._looks[1]) <= 6
    session.add(2, box=box_of(shapes[0][1][1]))
    session.step(shapes[1][0])
    session.remove(1)
    session.mending.keep_look(2)
    assert list(session.mending._looks) == [2]
