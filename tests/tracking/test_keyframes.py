"""Key frames and carried frames, with the shipped nano; 6 seconds."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.errors import FrameExpiredError, PromptError
from streamtrack.frame import BoolMask, Event, EventKind, Image, ObjectState
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.keyframes import EveryFrame

pytestmark = pytest.mark.tracks

NUM_FRAMES = 24
CAR = (197.5, 126.5)


@pytest.fixture(scope="module")
def scene() -> list[tuple[Image, BoolMask]]:
    """The demo scene and the mask of its car."""
    source = make_scene("demo?width=320&height=180")
    rendered = [source.render(index) for index in range(NUM_FRAMES)]
    return [(image, masks[1]) for image, masks in rendered]


def new_session(nano: Tracker, interval: int = 2, **keys: int | str) -> Session:
    return nano.new_session(TrackingConfig.model_validate({"keyframe_interval": interval, **keys}))


def iou(found: BoolMask, truth: BoolMask) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def key_frames_seen(session: Session) -> int:
    return session._log.next_key


def test_interval_1_is_the_exact_session(nano: Tracker) -> None:
    assert type(nano.new_session()._key_frames) is EveryFrame


@pytest.mark.parametrize(("interval", "cost"), [(2, 0.03), (4, 0.05)])
def test_carried_masks_fit_nearly_as_well_as_exact_ones(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]], interval: int, cost: float
) -> None:
    exact, carrying = nano.new_session(), new_session(nano, interval)
    ious: dict[bool, list[float]] = {True: [], False: []}
    for session in (exact, carrying):
        session.add(1, points=[CAR])
        for index, (image, truth) in enumerate(scene):
            result = session.step(image)
            assert result.frame_idx == session.newest_frame_idx == index
            ious[session is exact].append(iou(result.objects[1].mask, truth))
    assert key_frames_seen(carrying) == NUM_FRAMES // interval
    assert np.mean(ious[False]) > np.mean(ious[True]) - cost
    assert np.mean(ious[False]) > 0.8


def test_kept_frames_answer_as_when_they_were_new(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    session = new_session(nano, 3, history_frames=8)
    session.add(1, points=[CAR])
    results = [session.step(image) for image, _ in scene[:14]]
    for frame_idx in range(6, 14):
        again = session.result(frame_idx)
        assert again.frame_idx == frame_idx
        assert again.times == results[frame_idx].times
        assert again.frame is results[frame_idx].frame
        np.testing.assert_array_equal(again.objects[1].mask, results[frame_idx].objects[1].mask)
    with pytest.raises(FrameExpiredError, match="5"):
        session.result(5)


def test_prompt_on_a_carried_frame_lands_where_it_was_clicked(nano: Tracker) -> None:
    scene = make_scene("demo?width=320&height=180")
    frames = [scene.render(index) for index in range(10)]
    truth = frames[7][1][1]
    y, x = (float(np.mean(axis)) for axis in np.nonzero(truth))
    rows, columns = np.nonzero(truth)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    for prompt in ({"points": [(x, y)]}, {"box": box}, {"mask": truth}):
        session = new_session(nano, 4)
        for image, _ in frames[:8]:
            session.step(image)
        session.add(1, **prompt, at_frame=7)
        assert session.first_frame_of(1) == 4
        assert iou(session.result().objects[1].mask, truth) > 0.7
        for image, _ in frames[8:]:
            result = session.step(image)
        assert [event.frame_idx for event in result.events] == []
        assert iou(result.objects[1].mask, frames[9][1][1]) > 0.7


def test_correction_on_a_carried_frame_mends_it(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    session = new_session(nano, 3)
    session.add(1, box=(20, 20, 60, 60))  # nothing of interest
    for image, _ in scene[:6]:
        session.step(image)
    result = session.correct(1, mask=scene[5][1])
    assert result.frame_idx == 5
    assert iou(result.objects[1].mask, scene[5][1]) > 0.8
    [event] = [event for event in session.take_events() if event.kind is EventKind.CORRECTED]
    assert event.frame_idx == 3
    with pytest.raises(PromptError, match="object 9 is not followed"):
        session.correct(9, points=[CAR])


def test_prompt_gap_and_new_size_make_key_frames(nano: Tracker, images: Sequence[Image]) -> None:
    session = new_session(nano, 8, window="off")
    session.step(images[0])
    session.step(images[1])
    assert key_frames_seen(session) == 1
    session.add(1, points=[(100, 80)])
    added = session.step(images[2])
    assert key_frames_seen(session) == 2
    assert [(event.kind, event.frame_idx) for event in added.events] == [(EventKind.ADDED, 2)]
    session.note_gap()
    told = session.step(images[3]).events
    assert [(event.kind, event.frame_idx) for event in told] == [(EventKind.GAP, 2)]
    assert key_frames_seen(session) == 3
    session.step(np.ascontiguousarray(images[4][::2, ::2]))
    assert key_frames_seen(session) == 4
    session.remove(1)
    carried = session.step(np.ascontiguousarray(images[5][::2, ::2]))
    assert [(event.kind, event.frame_idx) for event in carried.events] == [(EventKind.REMOVED, 4)]
    assert key_frames_seen(session) == 4


def test_states_are_told_with_the_numbers_of_all_frames(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    session = new_session(nano, 2, lost_after_ms=0, scene_cuts=False)  # at once
    session.add(1, points=[CAR])
    nothing = np.full_like(scene[0][0], 110)
    told: list[Event] = []
    for image in [*(image for image, _ in scene[:7]), *[nothing] * 5]:
        result = session.step(image)
        told += result.events
        assert all(event.frame_idx == result.frame_idx for event in result.events)
    # The network sees frames 0, 2, 4, ...; on 7 nothing is there to be carried, on 8 nothing to be found.
    kinds = [(event.kind, event.frame_idx) for event in told if event.kind is not EventKind.UNCERTAIN]
    assert kinds == [(EventKind.ADDED, 0), (EventKind.LOST, 8)]
    assert result.objects[1].state is ObjectState.LOST


def test_memory_stays_what_it_was(nano: Tracker, images: Sequence[Image]) -> None:
    session = new_session(nano, 2, history_frames=4, max_conditioning_frames=2)
    session.add(1, points=[(100, 80)])
    session.step(images[0])
    held = session.num_bytes
    for image in images[1:16]:
        session.step(image)
        session.correct(1, points=[(100 + 2 * session.newest_frame_idx, 80)])
    assert session.num_bytes == held
    assert session.first_frame_of(1) == 0
    # Kept key frames, the first frame, and one that is remembered.
    assert len(session._log._frame_idx_of_key) <= 4 + 2


@pytest.mark.parametrize(("interval", "encoded"), [(2, 4), (4, 2)])
def test_frames_between_key_frames_skip_the_network(
    interval: int, encoded: int, nano: Tracker, images: Sequence[Image]
) -> None:
    session = new_session(nano, interval, window="off")
    session.add(1, points=[(100, 80)])
    with mock.patch.object(Sam2Network, "encode", autospec=True, side_effect=Sam2Network.encode) as encode:
        for image in images[:8]:
            session.step(image)
    assert encode.call_count == encoded
