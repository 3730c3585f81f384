"""Linking of detections, and outlines that move to the picture's edges."""

from __future__ import annotations

import cv2
import numpy as np

from streamtrack.detect import Detection
from training.measures import region_similarity
from training.outline import clean_mask, to_edges
from training.selftrain import MAX_LINK_GAP, MIN_DETECTIONS, link, mirrored


def detection(x: float, score: float = 0.5, class_name: str = "dog") -> Detection:
    return Detection(class_name, score, (x, 10.0, x + 40.0, 60.0))


def test_detections_of_one_moving_object_become_one_track_across_a_gap() -> None:
    found = [[detection(5.0 * t, 0.3 + 0.05 * t)] for t in range(9)]
    found[4] = []

    (track,) = link(found)

    assert sorted(track.detections) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert (track.surest(in_first_half=True), track.surest(in_first_half=False)) == (3, 8)


def test_other_class_far_box_or_long_gap_starts_another_track() -> None:
    near = [[detection(0), detection(200), detection(0.0, class_name="cat")] for _ in range(MIN_DETECTIONS)]
    later = [[detection(0)] for _ in range(MIN_DETECTIONS)]

    tracks = link(near + [[]] * MAX_LINK_GAP + later)

    assert sorted(len(track.detections) for track in tracks) == [MIN_DETECTIONS] * 3


def test_mirrored_box_lies_on_the_mirrored_object() -> None:
    frame = np.zeros((20, 50, 3), np.uint8)
    frame[5:9, 10:14] = 255

    (turned,), (x0, y0, x1, y1) = mirrored([frame], (10.0, 5.0, 14.0, 9.0))

    assert (turned[int(y0) : int(y1), int(x0) : int(x1)] == 255).all()
    assert turned.sum() == frame.sum()


def test_outline_moves_to_the_edge_nearby() -> None:
    picture = np.full((120, 160, 3), (40, 90, 40), np.uint8)
    truth = cv2.ellipse(np.zeros((120, 160), np.uint8), (80, 60), (40, 25), 0, 0, 360, 1, -1) > 0
    picture[truth] = (200, 60, 50)
    noise = np.random.default_rng(0).integers(-8, 8, picture.shape)
    picture = (picture + noise).astype(np.uint8)
    rough = np.roll(truth, (2, 3), (0, 1))

    moved = to_edges(picture, rough)

    assert region_similarity(moved, truth) > max(0.97, region_similarity(rough, truth))


def test_mask_in_pieces_is_no_object() -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[5:20, 5:20] = mask[5:20, 35:50] = True

    assert clean_mask(mask, mask) is None
