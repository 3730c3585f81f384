"""Real tracks with pseudo-masks: a detector's boxes, GrabCut inside them, linked over real clips."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from streamtrack.detect import Box, Detection, Detector, box_iou
from training.bank import Image

logger = logging.getLogger(__name__)

HEIGHT_PX = 360
"""Clips are mined at this height."""
SAMPLE_EVERY = 4
"""Frames between samples: neighbours differ too little to be worth storing."""
MAX_SAMPLES = 40
MAX_OBJECTS = 5
MIN_SIDE_PX = 26
GRABCUT_SIDE_PX = 112
"""GrabCut works on a box scaled to this; its time grows faster than the area."""
MIN_LINK_IOU = 0.3
MAX_AREA_CHANGE = 1.6
MIN_TRACK_SAMPLES = 4

BoolMask = npt.NDArray[np.bool_]


@dataclass
class _Open:
    """A track that is still growing."""

    class_name: str
    box: Box
    area: int
    samples: list[tuple[int, BoolMask]] = field(default_factory=list)


def mine_clip(clip: Path, detector: Detector, folder: Path) -> int:
    """Write the tracks of one clip as `training.bank` reads them; returns how many.

    A track whose masks change in size by more than MAX_AREA_CHANGE between samples skips that sample.
    """
    frames: list[Image] = []
    tracks: list[_Open] = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % SAMPLE_EVERY:
                continue
            if len(frames) == MAX_SAMPLES:
                break
            picture = frame.to_ndarray(format="rgb24")
            width = round(picture.shape[1] * HEIGHT_PX / picture.shape[0])
            small = cv2.resize(picture, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
            frames.append(np.asarray(small, np.uint8))
            _extend(tracks, frames[-1], len(frames) - 1, detector.detect(frames[-1]))
    good = [track for track in tracks if len(track.samples) >= MIN_TRACK_SAMPLES]
    if good:
        _write(folder, frames, good)
    logger.info("%s: %d frames, tracks of %s", clip.name, len(frames), [len(t.samples) for t in good])
    return len(good)


def _extend(tracks: list[_Open], frame: Image, frame_idx: int, found: list[Detection]) -> None:
    used: list[Box] = []
    for detection in found[:MAX_OBJECTS]:
        if any(box_iou(detection.box, box) > 0.6 for box in used):
            continue
        used.append(detection.box)
        mask = mask_in_box(frame, detection.box)
        if mask is None:
            continue
        recent = [
            track
            for track in tracks
            if track.class_name == detection.class_name and 0 < frame_idx - track.samples[-1][0] <= 3
        ]
        best = max(recent, key=lambda track: box_iou(track.box, detection.box), default=None)
        area = int(mask.sum())
        if best is None or box_iou(best.box, detection.box) < MIN_LINK_IOU:
            tracks.append(_Open(detection.class_name, detection.box, area, [(frame_idx, mask)]))
            continue
        best.box = detection.box
        if 1 / MAX_AREA_CHANGE < area / best.area < MAX_AREA_CHANGE:
            best.samples.append((frame_idx, mask))
            best.area = area


def mask_in_box(frame: Image, box: Box) -> BoolMask | None:
    """The object in a box by GrabCut, or None where the result does not look like one."""
    height, width = frame.shape[:2]
    box_width, box_height = box[2] - box[0], box[3] - box[1]
    if min(box_width, box_height) < MIN_SIDE_PX or box_width * box_height > 0.6 * height * width:
        return None
    scale = min(1.0, GRABCUT_SIDE_PX / max(box_width, box_height))
    # The surroundings tell GrabCut what background looks like; a fifth of the box on each side is enough.
    x0, y0 = max(0, int(box[0] - 0.2 * box_width)), max(0, int(box[1] - 0.2 * box_height))
    x1, y1 = min(width, int(box[2] + 0.2 * box_width)), min(height, int(box[3] + 0.2 * box_height))
    crop = frame[y0:y1, x0:x1]
    size = (max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    left, top = (box[0] - x0) * scale, (box[1] - y0) * scale
    right, bottom = (box[2] - x0) * scale, (box[3] - y0) * scale
    mask = _grab_cut(small, (left, top, right, bottom))
    if mask is None or not _is_object(mask, (left, top, right, bottom)):
        return None
    full = np.zeros((height, width), np.float32)
    full[y0:y1, x0:x1] = cv2.resize(
        mask.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(full > 0.5)


def _grab_cut(picture: Image, box: Box) -> BoolMask | None:
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    margin_x, margin_y = 0.04 * (right - left), 0.04 * (bottom - top)
    state = np.full((height, width), cv2.GC_BGD, np.uint8)
    rows = slice(max(0, int(top - margin_y)), min(height, int(bottom + margin_y)))
    columns = slice(max(0, int(left - margin_x)), min(width, int(right + margin_x)))
    state[rows, columns] = cv2.GC_PR_BGD
    centre = (int((left + right) / 2), int((top + bottom) / 2))
    axes = (max(1, int((right - left) * 0.42)), max(1, int((bottom - top) * 0.46)))
    inside = np.zeros((height, width), np.uint8)
    cv2.ellipse(inside, centre, axes, 0, 0, 360, 1, -1)
    state[inside > 0] = cv2.GC_PR_FGD
    if not (state == cv2.GC_BGD).any():
        return None
    bgr = np.ascontiguousarray(picture[..., ::-1])
    cv2.grabCut(bgr, state, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    found = ((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(found)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < 0.8 * areas.sum():
        return None
    largest = (numbered == 1 + int(areas.argmax())).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(largest, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0)


def _is_object(mask: BoolMask, box: Box) -> bool:
    """Fills the box as objects do, reaches its sides, and has no long straight edge along them."""
    left, top, right, bottom = box
    ys, xs = np.nonzero(mask)
    fill = mask.sum() / max(1.0, (right - left) * (bottom - top))
    reaches = np.ptp(xs) + 1 >= 0.65 * (right - left) and np.ptp(ys) + 1 >= 0.65 * (bottom - top)
    if not 0.28 < fill < 0.9 or not reaches:
        return False
    y0, y1, x0, x1 = ys.min(), ys.max(), xs.min(), xs.max()
    sides = (mask[y0, x0:x1], mask[y1, x0:x1], mask[y0:y1, x0], mask[y0:y1, x1])
    straight = [float(side.mean()) if len(side) else 0.0 for side in sides]
    return max(straight) <= 0.6 and sum(share > 0.4 for share in straight) <= 1


def _write(folder: Path, frames: list[Image], tracks: list[_Open]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, track in enumerate(tracks):
        for frame_idx, mask in track.samples:
            path = folder / f"frame_{frame_idx:05d}.jpg"
            if not path.exists():
                cv2.imwrite(str(path), frames[frame_idx][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])
            cv2.imwrite(str(folder / f"track_{number:02d}_{frame_idx:05d}.png"), mask.astype(np.uint8) * 255)
