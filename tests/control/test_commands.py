from __future__ import annotations

import numpy as np
import pytest

from streamtrack.control.commands import AddCommand, CorrectCommand, parse_command
from streamtrack.errors import BadRequestError, PromptError, ShapeError
from streamtrack.publish.mask_codec import encode_rle

SIZE = (4, 6)


def test_command_becomes_the_prompt_that_the_session_takes() -> None:
    command = parse_command({"op": "add", "stream": "cam", "points": [[1, 2]], "label": "ball"})
    assert isinstance(command, AddCommand)
    prompt = command.prompt(7, SIZE, at_frame=9)
    assert (prompt.object_id, prompt.label, prompt.at_frame) == (7, "ball", 9)
    assert (prompt.points.tolist(), prompt.labels.tolist()) == ([[1, 2]], [1])
    assert prompt.box is None
    assert prompt.mask is None


def test_frame_that_the_command_names_is_the_prompts() -> None:
    command = CorrectCommand(stream="cam", object_id=1, box=(0, 0, 2, 2), at_frame=3)
    assert command.prompt(1, SIZE, at_frame=9).at_frame == 3


def test_mask_is_decoded_once_its_size_is_the_frames() -> None:
    mask = np.zeros(SIZE, np.bool_)
    mask[1:3, 2:5] = True
    counts = encode_rle(mask, (0, 0, SIZE[1], SIZE[0]), SIZE).decode()
    rle = {"size": SIZE, "counts": counts}
    command = parse_command({"op": "add", "stream": "cam", "mask": rle})
    assert isinstance(command, AddCommand)
    np.testing.assert_array_equal(command.prompt(1, SIZE, 0).mask, mask)
    with pytest.raises(ShapeError, match=r"mask has size \[4, 6\], expected \[4, 7\]"):
        command.prompt(1, (4, 7), 0)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_number_that_is_none_is_refused(number: float) -> None:
    with pytest.raises(PromptError, match="finite"):
        parse_command({"op": "add", "stream": "cam", "points": [[number, 1]]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": [[True, 1]]},
        {"points": [["5", "5"]]},
        {"points": [[1, 2]], "labels": [True]},
        {"points": [[1, 2]], "at_frame": True},
        {"points": [[1, 2]], "object_id": False},
        {"box": [0, 0, True, 9]},
        {"op": "find", "point": [True, 1]},
    ],
)
def test_true_and_text_are_no_numbers(wrong: dict[str, object]) -> None:
    with pytest.raises(PromptError, match="number"):
        parse_command({"op": "add", "stream": "cam", **wrong})


def test_refusal_does_not_repeat_what_was_sent() -> None:
    for raw in ({"op": "x" * 100_000}, {"op": "add", "stream": "y" * 100_000}):
        with pytest.raises(PromptError) as caught:
            parse_command(raw)
        assert not isinstance(caught.value, BadRequestError)
        assert len(str(caught.value)) < 600
