"""Runs through a film: directions, prompts on any frame, ranges, spoilt numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import EventKind, Frame, FrameResult, Image, ObjectState
from streamtrack.prompt import Prompt
from streamtrack.tracking import Tracker
from streamtrack.tracking.film_prompts import Lifetimes
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.films import start_run
from tests.support.faulty_network import make_faulty

pytestmark = pytest.mark.tracks

FIRST, SECOND = (100, 80), (188, 87)
PROMPTED = 3


class Pictures:
    """A film that lies in memory."""

    def __init__(self, images: Sequence[Image], damaged: Sequence[int] = ()) -> None:
        self.images, self.damaged = images, damaged
        self.read: list[int] = []

    def frames(self, numbers: range) -> Iterator[Frame]:
        for number in numbers:
            if not 0 <= number < len(self.images):
                return
            self.read.append(number)
            frame = Frame(self.images[number], number, number, Fraction(1, 25), 0, 0)
            yield replace(frame, damaged=number in self.damaged)

    def count(self, enough: int | None = None) -> int:
        return len(self.images) if enough is None else min(enough, len(self.images))


@pytest.fixture(scope="module")
def film(images: Sequence[Image]) -> Pictures:
    return Pictures(images[:8])


def run(
    nano: Tracker,
    film: Pictures,
    *prompts: Prompt,
    direction: Direction = "forward",
    span: FilmSpan | None = None,
    lifetimes: Lifetimes | None = None,
) -> dict[int, FrameResult]:
    started = start_run(
        nano.model, film, prompts, TrackingConfig(), direction=direction, span=span, lifetimes=lifetimes
    )
    results = [result for result in started.results() if result is not None]
    assert [result.frame_idx for result in results] == sorted(result.frame_idx for result in results)
    return {result.frame_idx: result for result in results}


def assert_same_objects(one: FrameResult, other: FrameResult) -> None:
    assert list(one.objects) == list(other.objects)
    for object_id, there in one.objects.items():
        here = other.objects[object_id]
        assert np.array_equal(there.mask, here.mask)
        assert (there.object_score, there.iou_score) == (here.object_score, here.iou_score)


def test_both_is_the_two_single_runs_joined_at_each_objects_prompt(nano: Tracker, film: Pictures) -> None:
    prompts = Prompt(1, points=[FIRST], at_frame=PROMPTED), Prompt(2, points=[SECOND], at_frame=5)
    runs = {one: run(nano, film, *prompts, direction=one) for one in ("forward", "backward", "both")}
    assert {key: (min(one), max(one)) for key, one in runs.items()} == {
        "forward": (3, 7),
        "backward": (0, 5),
        "both": (0, 7),
    }
    for number, result in runs["both"].items():
        for prompt in prompts:
            single = runs["forward" if number >= (prompt.at_frame or 0) else "backward"][number]
            there, here = (one.objects[prompt.object_id] for one in (single, result))
            assert np.array_equal(there.mask, here.mask)
            assert there.iou_score == pytest.approx(here.iou_score, abs=1e-5)
            assert here.area_px > 0
    assert list(runs["forward"][4].objects) == [1], "forward begins at an object's own prompt"
    assert list(runs["backward"][5].objects) == [2]


def test_results_backward_come_as_they_are_found(nano: Tracker, film: Pictures) -> None:
    prompt = Prompt(1, points=[FIRST], at_frame=PROMPTED)
    stored = run(nano, film, prompt, direction="backward")
    streamed = list(
        start_run(nano.model, film, [prompt], TrackingConfig(), direction="backward").results_backward()
    )
    assert [result.frame_idx for result in streamed] == [3, 2, 1, 0]
    for result in streamed:
        assert_same_objects(result, stored[result.frame_idx])


def test_correction_betters_the_frames_before_it(nano: Tracker, film: Pictures) -> None:
    first = Prompt(1, points=[FIRST], at_frame=0)
    plain = run(nano, film, first)
    corrected = run(nano, film, first, Prompt(1, points=[FIRST, SECOND], at_frame=5))
    changed = [not np.array_equal(plain[n].objects[1].mask, corrected[n].objects[1].mask) for n in range(8)]
    assert not changed[0]
    assert any(changed[1:5])
    kinds = [(e.frame_idx, e.kind) for result in corrected.values() for e in result.events]
    assert (0, EventKind.ADDED) in kinds
    assert (5, EventKind.CORRECTED) in kinds


def test_prompt_that_only_takes_away_corrects_what_memory_finds(nano: Tracker, film: Pictures) -> None:
    first = Prompt(1, points=[FIRST], at_frame=0)
    taken = run(nano, film, first, Prompt(1, points=[SECOND], labels=[0], at_frame=4))
    mask = taken[4].objects[1].mask
    assert mask[FIRST[1], FIRST[0]] or mask.any()
    assert not mask[SECOND[1], SECOND[0]]


def test_start_end_and_stride_leave_frames_out(nano: Tracker, film: Pictures) -> None:
    prompt = Prompt(1, points=[FIRST], at_frame=PROMPTED)
    strided = run(nano, film, prompt, direction="both", span=FilmSpan(1, 6, 2))
    assert list(strided) == [1, 3, 5]
    assert all(result.objects[1].area_px for result in strided.values())
    assert list(run(nano, film, prompt, span=FilmSpan(2))) == [2, 3, 4, 5, 6, 7], "from --start on"
    assert list(run(nano, film, prompt, direction="backward", span=FilmSpan(end=90))) == list(range(8))
    with pytest.raises(PromptError, match="object 1: stride 2 from frame 0 leaves frame 3 out"):
        run(nano, film, prompt, span=FilmSpan(stride=2))


def test_object_exists_on_its_frames_alone(nano: Tracker, film: Pictures) -> None:
    whole, part = Prompt(1, points=[FIRST], at_frame=0), Prompt(2, points=[SECOND], at_frame=2)
    results = run(nano, film, whole, part, lifetimes={2: (2, 4)}, direction="both")
    assert [list(result.objects) for result in results.values()] == [[1]] * 2 + [[1, 2]] * 3 + [[1]] * 3
    ended = [e for result in results.values() for e in result.events if e.kind is EventKind.REMOVED]
    assert [(event.frame_idx, event.object_id) for event in ended] == [(5, 2)]
    alone = run(nano, film, whole, direction="both")
    for number, result in results.items():
        assert np.array_equal(result.objects[1].mask, alone[number].objects[1].mask)
    with pytest.raises(PromptError, match="object 2: the prompt is for frame 2, expected one from 3 to 4"):
        run(nano, film, whole, part, lifetimes={2: (3, 4)})


def test_damaged_frame_is_shown_and_not_remembered(nano: Tracker, film: Pictures) -> None:
    noise = np.random.default_rng(3).integers(0, 255, film.images[0].shape, np.uint8)
    spoilt = [*film.images[:2], noise, *film.images[3:]]
    prompt = Prompt(1, points=[FIRST], at_frame=0)
    told = run(nano, Pictures(spoilt, damaged=[2]), prompt)
    untold = run(nano, Pictures(spoilt), prompt)
    assert list(told) == list(range(8))
    assert np.array_equal(told[2].objects[1].mask, untold[2].objects[1].mask)
    assert told[3].objects[1].iou_score != untold[3].objects[1].iou_score
    late = run(nano, Pictures(spoilt, damaged=[2]), Prompt(1, points=[FIRST], at_frame=2))
    assert min(late) == 3, "its prompt counts for the next whole frame"
    with pytest.raises(PromptError, match="frame 2 came damaged, and no later one is whole"):
        run(nano, Pictures(spoilt[:3], damaged=[2]), Prompt(1, points=[FIRST], at_frame=2))


def test_prompt_for_a_frame_that_never_comes_is_told_before_anything_is_followed(
    nano: Tracker, film: Pictures
) -> None:
    with pytest.raises(PromptError, match="object 2: at_frame is 8, expected one of the source's 8 frames"):
        start_run(
            nano.model,
            film,
            [Prompt(1, points=[FIRST]), Prompt(2, points=[SECOND], at_frame=8)],
            TrackingConfig(),
        )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (TrackingConfig(keyframe_interval=2), r"tracking\.keyframe_interval is 2, expected 1"),
        (TrackingConfig(objects_per_step=4), r"tracking\.objects_per_step is 4, expected all"),
    ],
)
def test_what_flow_would_carry_is_refused(
    nano: Tracker, film: Pictures, config: TrackingConfig, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        start_run(nano.model, film, [Prompt(1, points=[FIRST])], config)


def test_states_and_scores_are_told(nano: Tracker, film: Pictures) -> None:
    results = run(nano, film, Prompt(1, points=[FIRST], label="it"))
    assert {one.objects[1].state for one in results.values()} <= {
        ObjectState.TRACKING,
        ObjectState.UNCERTAIN,
    }
    assert results[3].objects[1].label == "it"
    assert 0.5 < results[3].objects[1].object_score <= 1


@pytest.mark.parametrize("fault", ["mask", "memory", "score"])
def test_numbers_that_are_none_are_told_and_not_remembered(nano: Tracker, film: Pictures, fault: str) -> None:
    faulty, network = make_faulty(nano)
    results = {}
    started = start_run(faulty.model, film, [Prompt(1, points=[FIRST])], TrackingConfig())
    for result in started.results():
        assert result is not None
        results[result.frame_idx] = result
        network.faults = {fault} if result.frame_idx + 1 in (3, 4) else set()
    states = [result.objects[1].state for result in results.values()]
    assert [index for index, state in enumerate(states) if state is ObjectState.UNSEEN] == [3, 4]
    assert np.array_equal(results[4].objects[1].mask, results[2].objects[1].mask)
    assert (results[3].objects[1].object_score, results[3].objects[1].iou_score) == (0, 0)
    told = [
        e.frame_idx for result in results.values() for e in result.events if e.kind is EventKind.NOT_FINITE
    ]
    assert told == [3, 4]
    plain = run(nano, film, Prompt(1, points=[FIRST]))
    there, here = (one[7].objects[1].mask for one in (plain, results))
    assert (there & here).sum() / (there | here).sum() > 0.9, "the object is followed on"
    network.faults = {"prompt"}
    with pytest.raises(PromptError, match="object 1: the network gave no finite numbers for frame 0"):
        start_run(faulty.model, film, [Prompt(1, points=[FIRST])], TrackingConfig(window="off"))
