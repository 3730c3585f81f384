"""Figures of merit and baselines on cases that can be worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.baselines import flow_masks, static_masks
from training.calibrate import equal_error_threshold, steady_frames
from training.evaluate import loss_told
from training.measures import region_similarity, roc_auc


def test_auc_counts_pairs_and_half_of_ties() -> None:
    # 0.9 beats both, 0.5 beats one and ties one: 3.5 of 4 pairs.
    assert roc_auc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_auc_without_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="1 positive and 0 negative"):
        roc_auc([0.5], [])


def test_region_similarity_of_two_empty_masks_is_one() -> None:
    empty = np.zeros((4, 4), np.bool_)

    assert region_similarity(empty, empty) == 1.0
    assert region_similarity(~empty, empty) == 0.0


def test_loss_is_told_only_within_the_tolerance() -> None:
    present = np.array([True] * 3 + [False] * 9)
    late = np.array([0.9] * 9 + [0.1] * 3)
    in_time = np.array([0.9] * 6 + [0.1] * 6)

    assert loss_told(present, late) == [False]
    assert loss_told(present, in_time) == [True]


def test_flow_carries_a_mask_along_where_the_static_one_stays() -> None:
    rng = np.random.default_rng(0)
    texture = cv2.resize(
        rng.integers(0, 256, (30, 40, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC
    )
    frames = [np.roll(texture, 3 * k, axis=1) for k in range(6)]
    first = np.zeros((120, 160), np.bool_)
    first[40:80, 40:80] = True
    truth = np.roll(first, 15, axis=1)

    carried, stayed = (list(masks)[-1] for masks in (flow_masks(first, frames), static_masks(first, frames)))

    assert region_similarity(carried, truth) > 0.85, "all but its edges, which flow blurs"
    assert region_similarity(stayed, truth) < 0.5, "it moved by 15 of 40 pixels: 25 / 55 remain"


def test_equal_error_threshold_lies_where_both_kinds_err_alike() -> None:
    visible, hidden = [1.0, 2.0, 3.0, 6.0], [-2.0, -1.0, 0.0, 2.5]

    threshold = equal_error_threshold(visible, hidden)

    assert (np.array(visible) < threshold).mean() == (np.array(hidden) >= threshold).mean() == 0.25


def test_frames_just_after_a_change_do_not_count() -> None:
    present = np.array([True, True, False, False, True])

    assert steady_frames(present).tolist() == [False, True, False, True, False]
