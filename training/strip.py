"""A picture strip to look at: `python -m training.strip CLIP strip.jpg --click 420 300 --start 2`.

The product's own session follows one click over every frame of a clip; moments at even distances are drawn
side by side, the mask in colour, the click as a ring, with the seconds and the object score below.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from training.bank import Image
from training.evaluate import load_tracker

logger = logging.getLogger(__name__)

CELL_WIDTH_PX = 240
COLOUR = np.array([255, 150, 0], np.float32)
"""Of the mask, RGB."""
SCORE_HIDDEN = 0.5
"""Object score below which the strip says "gone"."""


def read_frames(clip: Path, start_s: float, seconds: float) -> Iterator[tuple[float, Image]]:
    """Seconds into the clip and RGB frame, for every frame of a span."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= start_s:
                if frame.time > start_s + seconds:
                    return
                yield frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def draw_cell(image: Image, mask: np.ndarray, caption: str, click: tuple[float, float] | None) -> Image:
    """One moment of the strip, CELL_WIDTH_PX wide."""
    picture = image.copy()
    picture[mask] = (0.45 * picture[mask] + 0.55 * COLOUR).astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    thickness = max(2, image.shape[1] // 320)
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), thickness)
    if click is not None:
        cv2.circle(picture, (round(click[0]), round(click[1])), 5 * thickness, (255, 0, 0), thickness + 1)
    height = round(image.shape[0] * CELL_WIDTH_PX / image.shape[1])
    cell = cv2.resize(picture, (CELL_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    cv2.putText(cell, caption, (4, height - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(
        cell, caption, (4, height - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA
    )
    return np.asarray(cell, np.uint8)


def main() -> None:
    """Parse the command line, follow and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("target", type=Path, help="picture to write")
    parser.add_argument("--weights", type=Path, default=Path("checkpoints/nano.safetensors"))
    parser.add_argument("--click", type=float, nargs=2, required=True, metavar=("X", "Y"))
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the clip")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--columns", type=int, default=4)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    session = load_tracker(arguments.weights).new_session()
    session.add(1, points=[tuple(arguments.click)], labels=[1])
    moments = []
    begun = time.monotonic()
    for seconds, image in read_frames(arguments.clip, arguments.start, arguments.seconds):
        found = session.step(image).objects[1]
        moments.append((seconds, image, found.mask, found.object_score))
    spent = time.monotonic() - begun
    cells = []
    for index in np.linspace(0, len(moments) - 1, arguments.cells).round().astype(int):
        seconds, image, mask, score = moments[index]
        state = "gone" if score < SCORE_HIDDEN else f"{score:.2f}"
        caption = f"{seconds - moments[0][0]:.1f} s  {state}"
        cells.append(draw_cell(image, mask, caption, tuple(arguments.click) if index == 0 else None))
    rows = [np.hstack(cells[i : i + arguments.columns]) for i in range(0, len(cells), arguments.columns)]
    cv2.imwrite(str(arguments.target), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    told = [score < SCORE_HIDDEN for _, _, _, score in moments]
    logger.info("%d frames in %.1f s; gone on %d of them", len(moments), spent, sum(told))


if __name__ == "__main__":
    main()
