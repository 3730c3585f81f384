"""Calls compiled at their first run are as the eager ones, told or not where objects are expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from streamtrack.model.interface import MemoryRead, Network
from streamtrack.model.just_in_time import JustInTimeCalls
from tests.support.compiled import SIZE, memory_of, nano


@pytest.fixture(scope="module")
def network() -> Network:
    return nano().network


@pytest.fixture
def fresh_dynamo() -> Iterator[None]:
    import torch._dynamo  # three seconds, which only these tests pay

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def filled_up(memory: MemoryRead, weight: float | None) -> MemoryRead:
    """With a frame and a pointer that only fill the shape up; told where objects are expected, and how much
    that counts."""
    objects, frames, _, _ = memory.features.shape
    absent = torch.zeros(objects, frames, dtype=torch.bool), torch.zeros(memory.pointer_ages.shape).bool()
    for part in absent:
        part[:, -1] = True
    box = torch.tensor([[0.05, 0.05, 0.3, 0.4]]).repeat(objects, 1)
    expected = None if weight is None else torch.cat((box, torch.full((objects, 1), weight)), dim=1)
    return replace(memory, absent=absent, expected=expected)


def check_as_the_eager_call(network: Network, backend: str, weights: Sequence[float | None]) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    counter: Any = CompileCounterWithBackend(backend)
    calls = JustInTimeCalls(network, counter)
    features = network.encode(torch.full((1, 3, SIZE, SIZE), 120, dtype=torch.uint8))
    chosen = {}
    for weight in weights:
        memory = filled_up(memory_of(network, 2), weight)
        assert calls.fits(memory)
        found, left = calls.follow(features, memory)
        exact, left_exactly = network.follow_eagerly(features, memory)
        # The same sums in another order; logits reach +-30.
        torch.testing.assert_close(found.low_res_mask_logits, exact.low_res_mask_logits, atol=5e-3, rtol=1e-3)
        torch.testing.assert_close(found.iou_scores, exact.iou_scores, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(left, left_exactly, atol=5e-2, rtol=1e-2)  # of bfloat16, 3 digits
        assert (found.rivals is None) is (weight is None)
        if weight is not None:
            assert exact.rivals is not None
            torch.testing.assert_close(found.rivals, exact.rivals, atol=0.05, rtol=0)
        chosen[weight] = found.iou_scores
    assert torch.equal(chosen.get(None, chosen[0.0]), chosen[0.0]), "what weighs nothing changes nothing"
    assert not torch.equal(chosen[0.0], chosen[1.0]), "where it is expected made no difference"
    # Once with and once without `expected`, whatever they hold.
    assert counter.frame_count == len({weight is None for weight in weights})


@pytest.mark.reference
@pytest.mark.usefixtures("fresh_dynamo")
@torch.inference_mode()
def test_expected_boxes_choose_as_in_the_eager_call(network: Network) -> None:
    check_as_the_eager_call(network, "eager", (0.0, 1.0, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.usefixtures("fresh_dynamo")
@torch.inference_mode()
def test_compiled_for_real_it_finds_what_the_eager_call_finds(network: Network, backend: str) -> None:
    check_as_the_eager_call(network, backend, (None, 0.0, 1.0, None, 0.5))


def test_memory_that_is_not_filled_up_does_not_fit(network: Network) -> None:
    assert not JustInTimeCalls(network, "eager").fits(memory_of(network, 1))
