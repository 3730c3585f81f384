"""Weights that are the mean of several checkpoints: `python -m training.average OUT A B C`, of unequal weight
with `--shares 0.65 0.35`.

Late in a run single sequences swing by much from one checkpoint to the next, and from one run to another that
started from the same weights; the mean lies between them all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def mean_of(states: Sequence[dict[str, Tensor]], shares: Sequence[float] | None = None) -> dict[str, Tensor]:
    """The mean of each tensor; of whole numbers, such as counters, the last one's.

    Args:
        shares: how much each counts; None: equally.
    """
    weights = torch.tensor(shares or [1.0] * len(states), dtype=torch.float64)
    weights /= weights.sum()
    return {
        name: sum(
            (float(w) * state[name] for w, state in zip(weights, states, strict=True)),
            start=torch.zeros_like(last),
        )
        if last.is_floating_point()
        else last
        for name, last in states[-1].items()
    }


def main() -> None:
    """Parse the command line and write the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument(
        "checkpoints", type=Path, nargs="+", help="with their running averages, of runs from one start"
    )
    parser.add_argument("--shares", type=float, nargs="*", help="how much each counts; equally without")
    arguments = parser.parse_args()
    if arguments.shares is not None and len(arguments.shares) != len(arguments.checkpoints):
        parser.error(f"{len(arguments.shares)} shares, expected one for each of the checkpoints")
    states = [torch.load(path, weights_only=True) for path in arguments.checkpoints]
    average = mean_of([state["average"] for state in states], arguments.shares)
    last = states[-1]
    torch.save({"step": last["step"], "trunk": last["trunk"], "average": average}, arguments.out)


if __name__ == "__main__":
    main()
