"""Real tracks by a teacher: `python -m training.salient WORK --clips CLIPS --teacher u2net.onnx`.

U²-Net finds what stands out in a picture; cut to a detector's box with a margin, that is the object itself,
with limbs, tails and wings that GrabCut loses. The detector's boxes, linked over sampled frames, say which
object it is; a mask that does not fill its box, or changes size from sample to sample, is left out.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.detect import Box, Detector, box_iou
from streamtrack.detect.coco_detector import load_detector
from training.bank import Image
from training.outline import clean_mask
from training.selftrain import link, read_segments, write_tracks

logger = logging.getLogger(__name__)

BoolMask = npt.NDArray[np.bool_]
Salience = Callable[[Image], npt.NDArray[np.float32]]
"""From (H, W, 3) RGB to (H, W), how much each pixel stands out, 0 to 1."""

TEACHER_SIDE_PX = 320
"""U²-Net's input is this squared."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEGMENT_SAMPLES = 24
MAX_SEGMENTS = 3
MAX_TRACKS = 3
"""Of one segment, longest and surest first."""
MARGIN = 0.2
"""Of the window about a box, as a share of its longer side: the teacher must see what does not belong."""
MIN_SIDE_PX = 24
MIN_BOX_IOU = 0.65
"""IoU of a mask's bounding box with the detector's."""
MAX_AREA_CHANGE = 1.7
"""From one kept sample to the next."""
MIN_KEPT = 5
"""Samples of a track that is kept."""
REJECTED = {
    "04_coffee_0": (1,),
    "05_landing_dog_soccer_0": (1,),
    "07_snowboarder_0": (1,),
    "12_hideandseek_1": (0,),
    "14_social_dog_training_0": (0,),
    "14_social_dog_training_1": (0,),
    "19_cyclist_0": (1,),
    "19_cyclist_1": (1,),
    "22_dogskateboarder_0": (0,),
}
"""By clip and segment: tracks left out by eye, since two things became one or one fell into parts."""
PREFIX = "salient_"
"""Of the folders under WORK/tracks that this stage owns."""


def load_teacher(path: Path, threads: int = 1) -> Salience:
    """Load U²-Net from an ONNX file."""
    # Imported here because only this stage needs onnxruntime.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def salience(picture: Image) -> npt.NDArray[np.float32]:
        size = (TEACHER_SIDE_PX, TEACHER_SIDE_PX)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        scaled = (small / max(float(small.max()), 1.0) - MEAN) / STD
        maps = session.run(None, {name: scaled.transpose(2, 0, 1)[None].astype(np.float32)})
        return np.asarray(cv2.resize(maps[0][0, 0], picture.shape[1::-1]), np.float32)

    return salience


def mask_in_box(salience: Salience, frame: Image, box: Box) -> BoolMask | None:
    """What stands out in a box, or None where that is small, in pieces, or does not fill the box."""
    height, width = frame.shape[:2]
    if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE_PX:
        return None
    margin = MARGIN * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = max(0, int(box[0] - margin)), max(0, int(box[1] - margin))
    x1, y1 = min(width, int(box[2] + margin)), min(height, int(box[3] + margin))
    full = np.zeros((height, width), np.bool_)
    full[y0:y1, x0:x1] = salience(np.ascontiguousarray(frame[y0:y1, x0:x1])) > 0.5
    mask = clean_mask(full, full)
    if mask is None:
        return None
    x, y, mask_width, mask_height = cv2.boundingRect(mask.astype(np.uint8))
    return mask if box_iou(box, (x, y, x + mask_width, y + mask_height)) >= MIN_BOX_IOU else None


def steady(masks: Mapping[int, BoolMask]) -> dict[int, BoolMask]:
    """The masks whose size is like that of the samples kept before and after them."""
    times = sorted(masks)
    areas = {t: int(masks[t].sum()) for t in times}

    def alike(t: int, other: int) -> bool:
        return 1 / MAX_AREA_CHANGE < areas[t] / areas[other] < MAX_AREA_CHANGE

    return {
        t: masks[t]
        for index, t in enumerate(times)
        if all(alike(t, other) for other in times[max(0, index - 1) : index + 2])
    }


def segment_tracks(
    frames: Sequence[Image], detector: Detector, salience: Salience
) -> list[dict[int, BoolMask]]:
    """Masks by sample of each object that the detector follows through a segment."""
    tracks = []
    for found in link([detector.detect(frame) for frame in frames])[:MAX_TRACKS]:
        masks = {t: mask_in_box(salience, frames[t], seen.box) for t, seen in found.detections.items()}
        kept = steady({t: mask for t, mask in masks.items() if mask is not None})
        if len(kept) >= MIN_KEPT:
            tracks.append(kept)
    return tracks


def main() -> None:
    """Parse the command line and write the tracks; a clip that is done is not done again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("--clips", type=Path, required=True, help="folder of real clips")
    parser.add_argument("--teacher", type=Path, required=True, help="U²-Net as ONNX")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    salience, detector = load_teacher(arguments.teacher, arguments.threads), load_detector()
    tracks = arguments.work / "tracks"
    done = arguments.work / "salient_done"
    done.mkdir(parents=True, exist_ok=True)
    clips = sorted(p for p in arguments.clips.iterdir() if p.suffix in (".mp4", ".avi", ".mkv"))
    for clip in tqdm(clips, desc="clips"):
        if (done / clip.stem).exists():
            continue
        lengths = []
        for number, frames in enumerate(read_segments(clip, SEGMENT_SAMPLES, MAX_SEGMENTS)):
            rejected = REJECTED.get(f"{clip.stem}_{number}", ())
            found = [
                track
                for index, track in enumerate(segment_tracks(frames, detector, salience))
                if index not in rejected
            ]
            if found:
                write_tracks(tracks / f"{PREFIX}{clip.stem}_{number}", frames, found)
            lengths += [len(track) for track in found]
        if lengths:
            for coarser in (tracks / clip.stem, *tracks.glob(f"self_{clip.stem}_*")):
                shutil.rmtree(coarser, ignore_errors=True)
        (done / clip.stem).touch()
        logger.info("%s: tracks of %s", clip.name, lengths)


if __name__ == "__main__":
    main()
