"""How a camera is moved, on cameras that differ from what is configured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from streamtrack.config import PtzConfig
from streamtrack.frame import ObjectMask
from streamtrack.ptz.controller import Aim, Controller, Sight
from streamtrack.ptz.sight import sight_of
from tests.support.ptz_camera import HEIGHT_PX, WIDTH_PX, TurningCamera

FPS = 15
MIDDLE_THIRD = 1 / 3
"""In halves of the picture."""
Path = Callable[[float], tuple[float, float]]


def config(**values: object) -> PtzConfig:
    return PtzConfig.model_validate({"host": "camera", **values})


def follow(
    camera: TurningCamera, settings: PtzConfig, path: Path, seconds: float, noise: float = 0.0
) -> tuple[list[tuple[float, float]], list[Aim], list[float]]:
    """Offsets on each frame, the commands, and the zoom."""
    controller = Controller(settings, WIDTH_PX / HEIGHT_PX)
    rng = np.random.default_rng(3)
    offsets, aims, zooms = [], [], []
    for index in range(int(seconds * FPS)):
        camera.object_x, camera.object_y = path(index / FPS)
        x, y = camera.offset
        offsets.append((x, y))
        size = 2 * camera.radius * camera.zoom * WIDTH_PX / HEIGHT_PX
        seen_x, seen_y = x + rng.normal(0, noise), y + rng.normal(0, noise)
        controller.see(Sight(camera.now_ns, seen_x, seen_y, size))
        aim = controller.aim(camera.now_ns)
        camera.order(aim)
        aims.append(aim)
        zooms.append(camera.zoom)
        camera.pass_time(1 / FPS)
    return offsets, aims, zooms


def walk(speed: float) -> Path:
    """To the right and back, turning round smoothly."""
    return lambda t: (speed * 4 * math.sin(t / 4), 0.1 * math.sin(t / 3))


def swings(values: list[float]) -> int:
    """How often the direction changed."""
    moving = [value > 0 for value in values if abs(value) > 0.03]
    return sum(a != b for a, b in itertools.pairwise(moving))


@pytest.mark.parametrize("latency_ms", [100, 300, 600])
@pytest.mark.parametrize("widths_per_s", [0.6, 1.0, 2.0])
def test_walking_object_stays_in_the_middle_third(latency_ms: int, widths_per_s: float) -> None:
    camera = TurningCamera(latency_ms=latency_ms, widths_per_s=widths_per_s)
    offsets, _, _ = follow(camera, config(size=None, latency_ms=latency_ms), walk(0.15), 40, noise=0.01)
    worst = max(max(abs(x), abs(y)) for x, y in offsets[3 * FPS :])
    assert worst < MIDDLE_THIRD, worst


@pytest.mark.parametrize("latency_ms", [100, 300, 600])
@pytest.mark.parametrize("widths_per_s", [0.5, 1.0, 2.0])
def test_still_object_is_centred_and_left_alone_whatever_the_camera(
    latency_ms: int, widths_per_s: float
) -> None:
    camera = TurningCamera(latency_ms=latency_ms, widths_per_s=widths_per_s)
    settings = config(size=None)  # 300 ms, one width a second: half or double of what most of them are
    offsets, aims, _ = follow(camera, settings, lambda _: (0.35, -0.15), 20, noise=0.01)
    assert max(map(abs, offsets[-1])) < settings.dead_zone
    assert all(aim.is_still for aim in aims[-10 * FPS :]), "nothing moves once it is in the middle"
    # As configured it goes there in one go. Else it overshoots, becomes calm, and learns how quick it is.
    most = {300: 0 if widths_per_s <= 1 else 2}.get(latency_ms, 8)
    assert max(swings([aim.pan for aim in aims]), swings([aim.tilt for aim in aims])) <= most


@pytest.mark.parametrize("radius", [0.02, 0.25])
def test_object_is_brought_to_its_size_and_kept(radius: float) -> None:
    camera = TurningCamera(radius=radius)
    camera.zoom = 1.0 if radius < 0.1 else 3.0
    _, aims, zooms = follow(camera, config(size=0.35), lambda _: (0.1, 0.0), 30)
    size = 2 * radius * zooms[-1] * WIDTH_PX / HEIGHT_PX
    assert size == pytest.approx(max(0.35, 2 * radius * WIDTH_PX / HEIGHT_PX), rel=0.3)
    assert swings([aim.zoom for aim in aims]) == 0
    assert all(aim.zoom == 0 for aim in aims[-5 * FPS :]) or zooms[-1] == 1.0


def test_zoomed_in_walker_stays_in_the_middle_third() -> None:
    camera = TurningCamera(radius=0.03)
    offsets, _, zooms = follow(camera, config(size=0.3), walk(0.06), 60, noise=0.01)
    assert zooms[-1] > 2
    assert max(abs(x) for x, _ in offsets[3 * FPS :]) < MIDDLE_THIRD


def test_sight_is_of_the_box_with_up_positive() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[0:20, 150:190] = True
    sight = sight_of(ObjectMask.from_mask(mask, 1), 5)
    assert sight.at_ns == 5
    assert (sight.x, sight.y, sight.size) == pytest.approx((0.7, 0.8, 0.2))
    assert not sight.cut
    mask[:, 20:] = True
    assert sight_of(ObjectMask.from_mask(mask, 1), 5).cut
