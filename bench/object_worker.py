"""Sessions of 1 and more objects of one tracker, in a process of its own, for `bench scaling`.

    PYTHONPATH=CHECKOUT python bench/object_worker.py

Commands come as JSON lines on stdin, answers go as JSON lines to stdout; between its turns it sleeps on the
pipe. It asks of `streamtrack` and `bench` only what former versions had as well: another checkout, first on
PYTHONPATH, can take turns with this one.

On a CPU memories are filled with what the network finds of one object, once for all sessions: to follow 63
objects of a large network until they remember enough would take a quarter of an hour, and a step costs the
same whatever is remembered.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from torch import Tensor

from bench.models import make_tracker
from bench.scenario import FILL_FRAMES, add_objects, make_pictures, time_steps
from streamtrack.config import TrackingConfig
from streamtrack.frame import Image
from streamtrack.model.interface import FrameFeatures, MaskPrediction, MemoryRead, Network
from streamtrack.tracking import Session

Batch = TypeVar("Batch", MaskPrediction, MemoryRead)


class Filling:
    """Fills sessions of one network on a CPU; that looks at each picture once, and follows one object.

    Args:
        pictures: that all of them see first.
    """

    def __init__(self, network: Network, pictures: Sequence[Image]) -> None:
        self._network = network
        self._pictures = pictures
        self._encode, self._follow = network.encode, network.follow
        self._index = 0
        self._features: dict[int, FrameFeatures] = {}
        self._found: dict[int, tuple[MaskPrediction, Tensor]] = {}

    def fill(self, session: Session) -> None:
        """Let a session with prompts see the pictures: its objects find what the first one finds."""
        network: Any = self._network
        network.encode, network.follow = self._encode_once, self._follow_one
        try:
            for index, picture in enumerate(self._pictures):
                self._index = index
                session.step(picture)
        finally:
            del network.encode, network.follow

    def _encode_once(self, image: Tensor) -> FrameFeatures:
        if self._index not in self._features:
            self._features[self._index] = self._encode(image)
        return self._features[self._index]

    def _follow_one(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        objects = len(memory.features)
        if self._index not in self._found:
            self._found[self._index] = self._follow(features, _each(memory, lambda part: part[:1]))
        prediction, remembered = self._found[self._index]
        for_all = _each(prediction, lambda part: part.repeat_interleave(objects, dim=0))
        return for_all, remembered.repeat_interleave(objects, dim=0)


def _each(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """With each tensor, whose first dimension is the objects, changed."""
    parts: dict[str, Any] = {field.name: getattr(batch, field.name) for field in fields(batch)}
    changed: dict[str, Any] = {name: change(part) for name, part in parts.items() if isinstance(part, Tensor)}
    return replace(batch, **changed)


class Worker:
    """A session for each number of objects, each with a full memory."""

    def start(
        self, model: dict[str, Any], name: str, device: str, threads: int, counts: list[int], frames: int
    ) -> dict[str, Any]:
        """Load and fill every memory; says whether it runs compiled."""
        tracker, weights = make_tracker(name, device=device, threads=threads, **model)
        self._device = tracker.device
        self._pictures = make_pictures(FILL_FRAMES + frames)
        self._sessions = {}
        self._index = dict.fromkeys(counts, FILL_FRAMES)
        network = tracker.model.network
        first = self._pictures[:FILL_FRAMES]
        filling = Filling(network, first) if network.device.type == "cpu" else None
        for count in counts:
            session = tracker.new_session(TrackingConfig(max_objects=count, window="off"))
            add_objects(session, count)
            if filling is None:
                time_steps(session, first, self._device)
            else:
                filling.fill(session)
            self._sessions[count] = session
        return {
            "weights": weights,
            "compiled": network.compiled is not None,
            "filled_with_one": filling is not None,
        }

    def step(self, count: int) -> dict[str, Any]:
        """Seconds of the next step of the session with so many objects."""
        picture = self._pictures[self._index[count]]
        self._index[count] += 1
        [seconds] = time_steps(self._sessions[count], [picture], self._device)
        return {"seconds": seconds}


def main() -> None:
    """Answer commands until stdin ends."""
    # Whatever a library prints must not land among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
