"""The step never waits for its device by accident; objects that remember equally much share one pass."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch

from streamtrack.config import TrackingConfig
from streamtrack.frame import Image
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Tracker
from tests.support.pictures import ellipse

SYNCS = ("item", "cpu", "tolist", "nonzero", "numpy", "__bool__", "__int__", "__float__", "__index__")
"""Methods of a tensor that wait for its device."""
STEP_FUNCTIONS = {"propagate_no_sync": "frame_follower", "condition_no_sync": "follower"}


@contextmanager
def trap_syncs() -> Iterator[None]:
    """Fail on any method that would make the host wait for a GPU."""

    def trap(name: str) -> Callable[..., Any]:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"Tensor.{name} was called inside the step: the host would wait here")

        return fail

    traps: dict[str, Any] = {name: trap(name) for name in SYNCS}
    with mock.patch.multiple(torch.Tensor, **traps):
        yield


def test_trap_catches_a_sync() -> None:
    with trap_syncs(), pytest.raises(AssertionError, match=r"Tensor\.item was called"):
        torch.ones(()).item()


def test_step_does_not_wait_for_the_device(
    nano: Tracker, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for name, module in STEP_FUNCTIONS.items():
        original = getattr(importlib.import_module(f"streamtrack.engine.{module}"), name)

        def trapped(*args: Any, original: Callable[..., Any] = original, **kwargs: Any) -> Any:
            calls.append(original.__name__)
            with trap_syncs():
                return original(*args, **kwargs)

        monkeypatch.setattr(f"streamtrack.engine.{module}.{name}", trapped)
    session = nano.new_session()
    session.add(1, points=[(100, 80)])
    session.add(2, box=(150, 50, 230, 120))
    session.add(3, mask=ellipse((60, 116), (40, 35)))
    for index, image in enumerate(images[:4]):
        session.step(image)
        if index == 2:
            session.correct(1, points=[(60, 120)], labels=[0])
    assert set(calls) == set(STEP_FUNCTIONS)


def test_objects_that_remember_equally_much_share_one_pass(
    nano: Tracker, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    read = Sam2Network.condition_on_memory

    def counted(self: Sam2Network, features: Any, memory: Any) -> Any:
        batches.append(memory.values.shape[0])
        return read(self, features, memory)

    monkeypatch.setattr(Sam2Network, "condition_on_memory", counted)
    session = nano.new_session(TrackingConfig(window="off"))
    for object_id, x in ((1, 100), (2, 190), (3, 60)):
        session.add(object_id, points=[(x, 85)])
    session.step(images[0])
    session.step(images[1])
    session.add(4, points=[(150, 20)])
    session.step(images[2])
    session.step(images[3])
    assert batches == [3, 3, 3, 1]  # the fourth remembers less until its memory has filled
