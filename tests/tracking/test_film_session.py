"""A film in Python: prompt, follow, correct, and follow anew what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from streamtrack.config import TrackingConfig
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_object import FilmObject
from streamtrack.errors import ConfigError, ObjectMemoryError, PromptError, ShapeError
from streamtrack.frame import FrameResult, Image
from streamtrack.prompt import Prompt
from streamtrack.tracking import FilmSession, Tracker
from streamtrack.tracking.film_session import HIDDEN_LOGIT
from streamtrack.tracking.film_span import Direction

pytestmark = pytest.mark.tracks

FIRST, SECOND = (100, 80), (188, 87)
FRAMES = 6


@pytest.fixture
def film(nano: Tracker, images: Sequence[Image]) -> Iterator[FilmSession]:
    with nano.open_film(images[:FRAMES]) as session:
        yield session


def masks(results: Iterator[FrameResult], object_id: int = 1) -> dict[int, np.ndarray]:
    return {result.frame_idx: result.objects[object_id].mask for result in results}


def followed(session: FilmSession, direction: Direction = "both") -> tuple[dict[int, FrameResult], int]:
    """Results by frame, and how many objects the network followed for them."""
    count = 0
    follow = FilmFollower.follow

    def counted(follower: FilmFollower, objects: Sequence[FilmObject], *args: Any, **options: Any) -> Any:
        nonlocal count
        count += len(objects)
        return follow(follower, objects, *args, **options)

    with mock.patch.object(FilmFollower, "follow", counted):
        results = {result.frame_idx: result for result in session.propagate(direction)}
    return results, count


@pytest.mark.parametrize("left_out", [{"keyframe_interval": 2}, {"objects_per_step": 1}], ids=str)
def test_corrections_count_where_a_film_is_followed_as_a_stream(
    left_out: dict[str, Any], nano: Tracker, images: Sequence[Image]
) -> None:
    config = TrackingConfig(window="off", **left_out)
    away = Prompt(1, points=[SECOND], labels=[0], at_frame=2)
    prompts = [away, Prompt(2, points=[SECOND]), Prompt(1, box=[60, 55, 140, 105]), Prompt(1, points=[FIRST])]
    results = list(nano.track(images[:4], prompts, config))
    assert [sorted(result.objects) for result in results] == [[1, 2]] * 4
    told = [(one.frame_idx, str(one.kind), one.object_id) for result in results for one in result.events]
    assert {one for one in told if one[1] == "corrected"} == {(0, "corrected", 1), (2, "corrected", 1)}


def test_only_what_changed_is_followed_again(film: FilmSession) -> None:
    film.prompt([Prompt(1, points=[FIRST], at_frame=2), Prompt(2, points=[SECOND], at_frame=0)])
    first, work = followed(film)
    assert (len(first), work) == (FRAMES, 2 + 3 + 5), "object 1 both ways, object 2 forward"
    again, work = followed(film)
    assert work == 0
    for index, result in first.items():
        for object_id, there in result.objects.items():
            assert np.array_equal(there.mask, again[index].objects[object_id].mask)
            assert there.iou_score == again[index].objects[object_id].iou_score
    corrected = film.correct(2, points=[SECOND, FIRST], at_frame=4)
    assert corrected.frame_idx == 4
    after, work = followed(film)
    assert work == 4, "object 2 on its frames without a prompt"
    assert np.array_equal(after[1].objects[1].mask, first[1].objects[1].mask)
    assert np.array_equal(after[4].objects[2].mask, corrected.objects[2].mask)
    assert any((after[n].objects[2].mask != first[n].objects[2].mask).any() for n in (1, 2, 3))


def test_objects_come_and_go(film: FilmSession) -> None:
    shown = film.add(1, points=[FIRST], at_frame=1, label="it")
    assert shown.objects[1].label == "it"
    assert shown.objects[1].area_px > 0
    film.add(2, box=(170, 60, 210, 110), at_frame=3, first_frame=2, last_frame=4)
    results, _ = followed(film)
    assert [list(result.objects) for result in results.values()] == [[1], [1], [1, 2], [1, 2], [1, 2], [1]]
    film.correct(1, points=[SECOND], at_frame=4)
    film.clear_prompts(1, 4)
    with pytest.raises(PromptError, match="object 1: its only prompt, expected `remove`"):
        film.clear_prompts(1, 1)
    film.remove(2)
    assert film.object_ids == (1,)
    plain, _ = followed(film)
    for index, result in plain.items():
        assert np.array_equal(result.objects[1].mask, results[index].objects[1].mask)
    for call in (lambda: film.remove(2), lambda: film.clear_prompts(7, 1)):
        with pytest.raises(PromptError, match=r"object \d has no prompt, expected one of: 1"):
            call()


def test_failed_first_prompt_leaves_no_object(film: FilmSession) -> None:
    with pytest.raises(PromptError, match="inside the frame"):
        film.add(3, points=[(9000, 5)])
    with pytest.raises(PromptError, match="at_frame is 9, expected one of the source's 6 frames"):
        film.add(3, points=[FIRST], at_frame=9)
    assert film.object_ids == ()
    with pytest.raises(PromptError, match="no object has a prompt"):
        list(film.propagate())


def test_logits_are_those_of_the_masks(film: FilmSession) -> None:
    film.add(1, points=[FIRST])
    film.add(2, points=[SECOND], at_frame=3, first_frame=3)
    results, _ = followed(film, "forward")
    frame = results[4].frame
    full = film.logits(4, (frame.height_px, frame.width_px))
    assert full.shape == (2, 1, frame.height_px, frame.width_px)
    for row, object_id in enumerate(film.object_ids):
        assert np.array_equal((full[row, 0] > 0).numpy(), results[4].objects[object_id].mask)
    before = film.logits(1, (8, 8))
    assert (before[1] == HIDDEN_LOGIT).all()
    low_res = film.low_res_logits(4)
    assert low_res[1].dtype is torch.float32
    assert low_res[1].data_ptr() == film.low_res_logits(4)[1].data_ptr(), "no copy"
    assert np.array_equal(film.result(4).objects[2].mask, results[4].objects[2].mask)
    with pytest.raises(PromptError, match="frame is 6, expected one of the film's 6 frames"):
        film.result(6)


def test_backward_comes_from_the_prompt_back_and_parts_can_be_asked_for(film: FilmSession) -> None:
    film.add(1, points=[FIRST], at_frame=3)
    assert list(masks(film.propagate("backward"))) == [3, 2, 1, 0]
    assert list(masks(film.propagate("backward", end=5, start=2))) == [5, 4, 3, 2]
    assert list(masks(film.propagate("forward", start=1, end=4))) == [1, 2, 3, 4]


def test_async_twin_gives_the_same(nano: Tracker, images: Sequence[Image]) -> None:
    prompts = [Prompt(1, points=[FIRST], at_frame=2)]

    async def collect() -> dict[int, np.ndarray]:
        found = nano.track_async(images[:4], prompts, direction="both")
        return {result.frame_idx: result.objects[1].mask async for result in found}

    async def begin() -> int:
        with nano.open_film(images[:4]) as film:
            film.prompt(prompts)
            async for result in film.propagate_async("backward"):
                return result.frame_idx
        return -1

    there = masks(nano.track(images[:4], prompts, direction="both"))
    found = asyncio.run(collect())
    assert list(found) == list(there) == [0, 1, 2, 3]
    assert all(np.array_equal(found[index], there[index]) for index in there)
    assert asyncio.run(begin()) == 2


def test_what_is_no_film_is_refused(nano: Tracker, images: Sequence[Image]) -> None:
    with pytest.raises(ShapeError, match="film has no frames"):
        nano.open_film(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(ShapeError, match="expected"):
        nano.open_film(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ConfigError, match="source is int, expected a path"):
        nano.open_film(5)
    with pytest.raises(ConfigError, match="stride is 0, expected an integer from 1"):
        nano.open_film(images, stride=0)
    assert nano.open_film("synthetic:leave?width=96&height=64&frames=5", max_width=48).num_frames == 5


def test_clean_up_holds_for_films_and_streams(nano: Tracker, images: Sequence[Image]) -> None:
    height, width = images[0].shape[:2]
    holed = np.zeros((height, width), bool)
    holed[20:-20, 20:-20] = True
    holed[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8] = False
    filled = TrackingConfig(window="off", max_hole_area=400)
    plain = TrackingConfig(window="off")
    for config, is_filled in ((plain, False), (filled, True)):
        session = nano.new_session(config)
        session.add(1, mask=holed)
        live = session.step(images[0]).objects[1].mask
        film = nano.open_film(images[:2], config).add(1, mask=holed).objects[1].mask
        assert live[height // 2, width // 2] == is_filled
        assert np.array_equal(live, film)


def test_film_gives_and_takes_no_memories_and_says_so(film: FilmSession) -> None:
    with pytest.raises(
        ObjectMemoryError, match=r"^object 1: .* takes no memory, expected a prompt, or Tracker"
    ):
        film.add(1, memory=b"any")
    with pytest.raises(ObjectMemoryError, match=r"^object 1: .* gives no memory, expected a session"):
        film.export_object(1)
