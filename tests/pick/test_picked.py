"""What was picked: additions, corrections, and all of it taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamtrack.errors import PromptError
from streamtrack.pick.picked import Picked
from streamtrack.prompt import Prompt
from streamtrack.tracking.prompts import check_prompt


def inside_100(prompt: Prompt, only: bool) -> None:
    check_prompt(prompt, (100, 100), starts_object=only)


def told(picked: Picked) -> list[tuple[int, int, list[list[float]], list[int]]]:
    return [
        (one.at_frame or 0, one.object_id, one.points.tolist(), one.labels.tolist())
        for one in picked.now.in_order()
    ]


def test_points_of_an_object_on_a_frame_add_up_and_frames_stay_apart() -> None:
    picked = Picked(check=inside_100)
    assert picked.add_point(5, 10, 20, on=True, object_id=None).object_id == 1
    picked.add_point(5, 30, 40, on=False, object_id=1)
    picked.add_point(0, 50, 60, on=True, object_id=1)
    assert picked.add_point(0, 70, 80, on=True, object_id=None).object_id == 2
    assert told(picked) == [
        (0, 1, [[50, 60]], [1]),
        (0, 2, [[70, 80]], [1]),
        (5, 1, [[10, 20], [30, 40]], [1, 0]),
    ]


def test_box_starts_afresh_and_points_after_it_correct_it() -> None:
    picked = Picked(check=inside_100)
    picked.add_point(0, 10, 20, on=True, object_id=None)
    picked.add_box(0, (1, 2, 30, 40), object_id=1)
    prompt = picked.add_point(0, 15, 25, on=False, object_id=1)
    assert prompt.box is not None
    assert (prompt.box.tolist(), prompt.points.tolist(), prompt.labels.tolist()) == (
        [1, 2, 30, 40],
        [[15, 25]],
        [0],
    )


def test_undo_equals_never_clicked() -> None:
    picked = Picked(check=inside_100)
    picked.add_point(0, 10, 20, on=True, object_id=None)
    picked.rename(1, "ball")
    before = picked.now
    picked.add_point(0, 30, 20, on=True, object_id=1)
    picked.remove(1)
    assert told(picked) == []
    assert picked.add_point(2, 1, 1, on=True, object_id=None).object_id == 2, "1 may come back"
    for _ in range(3):
        assert picked.undo()
    assert picked.now == before
    assert picked.undo()
    assert picked.undo()
    assert not picked.undo()
    assert told(picked) == []
    assert picked.add_point(0, 1, 1, on=True, object_id=None).object_id == 1


def test_object_goes_with_its_last_prompt_and_keeps_its_label_with_others() -> None:
    picked = Picked([Prompt(4, [[1, 2]], label="dog", at_frame=3)], inside_100)
    picked.add_point(9, 5, 5, on=True, object_id=4)
    picked.clear(4, 3)
    assert [(one.at_frame, one.label) for one in picked.now.in_order()] == [(9, "dog")]
    picked.clear(4, 9)
    assert picked.now.labels == {}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda picked: picked.add_point(0, 100, 5, on=True, object_id=None), "expected inside the frame"),
        (lambda picked: picked.add_point(0, 5, 5, on=False, object_id=None), "at least one on the object"),
        (lambda picked: picked.add_point(0, 5, 5, on=True, object_id=7), "object 7 is not picked"),
        (lambda picked: picked.add_box(0, (5, 5, 5, 9), object_id=None), "expected x0 < x1"),
        (lambda picked: picked.clear(1, 8), "frame 8 has no prompt"),
        (lambda picked: picked.remove(2), "expected one of: 1"),
        (lambda picked: picked.rename(1, "\ud800"), "expected text"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    fault: Callable[[Picked], object], message: str
) -> None:
    picked = Picked(check=inside_100)
    picked.add_point(0, 10, 20, on=True, object_id=None)
    before, revision = picked.now, picked.revision
    with pytest.raises(PromptError, match=message):
        fault(picked)
    assert (picked.now, picked.revision) == (before, revision)


def test_point_off_an_object_alone_corrects_one_that_has_another_frame() -> None:
    picked = Picked(check=inside_100)
    picked.add_point(0, 10, 20, on=True, object_id=None)
    picked.add_point(7, 10, 20, on=False, object_id=1)
    assert told(picked)[1] == (7, 1, [[10, 20]], [0])
