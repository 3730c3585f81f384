"""Tracks of a fixed camera: what moves is outlined, its shadow is not, two who meet end both tracks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from streamtrack.detect import Detection
from training.bank import Image
from training.moving import MIN_KEPT, background_of, foreground, link_moving, objects_in, pieces_of


class SeesReds:
    """A detector that finds every red box."""

    def detect(self, frame: Image) -> list[Detection]:
        """A box around each red piece."""
        red = ((frame[..., 0] > 180) & (frame[..., 1] < 60)).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(red)
        boxes = [tuple(float(v) for v in (x, y, x + w, y + h)) for x, y, w, h, _ in stats[1:count]]
        return [Detection(class_name="person", score=0.9, box=box) for box in boxes]  # type: ignore[arg-type]


def _street(places: Sequence[Sequence[tuple[int, int]]]) -> list[Image]:
    ground = cv2.resize(np.random.default_rng(0).integers(90, 160, (12, 16, 3), np.uint8), (160, 120))
    frames = []
    for people in places:
        frame = ground.copy()
        for x, y in people:
            shadow = frame[y + 30 : y + 36, x : x + 30]
            shadow[:] = (shadow * 0.75).astype(np.uint8)
            frame[y : y + 32, x : x + 14] = (220, 20, 20)
        frames.append(frame)
    return frames


def test_who_walks_is_outlined_without_the_shadow() -> None:
    frames = _street([[(10 + 8 * t, 40)] for t in range(14)])

    pieces = pieces_of(foreground(frames[5], background_of(frames)))

    assert len(pieces) == 1
    truth = np.zeros((120, 160), np.bool_)
    truth[40:72, 50:64] = True
    mask = pieces[0][0]
    rim = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert mask[truth].all()
    assert not mask[~rim].any(), "the shadow, or more than the pixel that smoothing adds"


def test_track_goes_on_while_alone_and_ends_where_two_meet() -> None:
    places = [[(10 + 4 * t, 40), (140 - 4 * t, 40)] for t in range(20)]  # they meet at 15
    tracks = link_moving(_street(places), SeesReds())

    assert len(tracks) == 2
    for track in tracks:
        assert len(track.masks) >= MIN_KEPT
        areas = [int(mask.sum()) for mask in track.masks.values()]
        assert max(areas) < 1.3 * min(areas), "nobody became two"


def test_piece_with_two_detections_is_told() -> None:
    assert objects_in((0, 0, 50, 50), [(5, 5, 15, 40), (30, 5, 40, 40), (60, 0, 80, 40)]) == 2
