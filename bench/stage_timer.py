"""Times the stages of a session's step from outside, by wrapping the calls that make it up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch

from streamtrack.engine import runner, staging
from streamtrack.model.families import FAMILIES
from streamtrack.tracking import results

CALLS: tuple[tuple[object, str, str], ...] = (
    (runner, "to_input", "upload"),
    # families may share a network's code: each call is wrapped once
    *dict.fromkeys(call for family in FAMILIES.values() for call in family.timed_calls),
    (results, "crop_mask", "post-process"),
    (results, "measure_crop", "post-process"),
    # each device has its own
    (runner.EagerRunner, "download", "download"),
    (staging.Download, "__call__", "download"),
)
"""Where each stage is called. A stage's time is its own: a call inside another one is taken out of it."""
WHOLE_CALLS: tuple[tuple[object, str, str], ...] = tuple(
    (network, name, stage)
    for network in dict.fromkeys(
        network for family in FAMILIES.values() for network, _, _ in family.timed_calls
    )
    for name, stage in (("encode", "encode"), ("follow", "compiled follow"))
)
"""Around several of those. Compiled, they are one library each, and nothing inside them is called."""
STAGES = tuple(dict.fromkeys(stage for _, _, stage in (*CALLS, *WHOLE_CALLS)))
"""In the order of a step. What remains of a step (bookkeeping, history) is `rest`."""


class StageTimer:
    """Seconds by stage. It waits for the device around every call, which makes a step slower."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._inside: list[float] = []
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count every call made inside."""
        with ExitStack() as patches:
            for owner, name, stage in (*CALLS, *WHOLE_CALLS):
                patches.enter_context(
                    mock.patch.object(owner, name, self._timed(getattr(owner, name), stage))
                )
            yield

    def _timed(self, call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            synchronise(self._device)
            self._inside.append(0.0)
            started = time.perf_counter()
            try:
                result = call(*args, **kwargs)
                synchronise(self._device)
                return result
            finally:
                whole = time.perf_counter() - started
                self.seconds[stage] += whole - self._inside.pop()
                if self._inside:
                    self._inside[-1] += whole

        return timed


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
