"""What to look at after a quality run: the worst frames, and J over each sequence as curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.quality import ScoredFrame
from streamtrack.frame import BoolMask, Image

RIGHT = (60, 200, 90)
TOO_MUCH = (230, 60, 50)
MISSED = (60, 110, 240)
"""RGB of a mask's right pixels, of those off the object, and of the object's that it lacks."""
OPACITY = 0.55


class WorstFrames:
    """Keeps the worst frame of each sequence, in bounded memory, and draws it."""

    def __init__(self) -> None:
        self._worst: dict[str, ScoredFrame] = {}

    def see(self, frame: ScoredFrame) -> None:
        """Keep a frame where it is its sequence's worst so far."""
        known = self._worst.get(frame.sequence)
        if known is None or frame.score < known.score:
            self._worst[frame.sequence] = frame

    def write(self, folder: Path) -> None:
        """One PNG for each sequence: green is right, red is too much, blue is missed."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self._worst.items():
            picture = draw(frame)
            text = f"{name} frame {frame.frame_idx}, J&F {frame.score:.2f}"
            for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                cv2.putText(
                    picture, text, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, width, cv2.LINE_AA
                )
            cv2.imwrite(str(folder / f"{name}_{frame.frame_idx:05d}.png"), picture[..., ::-1])


def draw(frame: ScoredFrame) -> Image:
    """An (H, W, 3) RGB picture of a frame with its right, surplus and missed pixels tinted."""
    picture = frame.image.astype(np.float32)
    for object_id, truth in frame.truth.items():
        mask = frame.masks[object_id]
        for where, colour in ((mask & truth, RIGHT), (mask & ~truth, TOO_MUCH), (truth & ~mask, MISSED)):
            _tint(picture, where, colour)
    return picture.astype(np.uint8)


def _tint(
    picture: np.ndarray[Any, np.dtype[np.float32]], where: BoolMask, colour: tuple[int, int, int]
) -> None:
    picture[where] = (1 - OPACITY) * picture[where] + OPACITY * np.array(colour, np.float32)


def plot_region(curves: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """J over the frames of each sequence, one panel a sequence, one line a follower.

    Args:
        curves: by sequence, then by follower, J per frame.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure, panels = pyplot.subplots(
        rows, columns, figsize=(3.6 * columns, 2.4 * rows), sharey=True, squeeze=False, layout="constrained"
    )
    for panel in panels.flat[len(curves) :]:
        panel.set_axis_off()
    for panel, (name, lines) in zip(panels.flat, curves.items(), strict=False):
        for follower, values in lines.items():
            panel.plot(values, label=follower, linewidth=1.4)
        panel.set(title=name, ylim=(0, 1), xlabel="frame")
    panels[0, 0].set_ylabel("J")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
