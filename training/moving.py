"""Real tracks from cameras that stand still: `python -m training.moving WORK --clips CLIPS`.

What differs from the median of all frames moves. On a fixed camera that is a good outline of a person too
small for a detector to outline: one piece, linked from sample to sample while its size is steady, so that two
who meet end both tracks. Where the detector sees several objects in a piece the piece is left out.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.detect import Box, Detector, box_iou
from streamtrack.detect.coco_detector import load_detector
from training.bank import Image
from training.outline import to_edges
from training.selftrain import write_tracks

logger = logging.getLogger(__name__)

BoolMask = npt.NDArray[np.bool_]

CLIPS = {
    "vtest": (0, 480),
    "person-bicycle-car-detection": (0, 10**6),
}
"""Clips of a fixed camera, and the frames of each that are trained on: vtest's end is kept for looking."""
SAMPLE_EVERY = 2
MEDIAN_FRAMES = 61
WEAK, STRONG = 14.0, 34.0
"""Difference from the background, of 255: a piece holds some that is strong, and all that is weak."""
SHADOW_DARKEST, SHADOW_COLOUR = 0.45, 0.035
"""A shadow keeps at least this share of the light, and its colours' shares but for this."""
MIN_AREA_PX, MIN_SIDE_PX = 180, 9
MAX_AREA_SHARE = 0.25
MAX_AREA_CHANGE = 1.3
"""From one sample to the next."""
MIN_LINK_IOU = 0.3
MIN_KEPT = 6
"""Samples of a track that is kept."""
MIN_SEEN = 0.25
"""Share of a track's samples on which the detector saw it as one."""
MIN_BOX_IOU = 0.5
PREFIX = "moving_"
REJECTED = {"vtest": (5, 14, 32), "person-bicycle-car-detection": (1,)}
"""By clip: tracks left out by eye, two who met or an outline that caught the ground."""


@dataclass(eq=False)
class Moving:
    """One piece on consecutive samples."""

    masks: dict[int, BoolMask] = field(default_factory=dict)
    boxes: dict[int, Box] = field(default_factory=dict)
    seen: int = 0
    """Samples on which the detector saw it as one object."""

    @property
    def last(self) -> int:
        """The newest sample."""
        return max(self.masks)


def read_samples(clip: Path, start: int, stop: int) -> list[Image]:
    """Every SAMPLE_EVERY-th frame of a span, RGB at the clip's own size."""
    frames = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= stop:
                break
            if index >= start and index % SAMPLE_EVERY == 0:
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    return frames


def background_of(frames: Sequence[Image]) -> Image:
    """The median over frames spread evenly: what stands still."""
    chosen = np.linspace(0, len(frames) - 1, min(MEDIAN_FRAMES, len(frames))).round().astype(int)
    return np.asarray(np.median(np.stack([frames[k] for k in chosen]), 0), np.uint8)


def foreground(frame: Image, background: Image) -> BoolMask:
    """What is neither background nor its shadow: (H, W)."""
    now, still = (cv2.GaussianBlur(p, (3, 3), 0).astype(np.float32) for p in (frame, background))
    difference = np.abs(now - still).max(-1)
    light, still_light = now.sum(-1) + 1, still.sum(-1) + 1
    colour = np.abs(now / light[..., None] - still / still_light[..., None]).max(-1)
    ratio = light / still_light
    shadow = (ratio < 0.98) & (ratio > SHADOW_DARKEST) & (colour < SHADOW_COLOUR) & (difference < 2 * STRONG)
    weak = ((difference > WEAK) & ~shadow).astype(np.uint8)
    weak = cv2.morphologyEx(weak, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    weak = cv2.morphologyEx(weak, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, numbered = cv2.connectedComponents(weak)
    strong = np.unique(numbered[(difference > STRONG) & (weak > 0)])
    return np.isin(numbered, strong[strong > 0])


def pieces_of(moving: BoolMask) -> list[tuple[BoolMask, Box]]:
    """Solid pieces of a useful size that don't touch the picture's border."""
    height, width = moving.shape
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(moving.astype(np.uint8))
    pieces = []
    for number in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[number])
        at_border = x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1
        if area < MIN_AREA_PX or area > MAX_AREA_SHARE * moving.size or min(w, h) < MIN_SIDE_PX or at_border:
            continue
        piece = (numbered == number).astype(np.uint8)
        outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = np.zeros_like(piece)
        cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
        pieces.append((filled > 0, (float(x), float(y), float(x + w), float(y + h))))
    return pieces


def objects_in(box: Box, detected: Sequence[Box]) -> int:
    """How many detections have their middle in a box."""
    middles = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in detected]
    return sum(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in middles)


def link_moving(frames: Sequence[Image], detector: Detector) -> list[Moving]:
    """Tracks of pieces through samples of a fixed camera."""
    background, done, live = background_of(frames), list[Moving](), list[Moving]()
    for t, frame in enumerate(frames):
        detected = [found.box for found in detector.detect(frame)]
        pieces = [
            piece for piece in pieces_of(foreground(frame, background)) if objects_in(piece[1], detected) <= 1
        ]
        going = []
        for mask, box in pieces:
            track = _before(live, t, mask, box) or Moving()
            if track in live:
                live.remove(track)
            track.masks[t], track.boxes[t] = mask, box
            track.seen += any(box_iou(box, other) > MIN_BOX_IOU for other in detected)
            going.append(track)
        done += live
        live = going
    return [
        track
        for track in done + live
        if len(track.masks) >= MIN_KEPT and track.seen >= MIN_SEEN * len(track.masks)
    ]


def _before(live: Sequence[Moving], t: int, mask: BoolMask, box: Box) -> Moving | None:
    """The track that a piece goes on, by overlap and steady size."""
    for track in live:
        if track.last != t - 1 or box_iou(track.boxes[t - 1], box) < MIN_LINK_IOU:
            continue
        change = mask.sum() / track.masks[t - 1].sum()
        if 1 / MAX_AREA_CHANGE < change < MAX_AREA_CHANGE:
            return track
    return None


def main() -> None:
    """Parse the command line and write the tracks; a clip that is done is not done again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("--clips", type=Path, required=True, help="folder of real clips")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    detector = load_detector(0.3)
    for name, (start, stop) in tqdm(CLIPS.items(), desc="clips"):
        clip = next(arguments.clips.glob(f"{name}.*"), None)
        folder = arguments.work / "tracks" / f"{PREFIX}{name}"
        if clip is None or folder.exists():
            continue
        frames = read_samples(clip, start, stop)
        tracks = [
            {t: to_edges(frames[t], mask) for t, mask in track.masks.items()}
            for index, track in enumerate(link_moving(frames, detector))
            if index not in REJECTED.get(name, ())
        ]
        if tracks:
            write_tracks(folder, frames, tracks)
        logger.info("%s: tracks of %s", name, [len(track) for track in tracks])


if __name__ == "__main__":
    main()
