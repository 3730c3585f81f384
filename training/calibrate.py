"""Where the object score's zero lies: `python -m training.calibrate CHECKPOINT.pt --work WORK --out NEW.pt`.

Training weighs hidden frames, but the tracker looks at a score for hundreds of frames, not eight, and on
visible frames a miss costs a mask. So the last bias of the score's head is set anew: on clips of 24 frames
made of training material, followed by the product's own tracker, it is moved to where both kinds of frame are
told apart with the same share of mistakes. Held-out clips (`training.evaluate`) then say what that brought.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.model.nano.build import IMAGE_SIZE_PX
from streamtrack.tracking import Tracker
from training.clips import ClipSource, Mixture
from training.evaluate import HELD_OUT_FRAMES, box_prompt, click_prompt, follow, load_tracker
from training.measures import roc_auc
from training.prompts import BoolMask

logger = logging.getLogger(__name__)

LAST_BIAS = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"
SEED = 41
"""Of the clips; training draws others."""
SETTLE_FRAMES = 1
"""Frames after a change on which either answer is right."""


def score_logits(tracker: Tracker, work: Path, num_clips: int) -> tuple[list[float], list[float]]:
    """Object score logits on visible and on hidden frames of training clips."""
    source = ClipSource(work, seed=SEED, mixture=Mixture(scenes=0))
    visible: list[float] = []
    hidden: list[float] = []
    for index in tqdm(range(num_clips), desc="clips"):
        clip = source.sample(IMAGE_SIZE_PX, HELD_OUT_FRAMES, 1)
        make_prompt = box_prompt if index % 2 else click_prompt
        outcome = follow(tracker, list(clip.frames), make_prompt(clip.masks[0, 0]))
        scores = np.clip([score for _, score in outcome], 1e-6, 1 - 1e-6)
        logits = np.log(scores / (1 - scores))
        present = clip.masks[0].any((1, 2))
        steady = steady_frames(present)
        visible += logits[present & steady].tolist()
        hidden += logits[~present & steady].tolist()
    return visible, hidden


def steady_frames(present: BoolMask) -> BoolMask:
    """Frames but the first that are not within SETTLE_FRAMES after a change: (T,)."""
    steady = np.ones(len(present), np.bool_)
    steady[0] = False
    for t in np.flatnonzero(present[1:] != present[:-1]) + 1:
        steady[t : t + SETTLE_FRAMES] = False
    return steady


def equal_error_threshold(visible: npt.ArrayLike, hidden: npt.ArrayLike) -> float:
    """The score at which as large a share of the visible lies below as of the hidden lies above."""
    low, high = np.sort(np.asarray(visible, np.float64)), np.sort(np.asarray(hidden, np.float64))
    candidates = np.unique(np.concatenate([low, high]))
    missed = np.searchsorted(low, candidates, "left") / len(low)
    believed = 1 - np.searchsorted(high, candidates, "left") / len(high)
    return float(candidates[np.abs(missed - believed).argmin()])


def main() -> None:
    """Parse the command line and move the bias."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a run's last.pt")
    parser.add_argument("--work", type=Path, required=True, help="folder that training.build filled")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--share", type=float, default=0.6, help="part of the way that the bias is moved")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    tracker = load_tracker(arguments.checkpoint)
    visible, hidden = score_logits(tracker, arguments.work, arguments.clips)
    threshold = equal_error_threshold(visible, hidden)
    missed, believed = (np.array(visible) < 0).mean(), (np.array(hidden) >= 0).mean()
    # Not all the way: pasted objects are harder than real video, where none in sight may be called gone.
    logger.info(
        "%d visible, %d hidden frames, AUC %.3f; at 0: %.1f %% of the visible called hidden, %.1f %% of the "
        "hidden called visible; both shares are equal at %.2f",
        len(visible),
        len(hidden),
        roc_auc(visible, hidden),
        100 * missed,
        100 * believed,
        threshold,
    )
    state = torch.load(arguments.checkpoint, weights_only=True)
    state["average"][LAST_BIAS] -= arguments.share * threshold
    torch.save({"step": state["step"], "trunk": state["trunk"], "average": state["average"]}, arguments.out)


if __name__ == "__main__":
    main()
