"""Where memory lies: positions that are given, released and never leak. No network is needed."""

from __future__ import annotations

import random

import torch

from streamtrack.engine.memory_bank import MemoryBank, summarise
from streamtrack.engine.object_memory import ObjectMemory
from streamtrack.engine.places import Places
from streamtrack.engine.read_plan import RecentMemory
from streamtrack.model.interface import MaskPrediction
from tests.engine.test_prompt_input import GEOMETRY

HISTORY = 4
PLAN = RecentMemory(frames=3, pointers=5)


def make_bank() -> MemoryBank:
    return MemoryBank(
        GEOMETRY, PLAN, max_conditioning_frames=2, history_frames=HISTORY, device=torch.device("cpu")
    )


def prediction(value: float) -> MaskPrediction:
    return MaskPrediction(
        low_res_mask_logits=torch.full((1, *GEOMETRY.low_res_size), value),
        object_score_logits=torch.full((1, 1), value),
        iou_scores=torch.full((1,), 0.5),
        object_pointers=torch.full((1, GEOMETRY.pointer_dim), value),
    )


def features(value: float) -> torch.Tensor:
    return torch.full((1, GEOMETRY.memory_tokens, GEOMETRY.memory_dim), value, dtype=GEOMETRY.memory_dtype)


def follow(bank: MemoryBank, memory: ObjectMemory, frame_idx: int) -> None:
    places = Places(torch.tensor([bank.written(memory, frame_idx)]), 0, 0, filled_up=False)
    bank.write(places, prediction(float(frame_idx)), features(float(frame_idx)))


def stored_value(bank: MemoryBank, memory: ObjectMemory, frame_idx: int) -> tuple[float, float]:
    return (
        bank._features.flatten(0, 1)[bank.feature_row(memory, frame_idx), 0, 0].item(),
        bank._pointers.flatten(0, 1)[bank.pointer_row(memory, frame_idx), 0].item(),
    )


def test_as_many_frames_are_stored_as_the_plan_and_the_history_need() -> None:
    bank = make_bank()
    memory = bank.open(0)
    for frame_idx in range(40):
        follow(bank, memory, frame_idx)
    assert list(memory.features) == list(range(40 - 3 - HISTORY, 40))
    assert list(memory.pointers) == list(range(40 - 5 - HISTORY, 40))
    for frame_idx in memory.features:
        assert stored_value(bank, memory, frame_idx) == (frame_idx, frame_idx)


def test_released_positions_are_used_before_anything_is_given_up() -> None:
    bank = make_bank()
    memory = bank.open(0)
    for frame_idx in range(10):
        follow(bank, memory, frame_idx)
    kept = list(memory.features)
    for frame_idx in range(10, 200):  # none of them is remembered
        follow(bank, memory, frame_idx)
        memory.release(frame_idx)
    assert list(memory.features) == kept[1:]  # one made room once
    for frame_idx in memory.features:
        assert stored_value(bank, memory, frame_idx) == (frame_idx, frame_idx)


def test_positions_are_never_shared_whatever_happens() -> None:
    rng = random.Random(3)
    bank = make_bank()
    memories = [bank.open(0), bank.open(0), bank.open(0)]
    for frame_idx in range(1, 300):
        for memory in memories:
            follow(bank, memory, frame_idx)
            action = rng.random()
            if action < 0.2:
                memory.release(frame_idx)
            elif action < 0.3:
                memory.forget_after(frame_idx - rng.randint(0, HISTORY))
            elif action < 0.4:
                bank.discard(memory, frame_idx)
            elif action < 0.5:
                bank.write_conditioning(
                    memory, frame_idx, prediction(float(frame_idx)), features(float(frame_idx))
                )
        for memory in memories:
            taken = [*memory.features.values(), *memory.free_features]
            assert sorted(taken) == list(range(2, 2 + 3 + HISTORY))
            taken = [*memory.pointers.values(), *memory.free_pointers]
            assert sorted(taken) == list(range(2, 2 + 5 + HISTORY))
            for index in {*memory.features} & {*memory.pointers}:
                rounded = torch.tensor(float(index)).to(GEOMETRY.memory_dtype).item()
                assert stored_value(bank, memory, index) == (rounded, index)


def test_first_prompt_stays_and_the_oldest_of_the_others_goes() -> None:
    bank = make_bank()
    memory = bank.open(0)
    evicted = [
        bank.write_conditioning(memory, index, prediction(1.0), features(1.0)) for index in (0, 3, 5, 5, 9)
    ]
    assert evicted == [None, None, 3, None, 5]
    assert list(memory.conditioning) == [0, 9]


def test_growing_moves_nothing() -> None:
    bank = make_bank()
    memory = bank.open(0)
    follow(bank, memory, 0)
    allocation = bank.allocation
    for _ in range(4):
        bank.open(0)
    assert bank.allocation == allocation + 2
    assert stored_value(bank, memory, 0) == (0, 0)


def test_discarded_frame_shows_the_mask_before_it() -> None:
    bank = make_bank()
    memory = bank.open(0)
    for frame_idx in (6, 7):
        follow(bank, memory, frame_idx)
    bank.discard(memory, 7)
    logits, scores = bank.predictions([memory], 7)
    assert logits.unique().tolist() == [6.0]
    assert scores.tolist() == [[-1024.0, 0.0, 1.0]]
    assert 7 not in {*memory.features, *memory.pointers}


def test_summary_is_the_scores_and_alarms_at_any_number_that_is_none() -> None:
    assert summarise(prediction(3.0), features(2.0)).tolist() == [[3.0, 0.5, 1.0]]
    for value in (float("nan"), float("inf"), float("-inf")):
        for spoil in ("low_res_mask_logits", "object_pointers"):
            spoilt = prediction(3.0)
            getattr(spoilt, spoil).view(-1)[7] = value
            assert summarise(spoilt, features(2.0))[0, 0].isnan()
        memory = features(2.0)
        memory[0, 5, 3] = value
        assert summarise(prediction(3.0), memory)[0, 0].isnan()
