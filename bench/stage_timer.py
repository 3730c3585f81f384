"""Times the stages of a session's step from outside, by wrapping the calls into the network."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from streamtrack.model.network import Network

STAGES = {
    "encode_image": "encode",
    "assemble_memory": "memory attention",
    "condition_on_memory": "memory attention",
    "decode_unprompted": "decode",
    "encode_memory": "memory encode",
}
"""Calls of `Network` and the stage that each belongs to. The rest of a step (resize, upload, bookkeeping,
download, masks at the frame's size) is `around`."""


class StageTimer:
    """Seconds by stage. It waits for the device around every call, which makes a step slower."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count every call made inside."""
        wrapped = {name: self._timed(getattr(Network, name), stage) for name, stage in STAGES.items()}
        with mock.patch.multiple(Network, **wrapped):
            yield

    def _timed(self, call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            synchronise(self._device)
            started = time.perf_counter()
            result = call(*args, **kwargs)
            synchronise(self._device)
            self.seconds[stage] += time.perf_counter() - started
            return result

        return timed


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
