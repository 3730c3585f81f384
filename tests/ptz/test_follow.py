"""The shipped model's masks, from a camera that turns after them: all of the picture moves."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import PtzConfig
from streamtrack.frame import Image
from streamtrack.ptz.controller import Controller
from streamtrack.ptz.sight import sight_of
from streamtrack.tracking import Tracker
from tests.support.ptz_camera import HEIGHT_PX, WIDTH_PX, TurningCamera

FPS = 10


class Street:
    """A wide textured picture in which a patterned disc walks."""

    def __init__(self) -> None:
        noise = np.random.default_rng(11).integers(70, 170, (60, 220, 3), np.uint8)
        self.wide: Image = np.asarray(cv2.resize(noise, (2400, 700), interpolation=cv2.INTER_CUBIC), np.uint8)

    def seen_by(self, camera: TurningCamera) -> Image:
        """(HEIGHT_PX, WIDTH_PX, 3) uint8."""
        span_x, span_y = 800 / camera.zoom, 450 / camera.zoom
        middle = (1200 + camera.x * 800, 350 - camera.y * 800)
        patch = cv2.getRectSubPix(self.wide, (round(span_x), round(span_y)), middle)
        image = np.asarray(cv2.resize(patch, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)
        mask = camera.mask()
        image[mask] = (205, 45, 40)
        inner = TurningCamera(radius=camera.radius * 0.45)
        inner.x, inner.y, inner.zoom = camera.x, camera.y, camera.zoom
        inner.object_x, inner.object_y = camera.object_x, camera.object_y
        image[inner.mask()] = (245, 220, 70)
        return image


@pytest.mark.slow
def test_masks_of_the_shipped_model_keep_a_walker_in_the_middle() -> None:
    street, camera, clock = Street(), TurningCamera(latency_ms=300, radius=0.07), FakeClock()
    camera.object_x, camera.object_y = 0.1, 0.0
    session = Tracker.from_checkpoint("nano", device="cpu").new_session()
    session.add(1, mask=camera.mask())
    controller = Controller(PtzConfig(host="camera", size=None), WIDTH_PX / HEIGHT_PX)
    offsets, overlaps = [], []
    for index in range(20 * FPS):
        camera.object_x = 0.1 + 0.5 * math.sin(index / FPS / 4)
        item = session.step(street.seen_by(camera)).objects[1]
        truth = camera.mask()
        assert item.area_px, f"lost on frame {index}"
        overlaps.append((item.mask & truth).sum() / (item.mask | truth).sum())
        offsets.append(max(map(abs, camera.offset)))
        controller.see(sight_of(item, clock.monotonic_ns()))
        camera.order(controller.aim(clock.monotonic_ns()))
        clock.advance_ms(1000 / FPS)
        camera.pass_time(1 / FPS)
    assert max(offsets[3 * FPS :]) < 1 / 3, "out of the middle third"
    assert np.mean(overlaps) > 0.85, "the turning camera costs masks"
    assert np.quantile(overlaps, 0.05) > 0.7
