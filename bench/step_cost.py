"""What the steps of a session cost: by the clock, of the processor, and what of that the encoder takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from bench.scenario import time_steps
from streamtrack.frame import FrameResult, Image
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Session


@dataclass(slots=True)
class StepCost:
    """Of a session's steps on the processor, one after the other."""

    seconds: list[float] = field(default_factory=list)
    """By the clock."""
    worked: list[float] = field(default_factory=list)
    """Seconds of the processor."""
    encoding: list[float] = field(default_factory=list)
    """Of those, in passes of the encoder."""
    passes: list[int] = field(default_factory=list)
    """Of the encoder: one for each window that is looked through."""

    def step(self, session: Session, image: Image, on_result: Callable[[FrameResult], object]) -> None:
        """Take a step and its cost."""
        with _watched_encoder() as encoding:
            started = time.process_time()
            self.seconds += time_steps(session, [image], "cpu", on_result)
            self.worked.append(time.process_time() - started)
        self.encoding.append(sum(encoding))
        self.passes.append(len(encoding))

    def as_json(self) -> dict[str, float]:
        """Milliseconds of a step: the median by the clock, means of the processor; and passes a step."""
        return {
            "step_ms": 1000 * float(np.median(self.seconds)),
            "processor_ms": 1000 * float(np.mean(self.worked)),
            "encoder_ms": 1000 * float(np.mean(self.encoding)),
            "encoder_passes": float(np.mean(self.passes)),
        }


@contextmanager
def _watched_encoder() -> Iterator[list[float]]:
    """Seconds of the processor in each pass of the encoder meanwhile."""
    seconds: list[float] = []
    encode = Sam2Network.encode

    def watched(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return encode(*args, **kwargs)
        finally:
            seconds.append(time.process_time() - started)

    with mock.patch.object(Sam2Network, "encode", watched):
        yield seconds
