"""Products of activations by oneDNN."""

from __future__ import annotations

import pytest
import torch

from streamtrack.model import onednn
from streamtrack.model.onednn import compiles_products, product, takes_products

ROWS, COLUMNS = torch.ones(3, 4), torch.ones(5, 4)
with torch.no_grad():
    THERE = takes_products(ROWS, COLUMNS)
pytestmark = pytest.mark.skipif(not THERE, reason="torch's CPU has no oneDNN")


@torch.inference_mode()
def test_product_is_each_row_times_each_column() -> None:
    torch.manual_seed(1)
    # Parts of larger tensors: they lie with gaps, or turned.
    rows, columns = torch.randn(40, 70)[:, 3:67], torch.randn(64, 90).T
    expected = rows.double() @ columns.double().T
    torch.testing.assert_close(product(rows, columns).double(), expected, atol=1e-5, rtol=1e-5)


def test_where_gradients_are_asked_for_it_is_not_to_be_had() -> None:
    assert not takes_products(ROWS, COLUMNS)


@torch.inference_mode()
def test_other_types_and_what_is_traced_are_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not takes_products(ROWS, COLUMNS.bfloat16())
    assert not takes_products(ROWS, COLUMNS.to("meta"))
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    assert not takes_products(ROWS, COLUMNS)
    with compiles_products():
        assert takes_products(ROWS, COLUMNS)
    assert not takes_products(ROWS, COLUMNS)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    with compiles_products():
        assert not takes_products(ROWS, COLUMNS)


def test_the_compiler_is_left_as_it_was() -> None:
    from torch._inductor.lowering import lowerings

    operation = torch.ops.mkldnn._linear_pointwise.default
    before = lowerings[operation]
    with compiles_products():
        assert lowerings[operation] is not before
    assert lowerings[operation] is before
    assert not onednn._state.compiles


@pytest.mark.slow
@torch.inference_mode()
def test_compiled_it_takes_a_memory_of_any_length() -> None:
    torch.manual_seed(2)

    def weigh(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        keys = columns * 2 + 1
        return torch.exp(product(rows, keys) - 3)

    with compiles_products():
        compiled = torch.compile(weigh, dynamic=True, fullgraph=True, options={"freezing": True})
        for length in (7, 19):
            rows, columns = torch.randn(6, 8), torch.randn(length, 8) / 9
            torch.testing.assert_close(compiled(rows, columns), weigh(rows, columns))
