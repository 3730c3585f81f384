"""Prompts taken back and changed: the session is then what it were, had they been so from the beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.errors import CapacityError, FrameExpiredError, PromptError
from streamtrack.frame import EventKind, Image, Undone
from streamtrack.model.build import LoadedModel
from streamtrack.prompt import Prompt
from streamtrack.tracking import Session, Tracker, prompt_history, undo_steps
from tests.support.colour_family import ColourFamily, coloured_shapes, entry_of

HISTORY = 4
CONFIG = TrackingConfig(history_frames=HISTORY, max_conditioning_frames=HISTORY, max_objects=4)
"""As many conditioning frames as frames that are kept: all that prompts displace there can be put back."""
FRAMES = 14
CENTRES = ((60, 50), (230, 130), (60, 130), (240, 40))
"""Of the four shapes on the first frame; they drift by three pixels a frame at most."""


@pytest.fixture(scope="module")
def shapes() -> list[Image]:
    return [image for image, _ in coloured_shapes(FRAMES + 4)]


@pytest.fixture(scope="module")
def colour() -> Tracker:
    """A network that finds shapes by their colour, in a millisecond."""
    entry, family = entry_of("colour-small", 448), ColourFamily()
    network: Any = family.make_network(family.build_module(entry, 448))
    return Tracker(LoadedModel(entry.name, network, "fp32"))


def centre(shape: int, frame_idx: int) -> tuple[float, float]:
    x, y = CENTRES[shape]
    dx, dy = ((3, 0), (-2, 0), (0, -1), (0, 1))[shape]
    return float(x + dx * frame_idx), float(y + dy * frame_idx)


# -- all that a session knows ----------------------------------------------------------------------


def state(session: Session) -> dict[str, Any]:
    """Everything of a session that decides what comes, and all that it shows; events apart."""
    known: dict[str, Any] = {"ids": session.object_ids, "pending": session.pending_object_ids}
    bank = session._follower._bank
    for object_id, tracked in session._tracks.by_id.items():
        slot = tracked.slot
        known[f"{object_id} slot"] = (slot.first_frame, slot.followed, sorted(slot.not_finite))
        known[f"{object_id} order"] = (list(slot.conditioning), list(slot.features), list(slot.pointers))
        known[f"{object_id} evidence"] = dict(sorted(slot.evidence.items()))
        known[f"{object_id} label"] = tracked.label
        for frame_idx in slot.features:
            row = bank._features.flatten(0, 1)[bank.feature_row(slot, frame_idx)]
            known[f"{object_id} features {frame_idx}"] = row.clone()
        for frame_idx in slot.pointers:
            row = bank._pointers.flatten(0, 1)[bank.pointer_row(slot, frame_idx)]
            known[f"{object_id} pointer {frame_idx}"] = row.clone()
        for frame_idx in slot.conditioning:
            rows = bank.conditioning(slot, frame_idx)
            known[f"{object_id} conditioning features {frame_idx}"] = bank._features[slot.slot, rows.features]
            known[f"{object_id} conditioning pointer {frame_idx}"] = bank._pointers[slot.slot, rows.pointer]
        given_ = {key: tracked.prompts.on(key) for key in tracked.prompts.keys}
        known[f"{object_id} prompts"] = {
            key: [(one.prompt.coords.tolist(), one.prompt.candidate) for one in all_]
            for key, all_ in given_.items()
            if key >= session.oldest_frame_idx
        }
    for frame_idx in range(session.oldest_frame_idx, session.newest_frame_idx + 1):
        for object_id, found in session.result(frame_idx).objects.items():
            shown = (found.state, found.object_score, found.iou_score, found.box, found.label)
            known[f"{object_id} shown {frame_idx}"] = shown
            known[f"{object_id} mask {frame_idx}"] = torch.from_numpy(found.mask)
            slot = session._tracks.by_id[object_id].slot
            known[f"{object_id} logits {frame_idx}"] = bank.mask_logits(slot, frame_idx).clone()
    return known


def assert_same(first: Session, second: Session) -> None:
    """Bit for bit."""
    ours, theirs = state(first), state(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if isinstance(value, Tensor):
            assert torch.equal(value, theirs[name]), name
        else:
            assert value == theirs[name], name


# -- random stories --------------------------------------------------------------------------------

What = Literal["add", "correct", "choose", "clear", "start_over", "merge", "undo", "undo any"]


@dataclass(frozen=True)
class Act:
    """What somebody does between two frames."""

    after: int
    """The newest frame."""
    what: What
    object_id: int
    shape: int
    label: int
    back: int
    """Frames before the newest one."""


BEGINNING = (Act(0, "add", 1, 0, 1, 0), Act(0, "add", 2, 1, 1, 0))


def acts() -> st.SearchStrategy[Act]:
    what: st.SearchStrategy[What] = st.sampled_from(
        [
            *("correct", "correct", "correct", "correct", "undo", "undo", "undo any"),
            *("choose", "clear", "start_over", "merge", "add"),
        ]
    )
    small = st.integers(0, 3)
    frames = st.integers(0, FRAMES - 1)
    return st.builds(Act, frames, what, st.integers(1, 2), small, st.integers(0, 1), small)


def carry_out(session: Session, act: Act) -> Undone | None:
    """Raises PromptError or CapacityError where the session refuses it."""
    at_frame = max(0, session.newest_frame_idx - act.back)
    clicked = Prompt(act.object_id, [centre(act.shape, at_frame)], [act.label], at_frame=at_frame)
    on_it = Prompt(act.object_id, [centre(act.shape, at_frame)], at_frame=at_frame)
    doing: dict[str, Callable[[], Any]] = {
        "add": lambda: session.start(on_it),
        "correct": lambda: session.refine(clicked),
        "choose": lambda: session.choose(act.object_id, act.shape % 3),
        "clear": lambda: session.clear(act.object_id),
        "start_over": lambda: session.start_over(on_it),
        "merge": lambda: session.merge(act.object_id, act.shape + 1),
        "undo": lambda: session.undo(act.object_id),
        "undo any": lambda: session.undo(),
    }
    done = doing[act.what]()
    return done if isinstance(done, Undone) else None


def tell(session: Session, images: Sequence[Image], story: Sequence[Act]) -> list[Act]:
    """Play a story; returns the acts that were not refused and not taken back."""
    in_force: list[Act] = []
    for index, image in enumerate(images):
        session.step(image)
        for act in story:
            if act.after != index:
                continue
            before = session.object_ids
            try:
                undone = carry_out(session, act)
            except (PromptError, CapacityError):
                assert session.object_ids == before, "a refusal changes nothing"
                continue
            if undone is None:
                in_force.append(act)
            else:
                [*_, last] = (one for one in in_force if one.object_id == undone.object_id)
                assert undone.what in (last.what, "start")
                in_force.remove(last)
    return in_force


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.lists(acts(), min_size=10, max_size=30))
def test_a_story_with_undos_is_the_story_without_what_they_took_back(
    colour: Tracker, shapes: Sequence[Image], story: list[Act]
) -> None:
    story = [*BEGINNING, *sorted(story, key=lambda act: act.after)]
    told, plain = colour.new_session(CONFIG), colour.new_session(CONFIG)
    in_force = tell(told, shapes[:FRAMES], story)
    assert tell(plain, shapes[:FRAMES], in_force) == in_force
    assert_same(told, plain)
    for image in shapes[FRAMES:]:
        told.step(image)
        plain.step(image)
    assert_same(told, plain)


# -- single stories --------------------------------------------------------------------------------


def followed(tracker: Tracker, images: Sequence[Image], config: TrackingConfig = CONFIG) -> Iterator[Session]:
    """A session with object 1, frame by frame."""
    session = tracker.new_session(config)
    session.add(1, points=[centre(0, 0)], label="it")
    for image in images:
        session.step(image)
        yield session


def test_a_prompt_of_long_ago_is_refused_with_the_frames_that_are_kept(
    colour: Tracker, shapes: Sequence[Image]
) -> None:
    for session in followed(colour, shapes[:8]):
        if session.newest_frame_idx == 2:
            session.correct(1, points=[centre(1, 2)])
    with pytest.raises(FrameExpiredError, match=r"^at_frame is 2, expected a kept frame from 4 to 7$"):
        session.undo()
    with pytest.raises(PromptError, match=r"^object 9 is not followed, expected one of: 1$"):
        session.undo(9)
    with pytest.raises(PromptError, match=r"^object 1: it has no prompt on that frame"):
        session.clear(1, at_frame=6)


def test_a_first_prompt_can_go_at_any_time_and_while_it_waits(
    colour: Tracker, shapes: Sequence[Image]
) -> None:
    *_, session = followed(colour, shapes[:8])
    session.add(2, points=[centre(1, 8)])
    assert session.undo() == Undone(2, "start", -1)
    assert session.undo() == Undone(1, "start", 0)
    assert session.object_ids == ()
    removed = [event for event in session.take_events() if event.kind is EventKind.REMOVED]
    assert [(event.object_id, event.detail["how"]) for event in removed] == [(2, "undo"), (1, "undo")]
    with pytest.raises(PromptError, match=r"^no prompt can be taken back"):
        session.undo()


def test_what_more_prompts_displaced_than_there_is_room_for_is_refused(
    colour: Tracker, shapes: Sequence[Image]
) -> None:
    config = TrackingConfig(history_frames=12, max_conditioning_frames=2)
    for session in followed(colour, shapes[:8], config):
        if session.newest_frame_idx > 1:
            session.correct(1, points=[centre(0, session.newest_frame_idx)])
    undone = [session.undo(1).frame_idx for _ in range(2)]
    assert undone == [7, 6]
    with pytest.raises(PromptError, match=r"^object 1: too many frames were prompted since then"):
        session.clear(1, at_frame=2)


def test_known_changes_and_prompts_on_a_frame_are_bounded(
    colour: Tracker, shapes: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_history, "MAX_ON_A_FRAME", 6)
    monkeypatch.setattr(undo_steps, "MAX_STEPS", 4)
    session = next(followed(colour, shapes))
    for _ in range(5):
        session.correct(1, points=[centre(0, 0)])
    with pytest.raises(PromptError, match="where the object has 6 prompts, expected fewer"):
        session.correct(1, points=[centre(0, 0)])
    for _ in range(4):
        session.undo()
    with pytest.raises(PromptError, match=r"^object 1: no prompt of it can be taken back"):
        session.undo(1)
    held = session.num_bytes
    for _ in range(6):
        session.start_over(Prompt(1, [centre(0, 0)]))
    grown = session.num_bytes
    for _ in range(4):
        session.start_over(Prompt(1, [centre(0, 0)]))
    assert session.num_bytes == grown > held
    assert session.label_of(1) == "it"
    for _ in range(undo_steps.MAX_REPLACING):
        assert session.undo().what == "start_over"
    with pytest.raises(PromptError, match="can be taken back"):
        session.undo()


def test_a_merger_whose_places_are_taken_is_not_taken_back(colour: Tracker, shapes: Sequence[Image]) -> None:
    session = next(followed(colour, shapes))
    session.add(2, points=[centre(1, 0)], at_frame=0)
    shown = session.result(0).objects
    union = shown[1].mask | shown[2].mask
    merged = session.merge(1, 2).objects
    assert list(merged) == [1]
    assert (merged[1].mask & union).sum() > 0.9 * union.sum()
    session.add(2, points=[centre(2, 0)], at_frame=0)
    with pytest.raises(PromptError, match=r"^object 2 is followed anew, expected its id to be free$"):
        session.undo(1)
    session.undo(2)
    for object_id in (3, 4, 5):
        session.add(object_id, points=[centre(3, 0)], at_frame=0)
    with pytest.raises(CapacityError, match="4 objects are followed, expected a place for it"):
        session.undo(1)
    session.remove(5)
    assert session.undo(1).what == "merge"
    assert session.object_ids == (1, 2, 3, 4)
    np.testing.assert_array_equal(session.result().objects[2].mask, shown[2].mask)


def test_an_object_that_is_back_began_where_it_began(colour: Tracker, shapes: Sequence[Image]) -> None:
    *_, session = followed(colour, shapes[: HISTORY + 3])
    newest = session.newest_frame_idx
    session.add(2, points=[centre(1, newest)], at_frame=newest)
    for change in (
        lambda: session.merge(2, 1),
        lambda: session.start_over(Prompt(1, [centre(0, session.newest_frame_idx)])),
    ):
        change()
        session.step(shapes[session.newest_frame_idx + 1])
        session.undo()
        assert (session.first_frame_of(1), session.first_frame_of(2)) == (0, newest)


def test_a_conditioning_frame_that_a_prompt_evicted_is_back(colour: Tracker, shapes: Sequence[Image]) -> None:
    config = TrackingConfig(history_frames=6, max_conditioning_frames=3)
    told, plain = followed(colour, shapes[:8], config), followed(colour, shapes[:8], config)
    for first, second in zip(told, plain, strict=True):
        now = first.newest_frame_idx
        if now in (1, 2):
            for session in (first, second):
                session.correct(1, points=[centre(0, now)])
        if now == 5:
            first.correct(1, points=[centre(1, now)])
            assert list(first._tracks.by_id[1].slot.conditioning) == [0, 2, 5]
        if now == 7:
            first.undo()
            assert_same(first, second)
