from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.errors import PromptError, ShapeError
from streamtrack.prompt import MAX_POINTS, Prompt, check_frame_idx, check_index, check_object_id

POINTS = [(210.0, 350.0), (250.0, 220.0)]


@pytest.mark.parametrize(
    "points",
    [
        POINTS,
        tuple(POINTS),
        [list(point) for point in POINTS],
        np.array(POINTS),
        np.array(POINTS, np.float32)[:, ::1],
        np.array(POINTS, np.int64),
        [np.array(point) for point in POINTS],
        torch.tensor(POINTS),
        torch.tensor(POINTS, dtype=torch.bfloat16).to(torch.float64),
        torch.tensor(POINTS, requires_grad=True),
        [torch.tensor(point) for point in POINTS],
        [(torch.tensor(x), np.float64(y)) for x, y in POINTS],
        (point for point in POINTS),
        zip([210.0, 250.0], [350.0, 220.0], strict=True),
        (iter(point) for point in POINTS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_points_in_any_container_are_the_same_points(points: Any) -> None:
    prompt = Prompt(1, points=points)
    rounding = 2 if isinstance(points, torch.Tensor) and points.dtype == torch.float64 else 0  # bfloat16
    assert np.abs(prompt.points - np.array(POINTS)).max() <= rounding
    assert prompt.points.dtype == np.float32
    assert prompt.labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    "labels",
    [[1, 0], (1, 0), np.array([1, 0]), torch.tensor([1, 0]), [True, False], [1.0, 0.0], iter([1, 0])],
)
def test_labels_in_any_container_are_the_same_labels(labels: Any) -> None:
    assert Prompt(1, points=POINTS, labels=labels).labels.tolist() == [1, 0]


@pytest.mark.parametrize("label", [0, 1, np.int64(1), torch.tensor(0), True])
def test_one_label_is_for_every_point(label: Any) -> None:
    assert Prompt(1, points=POINTS, labels=label).labels.tolist() == [int(label)] * 2


def test_one_point_may_come_without_its_list() -> None:
    assert Prompt(1, points=(3, 4)).points.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    "box",
    [
        (1, 2, 3, 4),
        [[1, 2, 3, 4]],
        ((1, 2), (3, 4)),
        np.array([1, 2, 3, 4]),
        torch.tensor([[1.0, 2, 3, 4]]),
        (number for number in (1, 2, 3, 4)),
        range(1, 5),
    ],
)
def test_boxes_in_any_container_are_the_same_box(box: Any) -> None:
    checked = Prompt(1, box=box).box
    assert checked is not None
    assert checked.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7), np.array(7), torch.tensor(7)])
def test_every_integer_is_an_object_id_and_a_frame(value: Any) -> None:
    assert check_object_id(value) == 7
    assert check_frame_idx(value) == 7
    assert check_frame_idx(np.float32(7.0)) == 7


@pytest.mark.parametrize(
    "value",
    [True, 1.0, "1", None, -1, 2**31, (1,), np.array([1, 2]), torch.tensor([1, 2]), np.bool_(1), b"1"],
)
def test_what_is_no_object_id_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(PromptError, match=r"^object_id is .+, expected an integer from 0 to 2147483647$"):
        Prompt(value, points=POINTS)


@pytest.mark.parametrize("value", [True, 1.5, "1", float("nan"), float("inf"), (1,), torch.tensor([1, 2])])
def test_what_is_no_frame_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(PromptError, match=r"^object 1: at_frame is .+, expected the index of a frame"):
        Prompt(1, points=POINTS, at_frame=value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": "1,2"}, "points are '1,2', expected numbers"),
        ({"points": {(1, 2), (3, 4)}}, "expected numbers"),
        ({"points": {"x": 1}}, "points are {'x': 1}, expected numbers"),
        ({"points": [(1, 2), (3,)]}, "expected numbers"),
        ({"points": [(1j, 2)]}, "expected numbers"),
        ({"points": [(None, 2)]}, "expected numbers"),
        ({"points": [[POINTS]]}, r"points have shape \(1, 1, 2, 2\), expected \(P, 2\)"),
        ({"points": [(1e300, 2)]}, "expected finite numbers"),
        ({"points": ((1, 2) for _ in iter(int, 1))}, f"more than {MAX_POINTS} points"),
        ({"points": POINTS, "labels": [1]}, "1 labels for 2 points, expected one each"),
        ({"points": POINTS, "labels": [1, -1]}, "label 1 is -1, expected 1"),
        ({"points": POINTS, "labels": [1, 0.5]}, r"label 1 is 0\.5, expected 1"),
        ({"points": POINTS, "labels": "10"}, "labels are '10', expected numbers"),
        ({"labels": [1]}, "1 labels for 0 points"),
        ({"points": POINTS, "label": 3}, "label is 3, expected text"),
        ({"box": (1, 2, 3, 4, 5)}, r"box has shape \(5,\), expected x0, y0, x1, y1"),
        ({"box": [(1, 2, 3, 4), (5, 6, 7, 8)]}, r"box has shape \(2, 4\)"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError, match=rf"^object 1: .*{message}") as caught:
        Prompt(1, **given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


class _Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def _held_by_itself() -> list[Any]:
    held: list[Any] = []
    held.append(held)
    return held


@pytest.mark.parametrize(
    "value",
    [
        torch.empty(1, 2, device="meta"),
        torch.zeros(2, 2).to_sparse(),
        _held_by_itself(),
        np.full((3, 2), None),
        np.array([["a"], ["b"]]),
        _Unshown(),
        np.ma.masked_array([[1, 2], [3, 4]], [[True, False], [False, True]]).astype(complex),
        np.zeros((40, 2), dtype=[("x", float), ("y", float)]),
    ],
)
@pytest.mark.parametrize("name", ["points", "labels", "box", "label", "at_frame", "object_id", "mask"])
def test_no_value_gets_anything_but_one_line(name: str, value: Any) -> None:
    with pytest.raises((PromptError, ShapeError)) as caught:
        Prompt(**{"object_id": 1, "points": POINTS, name: value})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["points", "box"])
def test_true_and_false_are_no_pixels(name: str) -> None:
    given: dict[str, Any] = {name: np.ones((2, 2), np.bool_)}
    with pytest.raises(PromptError, match="expected pixels, not true or false"):
        Prompt(1, **given)


def test_half_a_character_is_no_label() -> None:
    with pytest.raises(PromptError, match="expected text"):
        Prompt(1, points=POINTS, label="a\ud83d")
    assert Prompt(1, points=POINTS, label="\N{DOG FACE} \u202e \u0645").label == "\N{DOG FACE} \u202e \u0645"


@pytest.mark.parametrize(
    "mask",
    [
        np.eye(4, dtype=np.bool_),
        np.eye(4, dtype=np.uint8) * 255,
        np.eye(4, dtype=np.int64) * 7,
        np.eye(4, dtype=np.bool_)[None, None],
        torch.eye(4, dtype=torch.bool),
        [[True, False], [False, True]],
        np.asfortranarray(np.eye(4, dtype=np.bool_)),
    ],
)
def test_two_valued_pictures_are_masks(mask: Any) -> None:
    checked = Prompt(1, mask=mask).mask
    assert checked is not None
    assert np.array_equal(checked, np.eye(len(checked), dtype=np.bool_))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.arange(9).reshape(3, 3), "several values beside 0"),
        (np.ones((3, 3), np.float32), "dtype float32, expected bool"),
        (np.ones((3, 3, 3), np.bool_), r"shape \(3, 3, 3\)"),
        ("mask.png", "mask is str"),
    ],
)
def test_what_is_no_two_valued_picture_is_refused(mask: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=rf"^object 1: .*{message}"):
        Prompt(1, mask=mask)


def test_mask_does_not_change_with_the_callers_array() -> None:
    array = np.eye(3, dtype=np.bool_)
    prompt = Prompt(1, mask=array)
    array[:] = False
    assert prompt.mask is not None
    assert prompt.mask.sum() == 3


def test_replace_keeps_the_rest() -> None:
    prompt = replace(Prompt(1, points=POINTS, label="a"), label="b", at_frame=3)
    assert (prompt.label, prompt.at_frame, prompt.points.tolist()) == ("b", 3, [list(p) for p in POINTS])


def test_a_place_in_a_row_is_named_as_the_caller_names_it() -> None:
    assert (check_index(np.int64(2), "candidate"), check_index(3.0, "candidate")) == (2, 3)
    with pytest.raises(PromptError, match=r"^object 1: candidate is '0', expected an integer$"):
        check_index("0", "object 1: candidate")
