"""A recording to files: every frame, prompts on the frames they name, files that other tools read."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from streamtrack.config import SourceConfig, TrackingConfig
from streamtrack.errors import PromptError, SourceError
from streamtrack.frame import EventKind, FrameResult
from streamtrack.ingest import StreamInfo, make_scene
from streamtrack.offline import check_prompts, follow, open_recording, track_recording, with_capacity
from streamtrack.offline.object_rows import COLUMNS
from streamtrack.offline.track import TrackSummary
from streamtrack.prompt import Prompt
from tests.support.pipelines import nano
from tests.support.recordings import (
    BOX,
    COLUMNS_PX,
    FPS,
    FRAMES,
    OBJECT,
    ROWS,
    SCENE_FILE,
    track_into,
    write_clip,
)

CENTRE = (float(COLUMNS_PX.mean()), float(ROWS.mean()))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def info_of(clip: Path) -> StreamInfo:
    with open_recording(SourceConfig(url=str(clip))) as reader:
        return reader.info


def results(clip: Path, *prompts: Prompt) -> list[FrameResult]:
    with open_recording(SourceConfig(url=str(clip))) as reader:
        updates = list(follow(nano().new_session(), reader, prompts))
    return [update.result for update in updates if update.result is not None]


# pycocotools is older than numpy 2's word on copies.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_every_frame_is_tracked_and_written_in_files_that_other_tools_read(
    clip: Path, tmp_path: Path
) -> None:
    summary, updates = track_into(tmp_path, clip)
    tracked = [update.result for update in updates if update.result is not None]
    assert (summary.num_frames, summary.num_objects, dict(summary.dropped)) == (FRAMES, 1, {})
    truth = make_scene(SCENE_FILE).render(FRAMES - 1)[1][OBJECT]
    last = tracked[-1].objects[OBJECT].mask
    assert (last & truth).sum() / (last | truth).sum() > 0.6

    with (tmp_path / "objects.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == FRAMES
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["frame_idx"]) for row in rows] == list(range(FRAMES))
    assert float(rows[-1]["pts_seconds"]) == pytest.approx((FRAMES - 1) / FPS, abs=1e-4)
    assert rows[0]["label"] == "ball"
    assert int(rows[-1]["area_px"]) == last.sum()

    records = [json.loads(line) for line in (tmp_path / "masks.jsonl").read_text().splitlines()]
    assert len(records) == FRAMES
    decoded = coco.decode(records[-1]["objects"][0]["segmentation"]).astype(bool)
    assert np.array_equal(decoded, last)
    (record,) = records[-1]["objects"]
    assert record["bbox"] == coco.toBbox(record["segmentation"]).tolist()

    pictures = sorted((tmp_path / "masks" / "002").iterdir())
    assert [picture.name for picture in pictures] == [f"{index:05d}.png" for index in range(FRAMES)]
    read = cv2.imread(str(pictures[-1]), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert np.array_equal(read > 0, last)

    with av.open(str(tmp_path / "overlay.mp4")) as overlay:
        video = overlay.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.average_rate == FPS
        shown = list(overlay.decode(video))
    assert len(shown) == FRAMES
    assert [frame.time for frame in shown] == pytest.approx(
        [index / FPS for index in range(FRAMES)], abs=1e-3
    )
    # The object is drawn over; a place far from it is what the camera saw, within what H.264 loses.
    picture = shown[-1].to_ndarray(format="rgb24")
    drawn = np.abs(picture.astype(int) - tracked[-1].frame.image.astype(int)).mean(axis=2)
    assert drawn[last].mean() > 15
    assert drawn[-20:, -20:].mean() < 10


def test_later_prompt_corrects_and_a_later_object_starts_on_its_frame(clip: Path) -> None:
    off_the_ball = (5.0, 5.0)
    wrong = Prompt(1, points=[off_the_ball], at_frame=0)
    right = Prompt(1, mask=make_scene(SCENE_FILE).render(6)[1][OBJECT], at_frame=6)
    box = Prompt(2, box=BOX, label="ball", at_frame=4)
    tracked = results(clip, wrong, right, box)
    assert [set(result.objects) for result in tracked] == [{1}] * 4 + [{1, 2}] * 8
    x, y = (round(value) for value in CENTRE)
    assert not tracked[5].objects[1].mask[y, x]
    assert tracked[6].objects[1].mask[y, x]
    assert tracked[4].objects[2].label == "ball"


def test_events_come_with_the_frame_on_which_they_happened(clip: Path) -> None:
    first, again = Prompt(1, box=BOX, at_frame=0), Prompt(1, points=[CENTRE], at_frame=3)
    tracked = results(clip, first, again)
    happened = [(result.frame_idx, event.kind) for result in tracked for event in result.events]
    assert (0, EventKind.ADDED) in happened
    assert (3, EventKind.CORRECTED) in happened


def test_no_prompt_of_an_object_is_forgotten_up_to_what_the_config_allows(clip: Path) -> None:
    prompts = [Prompt(1, box=BOX, at_frame=0)]
    prompts += [Prompt(1, points=[CENTRE], at_frame=index) for index in range(1, 9)]
    config = with_capacity(TrackingConfig(max_objects=1), prompts)
    assert config.max_conditioning_frames == 9
    with open_recording(SourceConfig(url=str(clip))) as reader:
        summary = track_recording(nano().new_session(config), reader, prompts, ())
    assert EventKind.CONDITIONING_EVICTED not in summary.events
    assert summary.events[EventKind.CORRECTED] == 8
    many = [Prompt(object_id, box=BOX, at_frame=0) for object_id in range(20)]
    assert with_capacity(TrackingConfig(), many).max_objects == 20


def test_forgotten_prompts_are_counted_in_the_last_line(clip: Path) -> None:
    prompts = [Prompt(1, box=BOX, at_frame=0)]
    prompts += [Prompt(1, points=[CENTRE], at_frame=index) for index in range(1, 6)]
    with open_recording(SourceConfig(url=str(clip))) as reader:
        session = nano().new_session(TrackingConfig(max_conditioning_frames=4))
        summary = track_recording(session, reader, prompts, ())
    assert "2 prompts forgotten" in summary.line()


def test_last_line_says_what_was_damaged_or_dropped() -> None:
    events = {EventKind.LOST: 2, EventKind.FOUND: 1, EventKind.ADDED: 5}
    summary = TrackSummary(60, 2.0, 1, {"corrupt": 3}, tuple(range(4, 14)), (20, 31), (5,), events)
    assert summary.line() == (
        "60 frames, 1 objects in 2.0 s (30.0 fps), 2 lost, 1 found again, "
        "nothing found at the prompt of object 5, "
        "10 damaged (frame 4, 5, 6, 7, 8, 9, 10, 11, ...), dropped 3 as corrupt (before frame 20, 31)"
    )


def test_picture_that_cannot_be_read_is_an_event_on_its_frame(tmp_path: Path) -> None:
    for index in range(5):
        image = make_scene(SCENE_FILE).render(index)[0]
        cv2.imwrite(str(tmp_path / f"{index}.png"), image[..., ::-1])
    (tmp_path / "2.png").write_bytes(b"\x89PNG broken")
    with open_recording(SourceConfig(url=str(tmp_path))) as reader:
        updates = list(follow(nano().new_session(), reader, [Prompt(1, box=BOX, at_frame=0)]))
    (damaged,) = [e for update in updates for e in update.events if e.kind is EventKind.DAMAGED]
    assert damaged.frame_idx == 2
    assert damaged.detail["dropped"] == {"corrupt": 1}


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (Prompt(1, points=[(900, 5)], at_frame=0), r"point 0 is \(900, 5\), expected inside"),
        (Prompt(1, box=(9, 9, 9, 20), at_frame=0), "expected x0 < x1 and y0 < y1"),
        (Prompt(1, box=BOX, at_frame=99), r"is for frame 99, expected one of the 12 frames \(0 to 11\)"),
    ],
)
def test_prompt_that_does_not_fit_the_recording_is_told(clip: Path, prompt: Prompt, error: str) -> None:
    with pytest.raises(PromptError, match=error):
        results(clip, prompt)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (Prompt(1, points=[(9, 5)], labels=[0], at_frame=4), "every point has label 0"),
        (Prompt(1, box=(9, 9, 9, 20), at_frame=4), "expected x0 < x1 and y0 < y1"),
        (Prompt(1, box=BOX, at_frame=12), r"is for frame 12, expected one of the 12 frames \(0 to 11\)"),
    ],
)
def test_prompt_that_is_wrong_by_itself_is_told_before_anything_is_tracked(
    clip: Path, prompt: Prompt, error: str
) -> None:
    with pytest.raises(PromptError, match=error):
        check_prompts([prompt], SourceConfig(url=str(clip)), info_of(clip))


@pytest.mark.parametrize("num_frames", [3, 99, None])
def test_container_that_miscounts_its_frames_is_not_believed(clip: Path, num_frames: int | None) -> None:
    source, info = SourceConfig(url=str(clip)), replace(info_of(clip), num_frames=num_frames)
    check_prompts([Prompt(1, box=BOX, at_frame=11)], source, info)
    with pytest.raises(PromptError, match="expected one of the 12 frames"):
        check_prompts([Prompt(1, box=BOX, at_frame=12)], source, info)


def test_stop_ends_as_if_the_recording_ended_there(clip: Path) -> None:
    with open_recording(SourceConfig(url=str(clip))) as reader:
        asked = iter((False, False, True))
        prompts = [Prompt(1, box=BOX, at_frame=0), Prompt(2, box=BOX, at_frame=9)]
        summary = track_recording(nano().new_session(), reader, prompts, (), should_stop=lambda: next(asked))
    assert (summary.num_frames, summary.stopped) == (3, True)


def test_live_source_is_no_recording() -> None:
    with pytest.raises(SourceError, match="is live, expected a recording"):
        open_recording(SourceConfig(url="rtsp://127.0.0.1:9/live"))
