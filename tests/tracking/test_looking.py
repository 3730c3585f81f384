"""Objects that are looked for in windows: everything in pixels of the picture, whatever the network saw."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np
import pytest
from torch import Tensor

from bench.bench_windows import BALL_PX, SmallBall
from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.engine.found import Found, Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask, EventKind, Image, ObjectState
from streamtrack.scenes.scene import Scene, innermost_point, make_scene
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.looking import make_looking, prompt_extent

pytestmark = pytest.mark.tracks

FRAMES = 16
CAR = 1


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene("demo?width=960&height=540")


@pytest.fixture(scope="module")
def film(scene: Scene) -> list[tuple[Image, dict[int, BoolMask]]]:
    return [scene.render(index) for index in range(FRAMES)]


def iou(found: BoolMask, truth: BoolMask) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def box_of(mask: BoolMask) -> tuple[int, int, int, int]:
    y, x = np.nonzero(mask)
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def new_session(nano: Tracker, window: str | float = "auto", **tracking: object) -> Session:
    return nano.new_session(TrackingConfig(window=window, **tracking))


@pytest.fixture(scope="module")
def ball() -> tuple[list[Image], list[BoolMask]]:
    small = SmallBall(8)
    return small.frames(), [small.truth(index)[0][1] for index in range(8)]


def mean_iou(session: Session, ball: tuple[list[Image], list[BoolMask]]) -> float:
    found = [session.step(image).objects[1].mask for image in ball[0]]
    return float(np.mean([iou(mask, truth) for mask, truth in zip(found[1:], ball[1][1:], strict=True)]))


@pytest.mark.parametrize("prompt", ["box", "click", "mask"])
def test_a_ball_of_twelve_pixels_is_followed_in_a_window_and_not_without(
    nano: Tracker, ball: tuple[list[Image], list[BoolMask]], prompt: str
) -> None:
    first = ball[1][0]
    prompts: dict[str, dict[str, Any]] = {
        "box": {"box": box_of(first)},
        "click": {"points": [innermost_point(first)]},
        "mask": {"mask": first},
    }
    given = prompts[prompt]
    assert max(np.subtract(box_of(first)[2:], box_of(first)[:2])) <= BALL_PX
    windowed, whole = new_session(nano), new_session(nano, "off")
    windowed.add(1, **given)
    whole.add(1, **given)
    assert mean_iou(windowed, ball) > 0.6
    assert mean_iou(whole, ball) < 0.3


def test_a_session_of_nano_has_windows_and_one_that_says_off_sees_the_whole(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    image, masks = film[0]
    for session, expected in ((nano.new_session(), True), (new_session(nano, "off"), False)):
        session.add(1, box=box_of(masks[CAR]))
        session.step(image)
        [tracked] = session._tracks.by_id.values()
        assert bool(tracked.slot.views) is expected


def test_windows_follow_as_well_as_the_whole_picture_and_memory_stays(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    session = new_session(nano, history_frames=6)
    session.add(1, box=box_of(film[0][1][CAR]))
    sizes = []
    for image, masks in film:
        found = session.step(image).objects[1]
        sizes.append(session.num_bytes)
        assert iou(found.mask, masks[CAR]) > 0.75
        assert found.frame_size == image.shape[:2]
    assert len(set(sizes[1:])) == 1
    [tracked] = session._tracks.by_id.values()
    assert len(tracked.slot.views) == 6
    assert len(session._follower._frames._pictures) == 6


def test_a_prompt_on_a_past_frame_equals_one_that_came_in_time(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    in_time, late = new_session(nano), new_session(nano)
    click = innermost_point(film[4][1][CAR])
    for index, (image, _) in enumerate(film):
        if index == 4:
            in_time.add(1, points=[click])
        in_time.step(image)
        late.step(image)
    late.add(1, points=[click], at_frame=4)
    for index in (4, 9, FRAMES - 1):
        ours, expected = (session.result(index).objects[1] for session in (late, in_time))
        assert ours.box == expected.box
        np.testing.assert_array_equal(ours.crop, expected.crop)


def test_a_click_far_from_the_window_opens_a_new_one(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    session = new_session(nano)
    image, masks = film[0]
    other = min(masks, key=lambda key: box_of(masks[key])[0])  # the ball on the left
    assert other != CAR
    session.add(1, box=box_of(masks[CAR]))
    session.step(image)
    session.step(film[1][0])
    session.correct(1, points=[innermost_point(film[1][1][other])])
    assert iou(session.result(1).objects[1].mask, film[1][1][other]) > 0.5
    session.step(film[2][0])
    [tracked] = session._tracks.by_id.values()
    assert tracked.slot.views[2].holds(box_of(film[2][1][other]))


def test_corrections_inside_a_window_and_off_it_are_taken(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    session = new_session(nano)
    session.add(1, box=box_of(film[0][1][CAR]))
    for image, _ in film[:4]:
        session.step(image)
    truth = film[2][1][CAR]
    session.correct(1, points=[innermost_point(truth)], at_frame=2)
    assert iou(session.result(3).objects[1].mask, film[3][1][CAR]) > 0.7
    # Far off the object, and off it alone: it says nothing of what the window shows.
    session.correct(1, points=[(4, 4)], labels=[0], at_frame=3)
    assert session.result(3).objects[1].area_px > 0
    session.correct(1, mask=truth, at_frame=2)
    assert iou(session.result(2).objects[1].mask, truth) > 0.8
    with pytest.raises(PromptError):
        session.correct(1, points=[(-1, 4)])


def test_key_frames_carry_windows_along(nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]) -> None:
    session = new_session(nano, keyframe_interval=3)
    session.add(1, box=box_of(film[0][1][CAR]))
    scores = [iou(session.step(image).objects[1].mask, masks[CAR]) for image, masks in film[:8]]
    assert min(scores) > 0.7
    session.correct(1, points=[innermost_point(film[4][1][CAR])], at_frame=4)
    assert iou(session.result().objects[1].mask, film[7][1][CAR]) > 0.7


def test_a_picture_of_another_size_and_a_damaged_one_do_not_lose_the_object(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]], scene: Scene
) -> None:
    session = new_session(nano)
    session.add(1, box=box_of(film[0][1][CAR]))
    result = session.step(film[0][0])
    damaged = dataclasses.replace(result.frame, image=film[1][0], damaged=True)
    session.step(damaged)
    small = make_scene("demo?width=640&height=360")
    for index in range(2, 6):
        image, masks = small.render(index)
        found = session.step(image).objects[1]
    assert iou(found.mask, masks[CAR]) > 0.6


def test_a_mask_far_beyond_its_box_is_cut_and_uncertain(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    session = new_session(nano)
    x0, y0, x1, y1 = box_of(film[0][1][CAR])
    # A box on a small part of the car: the network may take all of it.
    part = (x0 + (x1 - x0) // 2, y0 + (y1 - y0) // 2, x0 + (x1 - x0) // 2 + 6, y0 + (y1 - y0) // 2 + 6)
    session.add(1, box=part)
    found = session.step(film[0][0]).objects[1]
    assert found.area_px <= 2.0 * 36
    if found.area_px > 0:
        assert found.state in (ObjectState.UNCERTAIN, ObjectState.TRACKING)


def test_an_exploded_mask_is_uncertain_and_enters_no_memory(
    nano: Tracker, film: list[tuple[Image, dict[int, BoolMask]]]
) -> None:
    session = new_session(nano)
    session.add(1, box=box_of(film[0][1][CAR]))
    for image, _ in film[:3]:
        session.step(image)
    [tracked] = session._tracks.by_id.values()
    growth = tracked._growth
    assert growth is not None
    before = tracked.window.view(3, film[0][0].shape[:2]) if tracked.window else None
    growth._believed = dict.fromkeys(growth._believed, (1, 1))  # as if it had been a pixel so far
    result = session.step(film[3][0])
    assert result.objects[1].state is ObjectState.UNCERTAIN
    assert EventKind.UNCERTAIN in [event.kind for event in result.events]
    assert 3 not in tracked.slot.features
    assert 3 not in tracked.slot.pointers
    assert tracked.window is not None
    after = tracked.window.view(4, film[0][0].shape[:2])
    assert before is not None
    assert after is not None
    assert after.height == before.height


def test_the_extent_of_a_prompt_is_that_of_its_box_or_mask() -> None:
    corners = np.array([[10, 20], [30, 60], [50, 40]], np.float32)
    box = CheckedPrompt(corners, np.array([2, 3, 1], np.int32), None, (90, 160))
    assert prompt_extent(box) == (10, 20, 50, 60)
    clicks = CheckedPrompt(corners, np.array([1, 1, 0], np.int32), None, (90, 160))
    assert prompt_extent(clicks) is None
    mask = np.zeros((90, 160), np.bool_)
    mask[20:40, 30:70] = True
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    assert prompt_extent(CheckedPrompt(*nothing, mask, (90, 160))) == (30, 20, 70, 40)


@pytest.mark.parametrize(("growth", "keeps"), [(4.0, True), ("off", False)])
def test_masks_keep_to_one_body_unless_every_mask_is_believed(
    nano: Tracker, growth: Any, keeps: bool
) -> None:
    geometry = nano.model.network.geometry
    windows = make_looking(TrackingConfig(window="auto", max_mask_growth=growth), geometry)
    assert (windows.new_body() is not None) is keeps
    assert make_looking(TrackingConfig(window="off"), geometry).new_body() is None


@dataclasses.dataclass
class Worth:
    """Stands in for an engine: it finds a square of 40 pixels at 300, 200, and trusts it as it is told to."""

    whole: float
    through: float
    asked: list[tuple[CheckedPrompt, View | None]] = dataclasses.field(default_factory=list)

    def look(
        self,
        slot: Slot,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        corrects: bool,
        view: View | None = None,
        anew: bool = False,
    ) -> Look:
        self.asked.append((prompt, view))
        seen = view or View.whole((480, 640))
        y, x = (
            (np.arange(64) + 0.5) * seen.height / 64 + seen.y0,
            (np.arange(64) + 0.5) * seen.width / 64 + seen.x0,
        )
        inside = (abs(y - 200) < 20)[:, None] & (abs(x - 300) < 20)[None]
        logits = np.where(inside, np.float32(5), np.float32(-5))
        found = Found(logits, 1.0, self.whole if view is None else self.through, True, view)
        nothing: Any = None
        return Look(found, frame_idx, view, nothing, nothing)

    def redraw(self, look: Look, logits: Tensor) -> Look:
        raise AssertionError("nothing is too large")


@pytest.mark.parametrize(("through", "by_mask"), [(0.9, False), (0.15, True)])
def test_what_a_click_finds_is_remembered_through_a_window_like_those_to_come(
    nano: Tracker, through: float, by_mask: bool
) -> None:
    windows = make_looking(TrackingConfig(window="auto"), nano.model.network.geometry)
    click = CheckedPrompt(np.array([[300, 200]], np.float32), np.array([1], np.int32), None, (480, 640))
    engine, nobody = Worth(1.0, through), cast(Slot, None)
    look = windows.first_look(engine, nobody, 0, click)
    assert look is not None
    assert look.view is not None
    assert 80 <= look.view.height <= 110
    prompt, view = engine.asked[-1]
    assert view == look.view
    assert (prompt.mask is not None) is by_mask
    if prompt.mask is not None:
        assert 1200 < prompt.mask.sum() < 2200
        assert prompt.mask[200, 300]
