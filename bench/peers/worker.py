"""Runs one contender: commands come as JSON lines on stdin, answers go as JSON lines to stdout.

    python -m bench.peers.worker sam2

A process of its own, so that each contender's memory is its own and its packages may be of its own
environment. Between its turns it sleeps on the pipe.
"""

from __future__ import annotations

import base64
import gc
import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np
import psutil
import torch

from bench.peers.contender import CONTENDERS, Case, Contender, Refused
from bench.scenario import make_masks, make_pictures
from bench.stage_timer import synchronise


class Worker:
    """A contender, the frame that it has come to, and what it said last."""

    def __init__(self, name: str) -> None:
        self._module = CONTENDERS[name].module
        self._contender: Contender | None = None
        self._index = 0
        self._outcome: Any = None

    def start(self, case: dict[str, Any]) -> dict[str, Any]:
        """Load; `refused` says why not."""
        self._case = Case(**case)
        pictures = make_pictures(self._case.frames)
        masks = np.stack(make_masks(self._case.objects))
        try:
            contender: Contender = importlib.import_module(self._module).CONTENDER()
            contender.start(self._case, pictures, masks)
        except (Refused, ImportError) as error:
            return {"refused": str(error)}
        self._contender = contender
        return {"weights": contender.weights, "frame_bytes": pictures[0].nbytes}

    def run(self, count: int) -> dict[str, Any]:
        """Track the next `count` frames: seconds of each step, and of preprocessing that was done before."""
        contender = self._require()
        steps, prepares = [], []
        for _ in range(count):
            synchronise(self._case.device)
            started = time.perf_counter()
            self._outcome = contender.step(self._index)
            synchronise(self._case.device)
            stepped = time.perf_counter()
            contender.prepare(self._index)
            prepares.append(time.perf_counter() - stepped)
            steps.append(stepped - started)
            self._index += 1
        return {"step_seconds": steps, "prepare_seconds": prepares}

    def masks(self) -> dict[str, Any]:
        """The masks of the newest frame."""
        masks = self._require().masks(self._outcome)
        packed = base64.b64encode(np.packbits(masks).tobytes()).decode()
        return {"shape": masks.shape, "bits": packed}

    def memory(self) -> dict[str, Any]:
        """What this process holds."""
        gc.collect()
        cuda = self._case.device == "cuda"
        return {
            "frame": self._index,
            "resident_bytes": psutil.Process().memory_info().rss,
            "tensor_bytes": held_tensor_bytes(),
            "gpu_allocated_bytes": torch.cuda.memory_allocated() if cuda else None,
        }

    def _require(self) -> Contender:
        assert self._contender is not None, "run before start"
        return self._contender


def held_tensor_bytes() -> int:
    """Bytes of every tensor that anything in this process holds on to, shared storage counted once.

    Weights in a compiled network's own layout are opaque and left out: they do not grow.
    """
    storages = {}
    for one in gc.get_objects():
        if type(one) in (torch.Tensor, torch.nn.Parameter) and one.layout is torch.strided:
            storage = one.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def main() -> None:
    """Answer commands until stdin ends."""
    # Whatever a library prints must not land among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
