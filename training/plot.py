"""Loss curves as a picture: `python -m training.plot WORK/runs/NAME/log.jsonl curve.png`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

SMOOTH_OVER = 9
"""Points of the running median."""


def plot(logs: list[Path], target: Path) -> None:
    """Draw loss and IoU over the steps of one or more runs, one after the other."""
    rows = []
    offset = 0
    for log in logs:
        run = [json.loads(line) for line in log.read_text().splitlines()]
        rows += [{**row, "step": row["step"] + offset} for row in run]
        offset = rows[-1]["step"]
    steps = np.array([row["step"] for row in rows])
    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(8, 6), layout="constrained")
    upper.plot(steps, _smooth([row["loss"] for row in rows]), color="tab:red")
    upper.set_ylabel("training loss")
    for key, label in (
        ("first_iou_box", "first mask, box"),
        ("first_iou_click", "first mask, click"),
        ("tracked_iou", "tracked"),
    ):
        lower.plot(steps, _smooth([row[key] for row in rows]), label=label)
    lower.set_ylabel("IoU on training clips")
    lower.set_xlabel("step")
    lower.legend()
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(target, dpi=110)


def _smooth(values: list[float]) -> np.ndarray:
    padded = np.pad(np.array(values, np.float64), SMOOTH_OVER // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTH_OVER)
    return np.asarray(np.nanmedian(windows, axis=1))


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    plot(arguments.logs, arguments.target)


if __name__ == "__main__":
    main()
