"""`streamtrack serve` whose steps fail when they are told to: the product as it is, with a hand on the model.

    python -m bench.soak_server serve config.yaml

A line `STREAM KIND SECONDS` on standard input spoils the steps of one stream for so long. Kinds: `raise`,
`memory` (there is none left), `nan` (the network's numbers are none), `hang` (a step takes so long).
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import torch

from streamtrack.engine.runner import EagerRunner
from streamtrack.model.interface import FrameFeatures

MORE_THAN_THERE_IS = 1 << 60
"""Bytes."""
KINDS = ("raise", "memory", "nan", "hang")


class Spoiler:
    """What goes wrong now, by stream."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def obey(self) -> None:
        """Take orders until the input ends."""
        for line in sys.stdin:
            stream, kind, seconds = line.split()
            self._until[stream, kind] = time.monotonic() + float(seconds)

    def left_s(self, kind: str) -> float:
        """How long steps of the stream of this thread go wrong in this way; 0.0: they do not."""
        stream = threading.current_thread().name.removeprefix("track-")
        return max(0.0, self._until.get((stream, kind), 0.0) - time.monotonic())


def spoil_steps(spoiler: Spoiler) -> None:
    """Put the spoiler between the product and its model."""
    real_encode = EagerRunner.encode

    def encode(runner: EagerRunner, *args: Any) -> FrameFeatures:
        if spoiler.left_s("raise"):
            raise RuntimeError("the network was made to fail")
        if spoiler.left_s("memory"):
            torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)
        time.sleep(spoiler.left_s("hang"))
        features = real_encode(runner, *args)
        if not spoiler.left_s("nan"):
            return features
        return features.like([part * float("nan") for part in features.tensors()])

    EagerRunner.encode = encode  # type: ignore[method-assign, assignment]


def main() -> None:
    """Spoil, then serve."""
    from streamtrack.cli.main import main as serve

    spoiler = Spoiler()
    spoil_steps(spoiler)
    threading.Thread(target=spoiler.obey, name="spoiler", daemon=True).start()
    serve()


if __name__ == "__main__":
    main()
