"""Is an object found again that moved far while nobody saw? `python -m training.gaps WEIGHTS ...`

Each object of the scene `leave` is clicked and followed for half a second; then the video goes on elsewhere
in the scene, as after a camera's power cut. Found again: a mean IoU of FOUND_IOU on frames 9 to 16 after it.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker
from training.evaluate import click_prompt, load_tracker
from training.measures import region_similarity

logger = logging.getLogger(__name__)

SCENE = "leave?width=320&height=192&fps=20"
STARTS, GOES_ON_AT = (20, 31, 45), (0, 10, 50, 60)
"""Frames of the scene."""
FOLLOWED_FRAMES, SEEN_FRAMES, SETTLE_FRAMES = 12, 16, 8
MIN_AREA_PX = 60
FOUND_IOU = 0.8


def iou_after_gap(tracker: Tracker, object_id: int, start: int, goes_on_at: int) -> float | None:
    """Mean IoU after the gap; None where the object is out of the picture before or after it."""
    scene = make_scene(SCENE)
    image, masks = scene.render(start)
    if object_id not in masks or masks[object_id].sum() < MIN_AREA_PX:
        return None
    session = tracker.new_session()
    session.add(1, **click_prompt(masks[object_id]))
    for index in range(start, start + FOLLOWED_FRAMES):
        session.step(scene.render(index)[0])
    ious = []
    for index in range(goes_on_at, goes_on_at + SEEN_FRAMES):
        image, masks = scene.render(index)
        mask = session.step(image).objects[1].mask
        truth = masks.get(object_id)
        if truth is not None and truth.sum() >= MIN_AREA_PX and index >= goes_on_at + SETTLE_FRAMES:
            ious.append(region_similarity(mask, truth))
    return float(np.mean(ious)) if ious else None


def main() -> None:
    """Parse the command line and print how often each file's weights find the object again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(2)
    for path in arguments.weights:
        tracker = load_tracker(path)
        ious = [
            iou
            for object_id in make_scene(SCENE).render(0)[1]
            for start in STARTS
            for goes_on_at in GOES_ON_AT
            if (iou := iou_after_gap(tracker, object_id, start, goes_on_at)) is not None
        ]
        found = sum(iou >= FOUND_IOU for iou in ious)
        logger.info(
            "%s: found again after %d of %d gaps, mean IoU %.2f", path, found, len(ious), np.mean(ious)
        )


if __name__ == "__main__":
    main()
