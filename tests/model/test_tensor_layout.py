"""Tensors that lie anyhow are laid out as their example was; what does not fit is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from streamtrack.errors import ShapeError
from streamtrack.model.tensor_layout import TensorLayout, apply_layouts, refill

NUMBERS = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
PLAIN = TensorLayout.of(torch.zeros(2, 3, 4, 5, dtype=torch.long))
CHANNELS_LAST = TensorLayout.of(torch.zeros(2, 4, 5, 3, dtype=torch.long).permute(0, 3, 1, 2))


def views() -> dict[str, Tensor]:
    """NUMBERS, lying in memory in many ways."""
    wider = torch.zeros(2, 3, 4, 10, dtype=torch.long)
    wider[..., ::2] = NUMBERS
    longer = torch.zeros(4, 3, 4, 5, dtype=torch.long)
    longer[1:3] = NUMBERS
    return {
        "plain": NUMBERS,
        "channels last": NUMBERS.contiguous(memory_format=torch.channels_last),
        "transposed": NUMBERS.transpose(2, 3).contiguous().transpose(2, 3),
        "every second": wider[..., ::2],
        "slice": longer[1:3],
        "expanded": NUMBERS[:1, :1].expand(2, 3, 4, 5),
    }


@pytest.mark.parametrize("layout", [PLAIN, CHANNELS_LAST], ids=["plain", "channels-last"])
@pytest.mark.parametrize("name", list(views()))
def test_same_numbers_come_out_in_the_layout(layout: TensorLayout, name: str) -> None:
    tensor = views()[name]
    laid_out = layout.apply(tensor, "input")
    assert torch.equal(laid_out, tensor)
    assert laid_out.is_contiguous(
        memory_format=torch.channels_last if layout.channels_last else torch.contiguous_format
    )


def test_what_lies_right_is_not_copied() -> None:
    assert PLAIN.apply(NUMBERS, "input") is NUMBERS
    last = NUMBERS.contiguous(memory_format=torch.channels_last)
    assert CHANNELS_LAST.apply(last, "input") is last
    part = torch.zeros(4, 3, 4, 5, dtype=torch.long)[1:3]
    assert PLAIN.apply(part, "input") is part, "where a tensor begins does not matter"


def test_lengths_that_vary_may_differ_and_others_not() -> None:
    layout = TensorLayout.of(torch.zeros(1, 7, 3), varies=(1,))
    assert layout.apply(torch.zeros(1, 2, 3), "memory").shape == (1, 2, 3)
    with pytest.raises(
        ShapeError, match=r"^memory is \(2, 7, 3\) torch\.float32, expected \(1, any, 3\) torch\.float32$"
    ):
        layout.apply(torch.zeros(2, 7, 3), "memory")
    with pytest.raises(ShapeError, match=r"^memory is \(7, 3\)"):
        layout.apply(torch.zeros(7, 3), "memory")


def test_floats_are_rounded_to_the_type_and_others_refused() -> None:
    layout = TensorLayout.of(torch.zeros(2, dtype=torch.bfloat16))
    assert layout.apply(torch.ones(2), "input").dtype == torch.bfloat16
    with pytest.raises(ShapeError, match=r"^image is \(2,\) torch\.uint8, expected \(2\) torch\.bfloat16$"):
        layout.apply(torch.ones(2, dtype=torch.uint8), "image")


def test_several_inputs_are_named_by_their_number() -> None:
    layouts = [PLAIN, TensorLayout.of(torch.zeros(3))]
    with pytest.raises(ShapeError, match=r"^compiled follow: input 1 is \(4,\)"):
        apply_layouts(layouts, [NUMBERS, torch.zeros(4)], "compiled follow")


def test_captured_buffer_takes_its_own_shape_only() -> None:
    buffer = torch.zeros(2, 3)
    refill(buffer, torch.ones(3, 2).t(), "features")
    assert torch.equal(buffer, torch.ones(2, 3))
    with pytest.raises(ShapeError, match="features is"):
        refill(buffer, torch.ones(1, 3), "features")  # a plain copy would spread it


@pytest.mark.parametrize("layout", [PLAIN, CHANNELS_LAST, TensorLayout.of(torch.zeros(1, 2), (1,))])
def test_layout_survives_json(layout: TensorLayout) -> None:
    assert TensorLayout.from_json(layout.as_json()) == layout


@pytest.mark.parametrize("values", [{}, {"dtype": "nope", "shape": [], "channels_last": False}, [], "x"])
def test_something_else_is_no_layout(values: object) -> None:
    with pytest.raises(ValueError, match="is no tensor layout"):
        TensorLayout.from_json(values)  # type: ignore[arg-type]
