"""A film's job: updates in the film's order, from files in any direction."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig, StreamConfig, TrackingConfig
from streamtrack.errors import ConfigError
from streamtrack.frame import EventKind
from streamtrack.offline import FilmJob, PromptSet, StartedJob, open_recording
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_span import Direction, FilmSpan
from tests.support.pipelines import nano
from tests.support.recordings import BOX, FRAMES, OBJECT, Collected, write_clip

PROMPTS = PromptSet((Prompt(OBJECT, box=BOX, label="ball", at_frame=4),))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def stream_of(path: Path, **tracking: int | str) -> StreamConfig:
    return StreamConfig(
        name="film", source=SourceConfig(url=str(path)), tracking=TrackingConfig.model_validate(tracking)
    )


def started(path: Path, job: FilmJob, **tracking: int | str) -> StartedJob:
    stream = stream_of(path, **tracking)
    with open_recording(stream.source) as reader:
        job.check(stream, reader.info)
        return job.start(nano(), reader, stream)


@pytest.mark.parametrize(
    ("job", "numbers"),
    [
        (FilmJob(PROMPTS, "both"), range(FRAMES)),
        (FilmJob(PROMPTS, "backward"), range(5)),
        (FilmJob(PROMPTS, "forward", FilmSpan(2, 8, 2)), range(2, 9, 2)),
    ],
)
def test_updates_come_in_the_films_order_with_its_numbers_and_times(
    clip: Path, job: FilmJob, numbers: range
) -> None:
    one = started(clip, job, window="off")
    updates = list(one.updates)
    assert len(updates) == one.num_steps
    results = [update.result for update in updates if update is not None]
    assert [result.frame_idx for result in results if result is not None] == list(numbers)
    for result in results:
        assert result is not None
        assert result.frame.seq == result.frame_idx
        assert result.frame.time_s == pytest.approx(result.frame_idx * 1001 / 30_000, abs=1e-4)
        assert result.objects[OBJECT].area_px > 0


def test_work_that_is_not_told_yet_can_be_counted_and_stopped(clip: Path) -> None:
    collected, steps = Collected(), 0

    def step() -> None:
        nonlocal steps
        steps += 1

    job = started(clip, FilmJob(PROMPTS, "both"))
    summary = job.run((collected,), should_stop=lambda: steps == 8, stepped=step)
    assert (summary.stopped, summary.num_frames, steps) == (True, 3, 8), "5 backward, 3 told"
    assert len(collected.updates) == 3


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"keyframe_interval": 2}, r"keyframe_interval is 2, expected 1 \(--preset quality\)"),
        ({"objects_per_step": 1}, "objects_per_step is 1, expected all"),
    ],
)
def test_what_flow_carries_is_followed_as_a_stream_is_and_refuses_what_that_cannot(
    clip: Path, keys: dict[str, int], told: str
) -> None:
    stream = stream_of(clip, **keys)
    with open_recording(stream.source) as reader:
        summary = FilmJob(PROMPTS).start(nano(), reader, stream).run(())
    assert summary.num_frames == FRAMES, "from the first frame on, as a stream"
    for job, asked in (
        (FilmJob(PROMPTS, "both"), "--direction both"),
        (FilmJob(PROMPTS, span=FilmSpan(stride=3)), "--stride 3"),
        (FilmJob(PromptSet(PROMPTS.prompts, {OBJECT: (4, 9)})), "an object with a range of frames"),
    ):
        message = rf"^{asked} wants every frame in the network, and tracking\.{told}$"
        with pytest.raises(ConfigError, match=message):
            started(clip, job, **keys)


def test_events_of_damage_come_with_their_frame(tmp_path: Path) -> None:
    for index in range(4):
        picture = np.full((48, 64, 3), 30, np.uint8)
        picture[10:30, 10 + index : 30 + index] = 220
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture)
    (tmp_path / "2.png").write_bytes(b"no picture")
    job = FilmJob(PromptSet((Prompt(1, points=[(20, 20)], at_frame=0),)))
    found = [
        (event.frame_idx, dict(event.detail))
        for update in started(tmp_path, job).updates
        if update is not None
        for event in update.events
        if event.kind is EventKind.DAMAGED
    ]
    assert found == [(2, {"shown": True, "dropped": {"corrupt": 1}})]


def test_windows_are_those_of_a_session(clip: Path) -> None:
    job = FilmJob(PromptSet((Prompt(OBJECT, box=BOX, at_frame=0),)), span=FilmSpan(end=5))
    masks = {}
    for window in ("off", "auto"):
        updates = [update for update in started(clip, job, window=window).updates if update is not None]
        masks[window] = [
            update.result.objects[OBJECT].mask for update in updates if update.result is not None
        ]
    session = nano().new_session(TrackingConfig(window="auto"))
    session.start(Prompt(OBJECT, box=BOX))
    with open_recording(SourceConfig(url=str(clip))) as reader:
        live = [session.step(frame).objects[OBJECT].mask for frame, _ in zip(reader, range(6), strict=False)]
    for there, here in zip(live, masks["auto"], strict=True):
        assert (there & here).sum() / (there | here).sum() > 0.98
    assert any((whole != seen).any() for whole, seen in zip(masks["off"], masks["auto"], strict=True))


@pytest.mark.parametrize(
    "frames", [pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(900)]), 10]
)
def test_both_from_the_middle_is_two_single_runs(frames: int) -> None:
    source = Path(f"synthetic:leave?width=160&height=90&frames={frames}")
    prompts = PromptSet((Prompt(OBJECT, points=[(48, 59)], at_frame=frames // 2),))
    directions: tuple[Direction, ...] = ("forward", "backward", "both")
    seen: dict[Direction, dict[int, bytes]] = {}
    for direction in directions:
        updates = started(source, FilmJob(prompts, direction)).updates
        results = [update.result for update in updates if update is not None and update.result is not None]
        seen[direction] = {one.frame_idx: one.objects[OBJECT].mask.tobytes() for one in results}
    assert list(seen["both"]) == list(range(frames))
    assert seen["both"] == {**seen["backward"], **seen["forward"]}
