"""Identity scores of cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.identity_scores import IdentityFrame, box_similarity, mask_similarity, score_identities
from streamtrack.frame import ObjectMask

APART = np.array([[1.0, 0.0], [0.0, 1.0]])


def test_perfect_tracks_score_one() -> None:
    scores = score_identities([IdentityFrame((7, 9), (1, 2), APART) for _ in range(4)])
    assert scores.hota == scores.detection == scores.association == scores.idf1 == pytest.approx(1.0)
    assert scores.switches == 0
    assert scores.as_json()["idf1"] == pytest.approx(1.0)


def test_two_that_change_their_ids_half_way_keep_half() -> None:
    frames = [IdentityFrame((7, 9), ids, APART) for ids in ((1, 2), (1, 2), (2, 1), (2, 1))]
    scores = score_identities(frames)
    assert scores.switches == 2
    assert scores.idf1 == pytest.approx(0.5)
    # Every match shares 2 frames with its partner, of 4 + 4 - 2 that either has: AssA is a third.
    assert scores.association == pytest.approx(1 / 3)
    assert scores.hota == pytest.approx((1 / 3) ** 0.5)


def test_frames_without_anyone_count_for_nothing() -> None:
    nobody = IdentityFrame((), (), np.zeros((0, 0)))
    alone = IdentityFrame((), (1,), np.zeros((0, 1)))
    scores = score_identities([IdentityFrame((7,), (1,), np.ones((1, 1))), nobody, alone])
    assert scores.idf1 == pytest.approx(2 / 3)


def test_similarity_is_intersection_over_union() -> None:
    boxes = box_similarity(np.array([[0, 0, 4, 4]]), np.array([[0, 0, 4, 2], [5, 5, 6, 6], [0, 0, 0, 0]]))
    assert boxes.tolist() == [[0.5, 0.0, 0.0]]
    full, half = np.zeros((4, 4), np.bool_), np.zeros((4, 4), np.bool_)
    full[:], half[:2] = True, True
    masks = mask_similarity(
        [ObjectMask.from_mask(full, 1)], [ObjectMask.from_mask(half, 1), ObjectMask.from_mask(full, 2)]
    )
    assert masks.tolist() == [[0.5, 1.0]]
    assert mask_similarity([], []).shape == (0, 0)
