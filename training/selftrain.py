"""Real tracks by the network itself: `python -m training.selftrain WORK --clips CLIPS`.

The detector's boxes, linked over sampled frames, say what to follow. The network follows each object twice:
from its surest box in the first half of its track, and, mirrored, from the surest one in the second half,
both forward and backward in time. What both passes and the detector agree on, its outline drawn to the
picture's edges by GrabCut, becomes a track for the next round of training. Each round replaces the tracks of
the one before, and the mined ones of its clips.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.detect import Box, Detection, Detector, box_iou
from streamtrack.detect.coco_detector import load_detector
from streamtrack.tracking import Tracker
from training.bank import Image
from training.evaluate import follow, load_tracker
from training.measures import region_similarity
from training.outline import clean_mask, to_edges

logger = logging.getLogger(__name__)

BoolMask = npt.NDArray[np.bool_]

HEIGHT_PX = 360
"""Clips are followed and stored at this height."""
SAMPLE_EVERY = 3
"""Source frames from one sample to the next."""
SEGMENT_SAMPLES = 44
"""Samples followed in one go; a longer clip gives several segments."""
MAX_SEGMENTS = 4
MAX_TRACKS = 5
"""Tracks of one segment, longest and surest first."""
MIN_SIDE_PX = 24
MIN_DETECTIONS = 5
MIN_LINK_IOU = 0.3
MAX_LINK_GAP = 3
"""Samples on which the detector may miss an object."""
MIN_AGREEMENT = 0.75
"""IoU of the two passes' masks on a sample that is kept."""
MIN_AGREEMENT_ALONE = 0.87
"""The same where the detector saw nothing there."""
MIN_BOX_IOU = 0.6
"""IoU of the mask's bounding box with the detector's."""
MIN_KEPT = 5
"""Samples of a track that is kept."""
PREFIX = "self_"
"""Of the folders under WORK/tracks that this stage owns."""


@dataclass
class Found:
    """One object's detections by sample index."""

    class_name: str
    detections: dict[int, Detection]

    @property
    def last(self) -> int:
        """The newest sample with a detection."""
        return max(self.detections)

    def surest(self, *, in_first_half: bool) -> int:
        """The sample of the best detection in one half of the track."""
        times = sorted(self.detections)
        half = times[: (len(times) + 1) // 2] if in_first_half else times[len(times) // 2 :]
        return max(half, key=lambda t: self.detections[t].score)


def link(found: Sequence[Sequence[Detection]]) -> list[Found]:
    """Join detections of one class that overlap from sample to sample; longest and surest first."""
    tracks: list[Found] = []
    for t, detections in enumerate(found):
        taken: list[Found] = []
        for detection in detections:
            if any(box_iou(detection.box, track.detections[t].box) > 0.6 for track in taken):
                continue
            open_tracks = [
                track
                for track in tracks
                if track.class_name == detection.class_name
                and track not in taken
                and t - track.last <= MAX_LINK_GAP
            ]
            best = max(
                open_tracks,
                key=lambda track: box_iou(track.detections[track.last].box, detection.box),
                default=None,
            )
            if best is None or box_iou(best.detections[best.last].box, detection.box) < MIN_LINK_IOU:
                best = Found(detection.class_name, {})
                tracks.append(best)
            best.detections[t] = detection
            taken.append(best)
    long = [track for track in tracks if len(track.detections) >= MIN_DETECTIONS]
    return sorted(long, key=lambda track: -sum(d.score for d in track.detections.values()))


def follow_both_ways(
    tracker: Tracker, frames: Sequence[Image], start: int, box: Box
) -> list[BoolMask | None]:
    """Masks from one box, forward and backward from its frame; None where the object is said to be hidden."""
    masks: list[BoolMask | None] = [None] * len(frames)
    for order in (range(start, len(frames)), range(start, -1, -1)):
        prompt = {"box": box}
        for t, (mask, score) in zip(order, follow(tracker, [frames[t] for t in order], prompt), strict=True):
            masks[t] = mask if score > 0.5 and mask.any() else None
    return masks


def mirrored(frames: Sequence[Image], box: Box) -> tuple[list[Image], Box]:
    """The frames and the box, left and right exchanged."""
    width = frames[0].shape[1]
    flipped = [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]
    return flipped, (width - box[2], box[1], width - box[0], box[3])


def agreed_masks(tracker: Tracker, frames: Sequence[Image], found: Found) -> dict[int, BoolMask]:
    """Masks of one object on the samples where both passes and the detector agree."""
    first = min(found.detections)
    window = range(max(0, first - 2), min(len(frames), found.last + 3))
    clip = [frames[t] for t in window]
    early, late = found.surest(in_first_half=True), found.surest(in_first_half=False)
    one = follow_both_ways(tracker, clip, early - window.start, found.detections[early].box)
    turned, box = mirrored(clip, found.detections[late].box)
    two = follow_both_ways(tracker, turned, late - window.start, box)
    kept = {}
    for t, ours, theirs in zip(window, one, two, strict=True):
        if ours is None or theirs is None:
            continue
        theirs = theirs[:, ::-1]
        seen = found.detections.get(t)
        needed = MIN_AGREEMENT if seen else MIN_AGREEMENT_ALONE
        if region_similarity(ours, theirs) < needed:
            continue
        mask = clean_mask(ours & theirs, ours | theirs)
        if mask is None:
            continue
        mask = to_edges(frames[t], mask)
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        if min(width, height) < MIN_SIDE_PX / 2:
            continue
        if seen and box_iou(seen.box, (x, y, x + width, y + height)) < MIN_BOX_IOU:
            continue
        kept[t] = mask
    return kept


def read_segments(
    clip: Path, samples: int = SEGMENT_SAMPLES, max_segments: int = MAX_SEGMENTS
) -> list[list[Image]]:
    """Sampled frames of a clip in at most `max_segments` runs of at most `samples`, spread over it."""
    frames = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % SAMPLE_EVERY == 0:
                width = round(frame.width * HEIGHT_PX / frame.height)
                picture = frame.to_ndarray(format="rgb24")
                frames.append(cv2.resize(picture, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA))
    count = min(max_segments, max(1, len(frames) // samples))
    bounds = np.linspace(0, len(frames), count + 1).astype(int)
    return [[np.asarray(f, np.uint8) for f in frames[a:b][:samples]] for a, b in pairwise(bounds)]


def selftrain_clip(clip: Path, tracker: Tracker, detector: Detector, tracks: Path) -> list[int]:
    """Write a clip's agreed tracks; returns the number of samples of each."""
    lengths = []
    for number, frames in enumerate(read_segments(clip)):
        objects = link([detector.detect(frame) for frame in frames])
        good = []
        for found in objects[:MAX_TRACKS]:
            boxes = [detection.box for detection in found.detections.values()]
            if np.median([min(box[2] - box[0], box[3] - box[1]) for box in boxes]) < MIN_SIDE_PX:
                continue
            masks = agreed_masks(tracker, frames, found)
            if len(masks) >= MIN_KEPT:
                good.append(masks)
        if good:
            shutil.rmtree(tracks / clip.stem, ignore_errors=True)  # mined ones are coarser
            write_tracks(tracks / f"{PREFIX}{clip.stem}_{number}", frames, good)
        lengths += [len(masks) for masks in good]
    return lengths


def write_tracks(folder: Path, frames: Sequence[Image], tracks: Sequence[dict[int, BoolMask]]) -> None:
    """Write a segment's frames and the masks of its objects as `training.bank` reads them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for t in sorted({t for track in tracks for t in track}):
        path = str(folder / f"frame_{t:05d}.jpg")
        cv2.imwrite(path, frames[t][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])
    for number, track in enumerate(tracks):
        for t, mask in track.items():
            cv2.imwrite(str(folder / f"track_{number:02d}_{t:05d}.png"), mask.astype(np.uint8) * 255)


def main() -> None:
    """Parse the command line and make the tracks of the next round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("--weights", type=Path, default=Path("checkpoints/nano.safetensors"))
    parser.add_argument("--clips", type=Path, required=True, help="folder of real clips")
    parser.add_argument("--only", nargs="*", help="names of clips, without suffix")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    tracker, detector = load_tracker(arguments.weights), load_detector()
    clips = sorted(p for p in arguments.clips.iterdir() if p.suffix in (".mp4", ".avi", ".mkv"))
    for clip in tqdm(clips, desc="clips"):
        if not arguments.only or clip.stem in arguments.only:
            lengths = selftrain_clip(clip, tracker, detector, arguments.work / "tracks")
            logger.info("%s: tracks of %s", clip.name, lengths)


if __name__ == "__main__":
    main()
