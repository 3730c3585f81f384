"""What callers hand in: frames, frame numbers, ids and prompts of any make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.config import TrackingConfig
from streamtrack.errors import PromptError
from streamtrack.frame import EventKind, Image
from streamtrack.prompt import Prompt
from streamtrack.tracking import Tracker
from tests.support.pictures import SIZE
from tests.tracking.test_session import FIRST, run

pytestmark = pytest.mark.tracks


@pytest.mark.parametrize(
    "view",
    [
        lambda image: np.ascontiguousarray(image[..., ::-1])[..., ::-1],
        np.asfortranarray,
        lambda image: np.dstack((image, image[..., :1]))[..., :3],
        torch.from_numpy,
    ],
    ids=["BGR view", "Fortran", "RGB of RGBA", "torch"],
)
@pytest.mark.parametrize("interval", [1, 2])
def test_frames_of_any_layout_give_the_same_masks(
    view: Callable[[Image], Any], interval: int, nano: Tracker, images: Sequence[Image]
) -> None:
    config = TrackingConfig(keyframe_interval=interval)
    plain, viewed = nano.new_session(config), nano.new_session(config)
    for session in (plain, viewed):
        session.add(1, **FIRST)
    for image in images[:3]:
        viewed.encode_ahead(view(image))
        expected, found = plain.step(image), viewed.step(view(image))
        np.testing.assert_array_equal(found.objects[1].mask, expected.objects[1].mask)
        np.testing.assert_array_equal(found.frame.image, image)


@pytest.mark.parametrize("at_frame", [1, 1.0, np.int64(1), np.float32(1), torch.tensor(1)])
def test_frame_may_be_any_whole_number(at_frame: Any, nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    run(session, images[:3])
    session.add(1, **FIRST, at_frame=at_frame)
    assert session.first_frame_of(1) == 1
    assert session.correct(1, points=[(105, 80)], at_frame=at_frame).frame_idx == 1
    assert session.result(at_frame).frame_idx == 1


@pytest.mark.parametrize("at_frame", [1.5, True, "1", float("nan"), float("inf"), [1], torch.ones(2), b"1"])
def test_frame_that_is_no_whole_number_is_refused(
    at_frame: Any, nano: Tracker, images: Sequence[Image]
) -> None:
    session = nano.new_session()
    run(session, images[:3])
    session.add(1, **FIRST, at_frame=1)
    for call in (
        lambda: session.add(2, **FIRST, at_frame=at_frame),
        lambda: session.correct(1, **FIRST, at_frame=at_frame),
        lambda: session.start(Prompt(2, **FIRST), at_frame),
        lambda: session.refine(Prompt(1, **FIRST), at_frame),
        lambda: session.result(at_frame),
    ):
        with pytest.raises(PromptError, match=r"at_frame is .*, expected"):
            call()


@pytest.mark.parametrize("object_id", [None, "1", 1.0, True, [1], -1])
def test_id_that_is_none_is_refused_everywhere(object_id: Any, nano: Tracker) -> None:
    session = nano.new_session()
    for call in (
        session.remove,
        session.label_of,
        session.first_frame_of,
        lambda object_id: session.set_label(object_id, "car"),
        lambda object_id: session.add(object_id, **FIRST),
        lambda object_id: session.correct(object_id, **FIRST),
    ):
        with pytest.raises(PromptError, match=r"object_id is .*, expected"):
            call(object_id)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(90, 92), slice(20, 300)), (slice(20, 170), slice(318, 320)), (slice(90, 91), slice(160, 161))],
    ids=["rope", "pole at the edge", "one pixel"],
)
@pytest.mark.parametrize("interval", [1, 2])
def test_mask_thinner_than_the_networks_pixels_is_an_object(
    rows: slice, columns: slice, interval: int, nano: Tracker, images: Sequence[Image]
) -> None:
    mask = np.zeros(SIZE, np.bool_)
    mask[rows, columns] = True
    session = nano.new_session(TrackingConfig(keyframe_interval=interval))
    session.add(1, mask=mask)
    result = session.step(images[0])
    found = result.objects[1].mask
    assert (found & mask).sum() >= 0.5 * mask.sum()
    [added] = [event for event in result.events if event.kind is EventKind.ADDED]
    assert added.detail["area_px"] == found.sum()


def test_start_tells_how_much_it_found(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    run(session, images[:2])
    session.add(1, **FIRST, at_frame=1)
    session.add(2, box=(10, 10, 10.2, 10.2), at_frame=1)
    session.add(3, box=(0, 90, 320, 90.5), at_frame=1)
    added = [event for event in session.take_events() if event.kind is EventKind.ADDED]
    objects = session.result().objects
    assert {event.object_id: event.detail["area_px"] for event in added} == {
        object_id: one.area_px for object_id, one in objects.items()
    }
    assert objects[1].area_px > 0


@pytest.mark.parametrize("window", ["auto", "off"])
@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_a_buffer_that_is_read_into_again_changes_no_past_frame(
    make: Callable[[Image], Any], window: str, nano: Tracker, images: Sequence[Image]
) -> None:
    config = TrackingConfig.model_validate({"window": window})
    apart, reused = nano.new_session(config), nano.new_session(config)
    buffer = np.empty_like(images[0])
    for image in images[:3]:
        np.copyto(buffer, image)
        apart.step(image.copy())
        reused.step(make(buffer))
    buffer[:] = 0
    for session in (apart, reused):
        session.add(1, **FIRST, at_frame=0)
    for index in range(3):
        there, here = (session.result(index) for session in (apart, reused))
        assert np.array_equal(there.frame.image, here.frame.image)
        assert there.objects[1].area_px > 0
        assert np.array_equal(there.objects[1].mask, here.objects[1].mask)
