"""Objects that leave a session as a file and go on elsewhere, bit for bit as if they had stayed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.errors import (
    FrameExpiredError,
    PromptError,
)
from streamtrack.frame import EventKind, Image, ObjectMask, ObjectState
from streamtrack.model.build import LoadedModel
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.memory_file import read_metadata
from streamtrack.weights.catalog import get_entry
from tests.support.colour_family import coloured_shapes
from tests.support.memories import CLICK, CONFIG, begun, make_colour
from tests.support.pictures import drifting_ellipses
from tests.support.reference import make_network, random_weights

pytestmark = pytest.mark.tracks


@pytest.fixture(scope="module")
def colour() -> Tracker:
    return make_colour()


@pytest.fixture(scope="module")
def shapes() -> list[Image]:
    return [image for image, _ in coloured_shapes(44)]


@pytest.fixture(scope="module")
def ellipses() -> Sequence[Image]:
    return drifting_ellipses(num_frames=112)


@pytest.fixture(scope="module")
def small() -> dict[str, Tracker]:
    """Real networks that see 128 pixels."""
    entry = get_entry("sam2.1-tiny")
    weights = random_weights(entry, 128, 3, object_score_bias=3.0)
    sam2 = make_network(entry, 128, weights)
    trackers = {
        precision: Tracker.from_checkpoint("nano", device="cpu", image_size=128, precision=precision)
        for precision in ("fp32", "bf16")
    }
    return {
        "nano fp32": trackers["fp32"],
        "nano bf16": trackers["bf16"],
        "sam2 fp32": Tracker(LoadedModel(entry.name, sam2, "fp32")),
        "sam2 bf16": Tracker(LoadedModel(entry.name, sam2, "bf16")),
    }


def logits(session: Session, object_id: int) -> Tensor:
    """Of the newest key frame."""
    tracked = session._tracks.by_id[object_id]
    return session._follower._bank.mask_logits(tracked.slot, session._tracks.next_key - 1).clone()


def facts(found: ObjectMask) -> tuple[Any, ...]:
    return found.state, found.box, found.area_px, found.object_score, found.iou_score, found.label


def assert_goes_on(
    first: Session, second: Session, images: Sequence[Image], object_id: int, other_id: int
) -> None:
    """Both find the same object on the next frames, bit for bit."""
    for image in images:
        ours, theirs = first.step(image).objects[object_id], second.step(image).objects[other_id]
        assert torch.equal(logits(first, object_id), logits(second, other_id))
        assert facts(ours) == facts(theirs)
        assert np.array_equal(ours.mask, theirs.mask)


# -- bit for bit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"memory_stride": 3},
        {"keyframe_interval": 3},
        {"window": 2.0, "max_mask_growth": 4.0},
        {"memory_frames": 2, "max_conditioning_frames": 2},
        {"memory": "motion_aware"},
        {"memory": "distractor_aware", "window": 2.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("before", [0, 5], ids=["new session", "one that has seen frames"])
def test_it_goes_on_in_another_session_as_in_its_own(
    colour: Tracker, shapes: list[Image], change: dict[str, Any], before: int
) -> None:
    config = CONFIG.model_copy(update=change)
    session = begun(colour, config, shapes[:7], points=[CLICK])
    session.correct(1, points=[(CLICK[0] + 18, CLICK[1])])
    for image in shapes[7:18]:
        session.step(image)
    other = colour.new_session(config)
    for image in shapes[20 : 20 + before]:
        other.step(image)
    other.add(9, memory=session.export_object(1))
    assert_goes_on(session, other, shapes[18:40], 1, 9)


def test_a_hidden_object_is_as_lost_and_as_found_as_it_would_have_been(
    colour: Tracker, shapes: list[Image]
) -> None:
    empty = np.full_like(shapes[0], 120)
    config = CONFIG.model_copy(update={"window": 2.0, "lost_after_ms": 0})
    session = begun(colour, config, [*shapes[:6], *[empty] * 5], points=[CLICK])
    assert session.result().objects[1].state is ObjectState.LOST
    other = colour.new_session(config)
    other.add(1, memory=session.export_object(1))
    assert_goes_on(session, other, [empty, empty, shapes[13], shapes[14]], 1, 1)
    assert other.result().objects[1].state is ObjectState.TRACKING


def test_more_pointers_than_a_short_memory_has_features_come_along(
    small: dict[str, Tracker], ellipses: Sequence[Image]
) -> None:
    config = TrackingConfig(history_frames=2, memory_frames=1)
    session = begun(small["nano fp32"], config, ellipses[:20], box=[60, 55, 140, 105])
    other = small["nano fp32"].new_session(config)
    other.add(1, memory=session.export_object(1))
    assert_goes_on(session, other, ellipses[20:23], 1, 1)


@pytest.mark.parametrize("name", ["nano fp32", "nano bf16", "sam2 fp32", "sam2 bf16"])
@pytest.mark.parametrize("window", ["off", 2.0])
def test_real_networks_go_on_bit_for_bit(
    small: dict[str, Tracker], ellipses: Sequence[Image], name: str, window: str | float
) -> None:
    config = TrackingConfig(history_frames=2, window=window)
    session = begun(small[name], config, ellipses[:5], box=[60, 55, 140, 105])
    other = small[name].new_session(config)
    other.add(4, memory=session.export_object(1))
    assert_goes_on(session, other, ellipses[5:8], 1, 4)


@pytest.mark.parametrize("newest", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_fresh_process_goes_on_where_the_file_ends(
    small: dict[str, Tracker], ellipses: Sequence[Image], tmp_path: Path, newest: int
) -> None:
    seen = ellipses[: newest + 1]
    session = begun(small["nano fp32"], TrackingConfig(), seen, box=[60, 55, 140, 105])
    (tmp_path / "cup.memory").write_bytes(session.export_object(1))
    code = """if True:
        import sys, numpy, torch
        torch.set_num_threads(int(sys.argv[2]))
        from streamtrack.tracking import Tracker
        from tests.support.pictures import drifting_ellipses
        tracker = Tracker.from_checkpoint("nano", device="cpu", image_size=128, precision="fp32")
        session = tracker.new_session()
        session.add(7, memory=open(sys.argv[1] + "/cup.memory", "rb").read())
        found = []
        newest = int(sys.argv[3])
        for image in drifting_ellipses(newest + 6)[newest + 1 :]:
            session.step(image)
            slot = session._tracks.by_id[7].slot
            found.append(session._follower._bank.mask_logits(slot, session.newest_frame_idx).numpy())
        numpy.save(sys.argv[1] + "/logits.npy", numpy.stack(found))
    """
    arguments = [str(tmp_path), str(torch.get_num_threads()), str(newest)]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=120)
    theirs = np.load(tmp_path / "logits.npy")
    for image, expected in zip(ellipses[newest + 1 : newest + 6], theirs, strict=True):
        session.step(image)
        assert np.array_equal(logits(session, 1).numpy(), expected)


def test_what_comes_goes_as_it_came(colour: Tracker, shapes: list[Image]) -> None:
    session = begun(colour, CONFIG, shapes[:9], points=[CLICK])
    memory = session.export_object(1)
    other = colour.new_session(CONFIG)
    other.add(1, memory=memory)
    again = other.export_object(1)
    assert read_metadata(again) == read_metadata(memory)
    before, after = load(memory), load(again)
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


# -- as an object of the session -------------------------------------------------------------------


def test_it_waits_for_the_next_frame_which_is_a_key_frame(colour: Tracker, shapes: list[Image]) -> None:
    memory = begun(colour, CONFIG, shapes[:4], points=[CLICK]).export_object(1)
    session = colour.new_session(CONFIG.model_copy(update={"keyframe_interval": 4}))
    for image in shapes[2:4]:
        session.step(image)
    session.add(1, memory=memory, label="mug")
    assert session.object_ids == (1,)
    assert session.label_of(1) == "mug"
    assert session.first_frame_of(1) == -1
    with pytest.raises(PromptError, match=r"^object 1 waits for the next frame"):
        session.correct(1, points=[CLICK])
    result = session.step(shapes[4])
    [added] = [event for event in result.events if event.kind is EventKind.ADDED]
    assert added.detail == {"how": "memory"}
    assert result.objects[1].area_px > 0
    assert session.first_frame_of(1) == 2
    assert 1 not in session.result(1).objects
    with pytest.raises(PromptError, match=r"at_frame is 1, expected its first frame \(2\) or later"):
        session.correct(1, points=[CLICK], at_frame=1)


def test_at_a_kept_frame_it_is_followed_from_there(colour: Tracker, shapes: list[Image]) -> None:
    memory = begun(colour, CONFIG, shapes[:4], points=[CLICK]).export_object(1)
    session, early = colour.new_session(CONFIG), colour.new_session(CONFIG)
    early.step(shapes[3])
    early.add(1, memory=memory)
    for image in shapes[4:7]:
        early.step(image)
    for image in shapes[3:7]:
        session.step(image)
    session.add(1, memory=memory, at_frame=1)
    assert sorted(session.result(0).objects) == []
    for frame_idx in (1, 2, 3):
        assert facts(session.result(frame_idx).objects[1]) == facts(early.result(frame_idx).objects[1])
    assert_goes_on(early, session, shapes[7:9], 1, 1)
    with pytest.raises(FrameExpiredError):
        session.add(2, memory=memory, at_frame=0)


def test_it_is_corrected_merged_and_taken_back_as_others_are(colour: Tracker, shapes: list[Image]) -> None:
    memory = begun(colour, CONFIG, shapes[:4], points=[CLICK]).export_object(1)
    session = begun(colour, CONFIG, shapes[4:6], points=[(220, 120)])
    session.add(2, memory=memory)
    before = session.step(shapes[6]).objects[2]
    session.correct(2, points=[(240, 46)])
    assert session.result().objects[2].area_px > before.area_px
    assert session.undo().what == "correct"
    assert facts(session.result().objects[2]) == facts(before)
    session.merge(1, 2)
    assert session.object_ids == (1,)
    session.undo()
    assert sorted(session.object_ids) == [1, 2]
    assert facts(session.result().objects[2]) == facts(before)
    session.step(shapes[7])
    assert session.undo().what == "start"
    assert session.object_ids == (1,)


def test_an_evicted_frame_of_another_stream_has_no_number(colour: Tracker, shapes: list[Image]) -> None:
    config = CONFIG.model_copy(update={"max_conditioning_frames": 2})
    session = begun(colour, config, shapes[:4], points=[CLICK])
    session.correct(1, points=[CLICK])
    other = begun(colour, config, shapes[:6], points=[(220, 120)])
    other.add(2, memory=session.export_object(1))
    other.step(shapes[6])
    other.correct(2, points=[CLICK])
    [evicted] = [one for one in other.take_events() if one.kind is EventKind.CONDITIONING_EVICTED]
    assert evicted.detail["evicted_frame_idx"] == -1


def test_less_room_keeps_the_first_prompt_and_the_newest(colour: Tracker, shapes: list[Image]) -> None:
    session = begun(colour, CONFIG, shapes[:3], points=[CLICK])
    for image in shapes[3:6]:
        session.step(image)
        session.correct(1, points=[(CLICK[0] + 12, CLICK[1])])
    narrow = CONFIG.model_copy(update={"max_conditioning_frames": 2, "memory_frames": 1, "history_frames": 1})
    other = colour.new_session(narrow)
    other.add(1, memory=session.export_object(1))
    assert other.step(shapes[6]).objects[1].area_px > 0
    assert list(other._tracks.by_id[1].slot.conditioning) == [-6, -1]
