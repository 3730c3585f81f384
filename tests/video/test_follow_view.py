"""A crop that stays on an object: smooth, of one size, and still where the object is gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.config import AnnotateConfig
from streamtrack.frame import FrameResult, Image, ObjectMask, ObjectState
from streamtrack.video.follow_view import (
    ASPECT,
    HEIGHT_PX,
    OBJECT_SHARE,
    WIDTH_PX,
    Camera,
    Crop,
    FollowView,
    Spring,
    cut_out,
    goal_of,
    inside,
    max_width,
    whole,
)
from tests.support.video import disc, result

SIZE = (1280, 720)
WHITE = 250


def seen(index: int, x: float, y: float, fps: float = 25, radius: float = 40) -> FrameResult:
    """A white disc on black as object 7, and where it is."""
    mask = disc(x, y, radius, (SIZE[1], SIZE[0]))
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[mask] = WHITE
    return at_time(result(index, {7: ObjectMask.from_mask(mask, 7)}, image=image), index / fps)


def gone(index: int, fps: float = 25) -> FrameResult:
    nothing = ObjectMask.from_mask(np.zeros((SIZE[1], SIZE[0]), np.bool_), 7, state=ObjectState.LOST)
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[:, 640:] = 60  # an edge, by which the crop's place can be told
    return at_time(result(index, {7: nothing}, image=image), index / fps)


def at_time(made: FrameResult, seconds: float) -> FrameResult:
    return replace(made, frame=replace(made.frame, capture_monotonic_ns=int(seconds * NS_PER_S)))


def plain() -> FollowView:
    """Draws nothing over the picture: the disc itself can be measured."""
    return FollowView(AnnotateConfig(mask_opacity=0, outline_px=0, labels=False), 7)


def middle(picture: Image) -> tuple[float, float]:
    rows, columns = np.nonzero(picture[:, :, 0] > WHITE / 2)
    return float(columns.mean()), float(rows.mean())


def test_moving_object_stays_near_the_middle_and_the_picture_keeps_its_size() -> None:
    view = plain()
    places = []
    for index in range(100):
        picture = view.draw(seen(index, 200 + 6 * index, 360))
        assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
        places.append(middle(picture))
    # A critically damped crop trails a steady motion by its time constant: 0.35 s of 150 px/s are 53 px, and
    # the crop is enlarged 2.5 times.
    assert abs(places[-1][0] - WIDTH_PX / 2) < 150
    assert abs(places[-1][1] - HEIGHT_PX / 2) < 3
    lag = [x - WIDTH_PX / 2 for x, _ in places[60:]]
    assert max(lag) - min(lag) < 3, "it trembles"


def test_jitter_of_the_mask_hardly_moves_the_crop() -> None:
    rng = np.random.default_rng(5)
    camera = Camera(goal_of(seen(0, 640, 360).objects[7], SIZE))
    xs = []
    for index in range(200):
        x = 640 + rng.normal(0, 4)
        camera.follow(goal_of(seen(index, x, 360).objects[7], SIZE), 1 / 25)
        xs.append(camera.crop.x)
    assert np.std(xs[50:]) < 1.5  # of 4 px
    assert np.abs(np.diff(xs[50:])).max() < 1.0


def test_spring_arrives_without_overshooting_at_any_step() -> None:
    for step in (0.01, 0.04, 0.1):
        spring = Spring(0.0, 0.35)
        way = []
        for _ in range(int(3 / step)):
            spring.follow(100.0, step)
            way.append(spring.value)
        assert max(way) <= 100.0 + 1e-6
        assert way == sorted(way)
        assert way[-1] > 99.0


def test_crop_holds_while_the_object_is_gone_and_goes_to_it_when_it_is_found() -> None:
    view = plain()
    for index in range(50):
        view.draw(seen(index, 600, 360))
    held = [view.draw(gone(index)) for index in range(50, 80)]
    assert all(np.array_equal(one, held[0]) for one in held)
    for index in range(80, 160):
        picture = view.draw(seen(index, 900, 300))
    assert middle(picture) == pytest.approx((WIDTH_PX / 2, HEIGHT_PX / 2), abs=4)


def test_object_that_was_never_seen_is_shown_as_the_whole_frame() -> None:
    picture = FollowView(AnnotateConfig(), 7).draw(gone(0))
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert picture[10, WIDTH_PX // 4].mean() == pytest.approx(0, abs=2)
    assert picture[10, 3 * WIDTH_PX // 4].mean() == pytest.approx(60, abs=2)


def test_crop_never_shows_what_is_outside_of_the_frame() -> None:
    for x, y, radius in ((5, 5, 30), (1270, 700, 90), (640, 360, 350)):
        crop = goal_of(seen(0, x, y, radius=radius).objects[7], SIZE)
        assert crop.x - crop.width / 2 >= -1e-6
        assert crop.x + crop.width / 2 <= SIZE[0] + 1e-6
        assert crop.y - crop.width / ASPECT / 2 >= -1e-6
        assert crop.y + crop.width / ASPECT / 2 <= SIZE[1] + 1e-6
    assert inside(Crop(0, 0, 9_999), (300, 1000)).width == max_width((300, 1000)) == 300


def test_object_fills_its_share_and_masks_lie_on_their_pixels() -> None:
    made = seen(0, 700, 300, radius=100)
    shown = cut_out(made, goal_of(made.objects[7], SIZE))
    _, top, _, bottom = shown.objects[7].box
    assert (bottom - top) / HEIGHT_PX == pytest.approx(OBJECT_SHARE, abs=0.02)
    bright = shown.frame.image[:, :, 0] > WHITE / 2
    mask = shown.objects[7].mask
    assert (bright & mask).sum() / (bright | mask).sum() > 0.98


def test_frame_that_is_scaled_down_is_averaged() -> None:
    # Lines of one pixel: sampled they would be all or nothing.
    image = np.zeros((2160, 3840, 3), np.uint8)
    image[:, ::2] = 200
    shown = cut_out(result(0, {}, image=image), whole((3840, 2160)))
    assert shown.frame.image.mean() == pytest.approx(100, abs=3)
    assert shown.frame.image.std() < 5


def test_camera_of_another_size_begins_anew() -> None:
    view = plain()
    for index in range(30):
        view.draw(seen(index, 1000, 600))
    small = disc(100, 60, 10, (192, 320))
    image = np.zeros((192, 320, 3), np.uint8)
    image[small] = WHITE
    picture = view.draw(at_time(result(30, {7: ObjectMask.from_mask(small, 7)}, image=image), 2.0))
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert middle(picture) == pytest.approx((WIDTH_PX / 2, HEIGHT_PX / 2), abs=60)
