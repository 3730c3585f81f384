"""A device whose memory is used up: the object that asked for more is refused, the others go on."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from streamtrack.compat.sam2 import SAM2VideoPredictor
from streamtrack.config import TrackingConfig
from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.errors import CapacityError
from streamtrack.frame import EventKind
from streamtrack.tracking import Session, Tracker
from tests.support.pictures import drifting_ellipses

IMAGES = drifting_ellipses(num_frames=4)
BOXES = ([60, 55, 140, 105], [150, 55, 230, 115], [20, 90, 100, 150])


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_checkpoint("nano", device="cpu", image_size=128)


@pytest.fixture
def session(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Two objects are followed, and the device has no room for a third."""
    session = tracker.new_session()
    for object_id in (1, 2):
        session.add(object_id, box=BOXES[object_id - 1])
    session.step(IMAGES[0])
    zeros = MemoryBank._zeros

    def no_room(self: MemoryBank, *shape: int, dtype: torch.dtype = torch.float32) -> Any:
        if shape[0] > 2 and len(shape) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it.")
        return zeros(self, *shape, dtype=dtype)

    monkeypatch.setattr(MemoryBank, "_zeros", no_room)
    return session


def test_a_prompt_on_a_shown_frame_is_refused_with_what_fits(session: Session) -> None:
    with pytest.raises(CapacityError, match=r"^out of memory: cpu has .* GiB for nano at 128 px, where "):
        session.add(3, box=BOXES[2], at_frame=0)
    assert session.object_ids == (1, 2)
    result = session.step(IMAGES[1])
    assert all(found.mask.any() for found in result.objects.values())


def test_one_that_waited_for_the_next_frame_is_told_as_an_event(session: Session) -> None:
    session.add(3, box=BOXES[2])
    result = session.step(IMAGES[1])
    (event,) = [event for event in result.events if event.object_id == 3]
    assert event.kind is EventKind.REMOVED
    assert str(event.detail["reason"]).startswith("out of memory: cpu has ")
    assert list(result.objects) == [1, 2]
    assert session.pending_object_ids == ()
    assert list(session.step(IMAGES[2]).objects) == [1, 2]


def test_a_slot_whose_prompt_found_no_memory_is_free_again(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tracker.new_session()
    session.add(1, box=BOXES[0])
    session.step(IMAGES[0])
    network: Any = tracker._model.network
    with monkeypatch.context() as patched:

        def no_room(*_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory.")

        patched.setattr(network, "decode_points", no_room)
        with pytest.raises(CapacityError, match="would fit"):
            session.add(2, box=BOXES[1], at_frame=0)
    session.add(2, box=BOXES[1], at_frame=0)
    num_bytes = session.num_bytes
    assert list(session.step(IMAGES[1]).objects) == [1, 2]
    assert session.num_bytes == num_bytes


def test_objects_go_in_smaller_passes_where_one_is_too_much(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = TrackingConfig(window="off")  # in windows of their own they share no pass
    session, unhindered = tracker.new_session(whole), tracker.new_session(whole)
    network: Any = tracker._model.network
    follow = network.follow

    def little_room(features: Any, memory: Any) -> Any:
        if len(memory.features) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return follow(features, memory)

    for one in (session, unhindered):
        for object_id, box in enumerate(BOXES):
            one.add(object_id, box=box)
        one.step(IMAGES[0])
    expected = unhindered.step(IMAGES[1])
    monkeypatch.setattr(network, "follow", little_room)
    result = session.step(IMAGES[1])
    assert list(result.objects) == [0, 1, 2]
    for object_id, found in result.objects.items():
        there = expected.objects[object_id].mask
        assert (found.mask & there).sum() / (found.mask | there).sum() > 0.99
    assert caplog.messages == ["out of memory with 3 objects in one pass: from now on 1 at a time"]
    assert list(session.step(IMAGES[2]).objects) == [0, 1, 2]

    def no_room(features: Any, memory: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(network, "follow", no_room)
    with pytest.raises(CapacityError, match=r"^out of memory: cpu has .* would fit$"):
        session.step(IMAGES[3])


def test_so_they_do_on_films(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = SAM2VideoPredictor(tracker._model)
    state = predictor.init_state(IMAGES)
    network: Any = tracker._model.network
    follow = network.follow

    def little_room(features: Any, memory: Any) -> Any:
        if len(memory.features) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return follow(features, memory)

    monkeypatch.setattr(network, "follow", little_room)
    for object_id, box in enumerate(BOXES):
        predictor.add_new_points_or_box(state, 0, object_id, box=box)
    shown = list(predictor.propagate_in_video(state))
    assert [len(logits) for _, _, logits in shown] == [3, 3, 3, 3]
    assert caplog.messages == ["out of memory with 3 objects in one pass: from now on 1 at a time"]
