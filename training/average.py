"""Weights that are the mean of several checkpoints: `python -m training.average OUT A B C`.

Late in a run single sequences swing by much from one checkpoint to the next, and from one run to another that
started from the same weights; the mean lies between them all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def mean_of(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor; of whole numbers, such as counters, the last one's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if last.is_floating_point() else last
        for name, last in states[-1].items()
    }


def main() -> None:
    """Parse the command line and write the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument(
        "checkpoints", type=Path, nargs="+", help="with their running averages, of runs from one start"
    )
    arguments = parser.parse_args()
    states = [torch.load(path, weights_only=True) for path in arguments.checkpoints]
    average = mean_of([state["average"] for state in states])
    last = states[-1]
    torch.save({"step": last["step"], "trunk": last["trunk"], "average": average}, arguments.out)


if __name__ == "__main__":
    main()
