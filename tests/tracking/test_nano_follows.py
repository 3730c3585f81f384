"""The shipped nano does what SAM 2's interface promises, on scenes with truth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.frame import BoolMask
from streamtrack.pipeline.scene_score import mask_iou
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker
from tests.support.pipelines import nano
from training.measures import roc_auc
from training.prompts import corrections

pytestmark = pytest.mark.tracks

SCENES = ("demo", "occlusion", "many")
FRAME = 20
CLICKS = 3
CLICKED_AT = (0.01, 0.85, 0.99)
"""Shares of an object that lie to the left of a click on it."""
MIN_AREA_PX = 400


@dataclass
class Tries:
    """IoU and the model's estimate of it, of every mask that came about."""

    first: list[float]
    """From a box over the object's left half: a drag that ended too soon."""
    mended: list[float]
    """The same objects after CLICKS corrective clicks."""
    whole: list[float]
    """The same objects from a whole box."""
    estimates: list[tuple[float, float]]
    """Estimated and true IoU from a whole box and from clicks near the sides, which make bad masks, too.
    Half a box asks for half an object: its masks tell nothing here."""


@pytest.fixture(scope="module")
def tries() -> Tries:
    """Two dozen objects; 3 seconds."""
    result = Tries([], [], [], [])
    for name in SCENES:
        image, masks = make_scene(name).render(FRAME)
        objects = {key: mask for key, mask in masks.items() if np.count_nonzero(mask) > MIN_AREA_PX}
        # Whole pictures: what the network makes of a prompt, and not where it is looked at.
        max_objects = (2 + len(CLICKED_AT)) * len(objects)
        session = nano().new_session(TrackingConfig(max_objects=max_objects, window="off"))
        for key, mask in objects.items():
            x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
            session.add(key, box=(x, y, x + width / 2, y + height))
            session.add(100 + key, box=(x, y, x + width, y + height))
            for number, share in enumerate(CLICKED_AT, start=2):
                session.add(100 * number + key, points=[_pixel_at(mask, share)])
        found = session.step(image).objects
        for key, truth in objects.items():
            result.first.append(mask_iou(found[key], truth))
            result.whole.append(mask_iou(found[100 + key], truth))
            for number in range(1, 2 + len(CLICKED_AT)):
                other = found[100 * number + key]
                result.estimates.append((other.iou_score, mask_iou(other, truth)))
            newest = found[key]
            for _ in range(CLICKS):
                click = corrections(newest.mask[None], truth[None])
                points, labels = click.coords[0].tolist(), click.labels[0].tolist()
                newest = session.correct(key, points=points, labels=labels).objects[key]
            result.mended.append(mask_iou(newest, truth))
    return result


def _pixel_at(mask: BoolMask, share: float) -> tuple[float, float]:
    """A pixel of the object with that share to the left: 0.85 is a click as people make it in a hurry."""
    rows, columns = np.nonzero(mask)
    place = int(np.argsort(columns, kind="stable")[int(share * len(columns))])
    return float(columns[place]) + 0.5, float(rows[place]) + 0.5


def test_corrective_clicks_mend_a_mask_that_a_sloppy_box_began(tries: Tries) -> None:
    gains = np.array(tries.mended) - np.array(tries.first)
    assert len(gains) >= 15
    assert gains.mean() > 0.015
    assert (gains > -0.01).mean() > 0.8


def test_whole_box_gives_a_better_mask_than_half_a_box(tries: Tries) -> None:
    assert np.mean(tries.whole) > np.mean(tries.first) + 0.1


def test_quality_estimate_ranks_good_masks_above_bad_ones(tries: Tries) -> None:
    good = [estimate for estimate, iou in tries.estimates if iou > 0.75]
    bad = [estimate for estimate, iou in tries.estimates if iou < 0.5]
    assert len(good) >= 10
    assert len(bad) >= 5
    assert roc_auc(good, bad) > 0.75  # 0.5 is chance


def test_object_score_falls_when_the_object_has_left() -> None:
    scene = make_scene("leave")
    ball = 1
    session = nano().new_session()
    seen: list[float] = []
    gone: list[float] = []
    for index in range(60, 92, 2):
        image, masks = scene.render(index)
        if index == 60:
            x, y, width, height = cv2.boundingRect(masks[ball].astype(np.uint8))
            session.add(ball, box=(x, y, x + width, y + height))
        score = session.step(image).objects[ball].object_score
        (seen if np.count_nonzero(masks[ball]) > MIN_AREA_PX else gone).append(score)
    assert len(gone) >= 4
    assert np.mean(gone) < np.mean(seen) - 0.2
    assert roc_auc(seen, gone) > 0.9


def test_a_wide_input_is_followed_as_well_as_a_square_one() -> None:
    scene = make_scene("demo")
    tracker = Tracker.from_checkpoint("nano", device="cpu", compile=False, image_size="320x192")
    session = tracker.new_session(TrackingConfig(window="off"))
    image, masks = scene.render(FRAME)
    for key, mask in masks.items():
        session.add(key, mask=mask)
    found = []
    for number in range(FRAME, FRAME + 8):
        image, masks = scene.render(number)
        shown = session.step(image).objects
        found += [mask_iou(shown[key], truth) for key, truth in masks.items() if truth.sum() > MIN_AREA_PX]
    assert np.mean(found) > 0.85, found
