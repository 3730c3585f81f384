"""Compiled calls of several objects: side by side, and as the eager call has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from streamtrack.model.compiled_calls import AheadOfTimeCalls
from tests.support.compiled import SIZE, memory_of, nano


@pytest.mark.usefixtures("blind_compiler", "two_threads")
@torch.inference_mode()
def test_objects_are_followed_side_by_side_as_the_eager_call_follows_them() -> None:
    network = nano(compile="on").network
    assert isinstance(network.compiled, AheadOfTimeCalls)
    assert network.compiled.beside.workers == 2
    assert network.best_batch is None, "all objects come in one call"
    features = network.encode(torch.full((1, 3, SIZE, SIZE), 120, dtype=torch.uint8))
    for objects in (1, 2, 3, 5):
        for expected in (None, torch.tensor([[0.2, 0.3, 0.6, 0.9, 0.5]]).repeat(objects, 1)):
            memory = memory_of(network, objects, expected)
            assert network.compiled.fits(memory)
            found, left = network.follow(features, memory)
            exact, left_exactly = network.follow_eagerly(features, memory)
            torch.testing.assert_close(found.low_res_mask_logits, exact.low_res_mask_logits)
            torch.testing.assert_close(found.object_pointers, exact.object_pointers)
            torch.testing.assert_close(left, left_exactly)
            assert (found.rivals is None) is (exact.rivals is None) is (expected is None)
            assert (found.seen is None) is (exact.seen is None) is (expected is None)
            if exact.seen is not None:
                torch.testing.assert_close(found.seen, exact.seen)


class Noting:
    """A compiled call that notes in which thread, on how many threads of torch, it runs."""

    def __init__(self, call: Callable[..., Sequence[Tensor]]) -> None:
        self._call = call
        self.ran: list[tuple[str, int]] = []

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        self.ran.append((threading.current_thread().name.rpartition("_")[0], torch.get_num_threads()))
        return self._call(*tensors)


@pytest.mark.usefixtures("blind_compiler", "two_threads")
@torch.inference_mode()
def test_each_worker_takes_objects_and_the_one_left_over_gets_all_threads() -> None:
    network = nano(compile="on").network
    calls = network.compiled
    assert isinstance(calls, AheadOfTimeCalls)
    assert calls.run_follow_alone is not None
    together, alone = Noting(calls.run_follow.run), Noting(calls.run_follow_alone.run)
    noted = replace(
        calls,
        run_follow=replace(calls.run_follow, run=together),
        run_follow_alone=replace(calls.run_follow_alone, run=alone),
    )
    features = network.encode(torch.full((1, 3, SIZE, SIZE), 120, dtype=torch.uint8))
    for objects, num_alone, num_together in ((1, 0, 1), (2, 2, 0), (5, 4, 1)):
        together.ran, alone.ran = [], []
        first, _ = noted.follow(features, memory_of(network, objects))
        assert alone.ran == [("streamtrack-object", 1)] * num_alone
        assert [threads for _, threads in together.ran] == [2] * num_together
        again, _ = calls.follow(features, memory_of(network, objects))
        assert torch.equal(first.low_res_mask_logits, again.low_res_mask_logits)
