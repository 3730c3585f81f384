"""Memory plans through the whole session: live, corrected, taken back, over films, on bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.frame import BoolMask, EventKind, FrameResult, Image, ObjectState
from streamtrack.prompt import Prompt
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Session, Tracker

pytestmark = pytest.mark.tracks

PLANS = ("recent", "motion_aware", "distractor_aware")
AWARE = PLANS[1:]
Pond = tuple[list[Image], dict[int, BoolMask]]
SMALL = "crossing?width=160&height=90"


@pytest.fixture(scope="module")
def pond() -> Pond:
    """Two koi that cross, a dark one below; and the truth of the first frame."""
    scene = make_scene(SMALL)
    rendered = [scene.render(2 * index) for index in range(10)]
    return [image for image, _ in rendered], rendered[0][1]


def start(tracker: Tracker, truth: dict[int, BoolMask], **keys: object) -> Session:
    config = TrackingConfig.model_validate({"history_frames": 12, "window": "off", **keys})
    session = tracker.new_session(config)
    for object_id in (1, 2):
        session.add(object_id, mask=truth[object_id])
    return session


def picture_of(results: Iterator[FrameResult] | Sequence[FrameResult]) -> list[object]:
    """All that is told of objects; scores to what rounding leaves when objects share a pass."""
    return [
        (
            key,
            one.box,
            one.crop.tobytes(),
            round(one.iou_score, 4),
            round(one.object_score, 4),
            str(one.state),
        )
        for result in results
        for key, one in result.objects.items()
    ]


@pytest.mark.parametrize("plan", AWARE)
def test_a_run_is_the_same_twice_and_its_bytes_stay(plan: str, nano: Tracker, pond: Pond) -> None:
    images, truth = pond
    runs = []
    for _ in range(2):
        session = start(nano, truth, memory=plan)
        results = [session.step(image) for image in images[:2]]
        held = session.num_bytes
        results += [session.step(image) for image in images[2:]]
        assert session.num_bytes == held
        runs.append(picture_of(results))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("plan", AWARE)
def test_a_correction_that_is_taken_back_had_never_been(plan: str, nano: Tracker, pond: Pond) -> None:
    images, truth = pond
    one, other = start(nano, {1: truth[1], 2: truth[2]}, memory=plan), start(nano, truth, memory=plan)
    for image in images[:8]:
        one.step(image)
        other.step(image)
    x, y = one.result(5).objects[1].centroid or (80.0, 45.0)
    one.correct(1, points=[(x, y)], at_frame=5)
    one.correct(1, points=[(x, y + 2)], at_frame=6)
    one.undo()
    one.undo()
    seen = [one.result(frame) for frame in range(8)], [other.result(frame) for frame in range(8)]
    assert picture_of(seen[0]) == picture_of(seen[1])
    for image in images[8:]:
        assert picture_of([one.step(image)]) == picture_of([other.step(image)])


@pytest.mark.parametrize("plan", AWARE)
def test_a_prompt_on_a_past_frame_is_as_if_it_had_come_in_time(plan: str, nano: Tracker, pond: Pond) -> None:
    images, truth = pond
    late, early = (nano.new_session(TrackingConfig(memory=plan, history_frames=12)) for _ in range(2))
    early.add(1, mask=truth[1])
    for image in images[:6]:
        late.step(image)
        early.step(image)
    late.add(1, mask=truth[1], at_frame=0)
    assert picture_of([late.result()]) == picture_of([early.result()])
    for image in images[6:]:
        assert picture_of([late.step(image)]) == picture_of([early.step(image)])


@pytest.mark.parametrize("plan", AWARE)
def test_films_know_every_plan(plan: str, nano: Tracker, pond: Pond) -> None:
    images, truth = pond
    config = TrackingConfig.model_validate({"memory": plan, "window": "off"})
    prompts = [Prompt(1, mask=truth[1], at_frame=0)]
    film = np.stack(images[:6])
    there = picture_of(list(nano.track(film, prompts, config, start=0)))
    both = picture_of(list(nano.track(film, prompts, config, direction="both")))
    assert there == both
    assert len(both) == 6


def test_recent_is_what_is_had_without_a_word(nano: Tracker, pond: Pond) -> None:
    images, truth = pond
    named = start(nano, truth, memory="recent", window="off")
    assert named._tracks.by_id == {}
    for image in images[:4]:
        named.step(image)
    assert all(one.memory is None for one in named._tracks.by_id.values())


@pytest.mark.parametrize("plan", AWARE)
def test_the_worse_mask_in_one_place_is_not_remembered(plan: str, nano: Tracker) -> None:
    scene = make_scene(SMALL)
    truth = scene.render(0)[1]
    session = nano.new_session(TrackingConfig.model_validate({"memory": plan, "window": "off"}))
    session.add(1, mask=truth[1])
    session.add(2, mask=truth[1])
    for index in range(4):
        session.step(scene.render(index)[0])
    slots = [session._tracks.by_id[key].slot for key in (1, 2)]
    worse, better = sorted((sorted(slot.features) for slot in slots), key=len)
    assert worse == [0], "of the worse the prompt's frame alone"
    assert {2, 3} <= set(better), "as soon as its own estimate is good enough"


@pytest.mark.parametrize("overlap", ["allow", "best_wins"])
def test_one_pixel_is_of_one_object_where_asked(overlap: str, nano: Tracker) -> None:
    scene = make_scene(SMALL)
    truth = scene.render(0)[1]
    wide = np.roll(truth[1], 6, axis=1) | truth[1]
    session = nano.new_session(TrackingConfig(overlap=overlap, memory="recent"))
    session.add(1, mask=truth[1])
    session.add(2, mask=wide)
    session.step(scene.render(0)[0])
    result = session.step(scene.render(1)[0])
    first, second = result.objects[1].mask, result.objects[2].mask
    assert bool((first & second).any()) is (overlap == "allow")
    # Asked for later, the frame shows the same.
    assert picture_of([session.result()]) == picture_of([result])


def test_two_with_one_mask_clash_and_merging_ends_it(nano: Tracker) -> None:
    scene = make_scene(SMALL)
    truth = scene.render(0)[1]
    session = nano.new_session(TrackingConfig(clash_frames=3))
    session.add(1, mask=truth[1])
    session.add(2, mask=truth[1])
    events = [event for index in range(6) for event in session.step(scene.render(index)[0]).events]
    [clash] = [event for event in events if event.kind is EventKind.IDENTITY_CLASH]
    assert (clash.object_id, clash.detail["other_id"], clash.detail["frames"]) == (1, 2, 3)
    assert clash.detail["iou"] > 0.7
    session.merge(1, clash.detail["other_id"])
    assert session.object_ids == (1,)


@pytest.mark.parametrize("plan", PLANS[:2])
def test_a_cut_is_an_event_and_leaves_objects_uncertain(plan: str, nano: Tracker) -> None:
    pond, road = make_scene("crossing?width=320&height=180"), make_scene("demo?width=320&height=180")
    session = nano.new_session(TrackingConfig(memory=plan, scene_cuts=True))
    session.add(1, mask=pond.render(0)[1][1])
    for index in range(4):
        assert session.step(pond.render(index)[0]).objects[1].state is ObjectState.TRACKING
    results = [session.step(road.render(index)[0]) for index in range(3)]
    told = [event for result in results for event in result.events if event.kind is EventKind.SCENE_CUT]
    assert [(event.frame_idx, event.object_id, event.detail["frames_ago"]) for event in told] == [
        (5, None, 1)
    ]
    assert results[1].objects[1].state is not ObjectState.TRACKING
    # Looked for in the whole picture.
    assert 5 not in session._tracks.by_id[1].slot.views
    # Followed anew, the cut is still one.
    session.correct(1, mask=pond.render(3)[1][1], at_frame=3)
    assert session.result(5).objects[1].state is not ObjectState.TRACKING
