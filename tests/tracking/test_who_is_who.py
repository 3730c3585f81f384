"""Sessions and films: who leaves is not who comes in at once, and who comes out is found where it has to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from streamtrack import Prompt
from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower, Slot
from streamtrack.frame import BoolMask, FrameResult, Image, ObjectState
from streamtrack.tracking import Tracker

pytestmark = pytest.mark.tracks

WIDTH, HEIGHT, RADIUS = 192, 108, 16
GONE = (ObjectState.OCCLUDED, ObjectState.LOST)
OUT, BACK = 12, 29
"""The first leaves on this frame, and comes back over the same border on that one."""
FRAMES = 38


def disc(image: Image, x: float, y: float) -> None:
    for radius, colour in ((RADIUS, (190, 40, 40)), (RADIUS - 6, (240, 200, 160)), (4, (120, 20, 20))):
        cv2.circle(image, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)


def first_at(frame: int) -> float:
    """It goes out to the right, and comes back."""
    return 76 + 12 * frame if frame < (OUT + BACK) / 2 else 76 + 12 * (OUT + BACK - frame)


def twin_at(frame: int) -> float:
    """Comes in where the other one went, and goes on to the left."""
    return WIDTH + RADIUS - 9 * (frame - OUT + 1)


@pytest.fixture(scope="module")
def film() -> Sequence[Image]:
    images = []
    for frame in range(FRAMES):
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        image[:] = (70, 120, 70)
        image[::9] = (64, 112, 66)
        disc(image, twin_at(frame), 74)
        disc(image, first_at(frame), 34)
        images.append(image)
    return images


def first_mask() -> BoolMask:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask: BoolMask = np.hypot(x - first_at(0), y - 34) <= RADIUS
    return mask


def config(plan: str) -> TrackingConfig:
    return TrackingConfig.model_validate({"memory": plan, "window": "off"})


def on_the_twin(result: FrameResult) -> bool:
    mask = result.objects[1].mask
    x = twin_at(result.frame_idx)
    return bool(mask[66:82, max(0, round(x) - 6) : max(0, round(x) + 6)].any())


def check(results: Sequence[FrameResult]) -> None:
    """Who is followed is told gone while the twin is alone, and is found again where it comes back."""
    assert all(one.objects[1].state is ObjectState.TRACKING for one in results[: OUT - 3])
    alone = results[OUT : BACK - 1]
    assert not any(on_the_twin(one) for one in alone)
    assert all(one.objects[1].state in GONE for one in alone[2:])
    last = results[-1].objects[1]
    assert last.state is ObjectState.TRACKING
    assert last.centroid == pytest.approx((first_at(FRAMES - 1), 34), abs=4)


@pytest.mark.parametrize("plan", ["motion_aware", "distractor_aware"])
def test_a_twin_that_comes_in_is_not_who_left(plan: str, small_nano: Tracker, film: Sequence[Image]) -> None:
    session = small_nano.new_session(config(plan))
    session.add(1, mask=first_mask())
    check([session.step(image) for image in film])


def test_plain_memory_takes_the_twin(small_nano: Tracker, film: Sequence[Image]) -> None:
    session = small_nano.new_session(config("recent"))
    session.add(1, mask=first_mask())
    assert any(on_the_twin(session.step(image)) for image in film[: BACK - 1])


def test_films_know_it_as_well(small_nano: Tracker, film: Sequence[Image]) -> None:
    prompts = [Prompt(1, mask=first_mask(), at_frame=0)]
    check(list(small_nano.track(np.stack(film), prompts, config("motion_aware"), start=0)))


def test_a_correction_is_followed_as_the_frames_were(small_nano: Tracker, film: Sequence[Image]) -> None:
    session = small_nano.new_session(config("motion_aware"))
    session.add(1, mask=first_mask())
    for image in film[:22]:
        session.step(image)
    session.correct(1, points=[(first_at(7), 34)], at_frame=7)
    assert not on_the_twin(session.result())
    assert session.result().objects[1].state in GONE


def test_who_is_gone_costs_half_and_what_is_taken_back_had_never_been(
    small_nano: Tracker, film: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[int] = []
    follow = Follower.follow

    def counted(self: Follower, slots: Sequence[Slot], frame_idx: int, *args: Any) -> None:
        followed.extend(frame_idx for _ in slots)
        follow(self, slots, frame_idx, *args)

    monkeypatch.setattr(Follower, "follow", counted)
    frames = TrackingConfig.model_validate({"memory": "motion_aware", "window": "off", "history_frames": 32})
    session = small_nano.new_session(frames)
    session.add(1, mask=first_mask())
    results = [session.step(image) for image in film[: BACK - 1]]
    gone = [one.frame_idx for one in results if one.objects[1].state in GONE]
    rests = set(gone) - set(followed)
    assert len(rests) >= 5
    assert not rests & {index + 1 for index in rests}, "never on two frames in a row"
    assert set(range(1, gone[0])) <= set(followed)
    before = [session.result(index).objects[1] for index in range(BACK - 1)]
    session.correct(1, points=[(first_at(5), 34)], at_frame=5)
    session.undo()
    after = [session.result(index).objects[1] for index in range(BACK - 1)]
    assert [(one.state, one.box, one.object_score) for one in before] == [
        (one.state, one.box, one.object_score) for one in after
    ]
