"""Polygons for viewers that draw them: what is read back is the masks, and the bytes stay few."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamtrack.frame import BoolMask, ObjectMask, ObjectState
from streamtrack.video.polygons import (
    KEPT_PICTURES,
    MAX_BYTES_A_SECOND,
    MAX_MESSAGE_BYTES,
    VERSION,
    PolygonLog,
    message_bytes,
    polygon_message,
    with_timestamp,
)
from tests.support.polygon_reader import read_polygons
from tests.support.video import HEIGHT, WIDTH, absent, disc, result


def star(x: float, y: float, radius: float, size: tuple[int, int] = (360, 640)) -> BoolMask:
    """(H, W) bool: a shape with many corners, as a person's outline has."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reach = radius * (0.75 + 0.25 * np.sin(9 * angles))
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return mask.astype(np.bool_)


def iou(first: BoolMask, second: BoolMask) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_polygons_read_back_are_the_masks_with_their_holes_and_parts() -> None:
    ring = disc(100, 90, 50) & ~disc(100, 90, 25)
    apart = disc(250, 50, 20) | disc(250, 130, 24)
    made = {3: ObjectMask.from_mask(ring, 3), 700: ObjectMask.from_mask(apart, 700)}
    told = read_polygons(polygon_message(result(41, made)))
    assert (told.version, told.rtp_timestamp, told.frame_idx) == (VERSION, 0, 41)
    assert (told.width, told.height, told.unit) == (WIDTH, HEIGHT, 1)
    assert [one.object_id for one in told.objects] == [3, 700]
    for one, mask in zip(told.objects, (ring, apart), strict=True):
        assert len(one.rings) == 2
        # A line may leave the edge by 0.8 px: of a ring 25 px wide that is 3 % on either side.
        assert iou(one.mask(told), mask) > 0.93


def test_objects_without_a_mask_and_every_state_are_told() -> None:
    states = list(ObjectState)
    made = {10 + at: absent(10 + at, state) for at, state in enumerate(states)}
    told = read_polygons(polygon_message(result(0, made)))
    assert [one.state for one in told.objects] == [str(state) for state in states]
    assert all(one.rings == [] for one in told.objects)


def test_wide_frames_are_told_in_units_of_several_pixels() -> None:
    mask = star(1900, 1000, 400, (2160, 3840))
    image = np.zeros((2160, 3840, 3), np.uint8)
    told = read_polygons(polygon_message(result(0, {1: ObjectMask.from_mask(mask, 1)}, image=image)))
    assert (told.width, told.height, told.unit) == (3840, 2160, 3)
    assert iou(told.objects[0].mask(told), mask) > 0.97


@pytest.mark.parametrize("fps", [10, 30, 60])
def test_sixteen_objects_stay_under_forty_kilobytes_a_second(fps: float) -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    masks = [star(60 + 150 * (at % 4), 50 + 85 * (at // 4), 42) for at in range(16)]
    made = {at: ObjectMask.from_mask(mask, at) for at, mask in enumerate(masks)}
    message = polygon_message(result(9_999, made, image=image), message_bytes(fps))
    assert len(message) <= MAX_MESSAGE_BYTES
    assert len(message) * fps <= MAX_BYTES_A_SECOND < 40_000
    told = read_polygons(message)
    worst = min(iou(one.mask(told), mask) for one, mask in zip(told.objects, masks, strict=True))
    # Nine lobes each: at 60 fps a picture has half as many bytes, so half as many corners.
    assert worst > (0.9 if fps <= 30 else 0.78)


def test_more_than_fits_is_told_as_boxes() -> None:
    made = {at: ObjectMask.from_mask(star(320, 180, 100), at) for at in range(120)}
    image = np.zeros((360, 640, 3), np.uint8)
    told = read_polygons(polygon_message(result(0, made, image=image)))
    assert len(told.objects) == 120
    assert all(len(ring) == 4 for one in told.objects for ring in one.rings)


def test_timestamp_of_a_viewer_is_put_into_the_common_message() -> None:
    message = polygon_message(result(5))
    told = read_polygons(with_timestamp(message, 0xFEDC_BA98))
    assert (told.rtp_timestamp, told.frame_idx, len(told.objects)) == (0xFEDC_BA98, 5, 1)


def test_polygons_are_made_only_while_somebody_reads_and_old_ones_go() -> None:
    log = PolygonLog(max_fps=30)
    for pts in range(2):
        log.note(pts, result(pts))
    assert log.at(0) is None
    first = log.at(1)
    assert first is not None, "who comes while a picture stands gets that one's"
    assert read_polygons(first).frame_idx == 1
    log.join()
    for pts in range(KEPT_PICTURES + 1):
        log.note(pts, result(pts))
    kept = log.at(KEPT_PICTURES)
    assert kept is not None
    assert read_polygons(kept).frame_idx == KEPT_PICTURES
    assert log.at(0) is None
    log.leave()
    assert not log.wanted
    log.note(KEPT_PICTURES + 1, result(0))
    log.note(KEPT_PICTURES + 2, result(0))
    assert log.at(KEPT_PICTURES + 1) is None
