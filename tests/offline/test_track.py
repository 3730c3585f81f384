"""A recording to files: every frame, prompts on the frames they name, files that other tools read."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from streamtrack.config import SourceConfig
from streamtrack.errors import PromptError, PublishError, SourceError
from streamtrack.frame import FrameResult
from streamtrack.ingest import make_scene
from streamtrack.ingest.scene_file import write_scene
from streamtrack.offline import (
    FramePrompt,
    Outputs,
    follow,
    open_recording,
    parse_labels,
    parse_prompts,
    prepare_folder,
    track_recording,
)
from streamtrack.offline.outputs import COLUMNS
from streamtrack.offline.prompts import read_mask
from tests.support.pipelines import SCENE, nano

FRAMES = 12
FPS = Fraction(30_000, 1001)
SCENE_FILE = f"{SCENE}?width=320&height=180&fps=29.97002997"
TRUTH = make_scene(SCENE_FILE).render(0)[1][2]
ROWS, COLUMNS_PX = np.nonzero(TRUTH)
CENTRE = (float(COLUMNS_PX.mean()), float(ROWS.mean()))
BOX = (float(COLUMNS_PX.min()), float(ROWS.min()), float(COLUMNS_PX.max()), float(ROWS.max()))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_scene(make_scene(SCENE_FILE), path, FRAMES)
    return path


def results(clip: Path, *prompts: FramePrompt) -> list[FrameResult]:
    with open_recording(SourceConfig(url=str(clip))) as reader:
        return list(follow(nano().new_session(), reader, prompts))


# pycocotools is older than numpy 2's word on copies.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_every_frame_is_tracked_and_written_in_files_that_other_tools_read(
    clip: Path, tmp_path: Path
) -> None:
    prepare_folder(tmp_path, overwrite=False)
    tracked: list[FrameResult] = []
    with (
        open_recording(SourceConfig(url=str(clip))) as reader,
        Outputs(tmp_path, fps=reader.info.fps, masks="both", overlay=True) as outputs,
    ):

        def on_result(result: FrameResult) -> None:
            tracked.append(result)
            outputs.write(result)

        prompts = (FramePrompt(2, 0, box=BOX),)
        summary = track_recording(nano().new_session(), reader, prompts, {2: "ball"}, on_result)
    assert (summary.num_frames, summary.num_objects, dict(summary.dropped)) == (FRAMES, 1, {})
    truth = make_scene(SCENE_FILE).render(FRAMES - 1)[1][2]
    last = tracked[-1].objects[2].mask
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
    assert np.array_equal(cv2.imread(str(pictures[-1]), cv2.IMREAD_UNCHANGED) > 0, last)

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
    wrong = FramePrompt(1, 0, points=(off_the_ball,), labels=(1,))
    right = FramePrompt(1, 6, mask=make_scene(SCENE_FILE).render(6)[1][2])
    box = FramePrompt(2, 4, box=BOX)
    tracked = results(clip, wrong, right, box)
    assert [set(result.objects) for result in tracked] == [{1}] * 4 + [{1, 2}] * 8
    x, y = (round(value) for value in CENTRE)
    assert not tracked[5].objects[1].mask[y, x]
    assert tracked[6].objects[1].mask[y, x]


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (FramePrompt(1, 0, points=((900, 5),), labels=(1,)), r"point 0 is \(900, 5\), expected inside"),
        (FramePrompt(1, 0, box=(9, 9, 9, 20)), "expected x0 < x1 and y0 < y1"),
        (FramePrompt(1, 99, box=BOX), r"is for frame 99, expected one of the 12 frames \(0 to 11\)"),
    ],
)
def test_prompt_that_does_not_fit_the_recording_is_told(clip: Path, prompt: FramePrompt, error: str) -> None:
    with pytest.raises(PromptError, match=error):
        results(clip, prompt)


def test_live_source_is_no_recording() -> None:
    with pytest.raises(SourceError, match="is live, expected a recording"):
        open_recording(SourceConfig(url="rtsp://127.0.0.1:9/live"))


def test_earlier_run_is_kept_unless_told(tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_text("dear")
    (tmp_path / "masks" / "001").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PublishError, match=r"holds masks of an earlier run, expected --overwrite"):
        prepare_folder(tmp_path, overwrite=False)
    assert (tmp_path / "objects.csv").read_text() == "dear"
    prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(PublishError, match="cannot be made"):
        prepare_folder(tmp_path / "notes.txt", overwrite=False)


def test_prompts_are_read_and_joined_by_object_and_frame() -> None:
    first, second = parse_prompts(
        points=("210,350", "1:10.5,20", "2:30,40@7"), negative_points=("5,6",), boxes=("2:1,2,3,4@7",)
    )
    assert (first.object_id, first.frame_idx) == (1, 0)
    assert first.points == ((210, 350), (10.5, 20), (5, 6))
    assert first.labels == (1, 1, 0)
    assert (second.object_id, second.frame_idx) == (2, 7)
    assert (second.points, second.box) == (((30, 40),), (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"points": ("a",)}, r"--point is 'a', expected \[OBJECT:\]X,Y\[@FRAME\]"),
        ({"points": ("1,2,3",)}, "--point is '1,2,3'"),
        ({"negative_points": ("1;2",)}, "--not is '1;2'"),
        ({"boxes": ("1,2,3",)}, r"--box is '1,2,3', expected \[OBJECT:\]X0,Y0,X1,Y1"),
        ({"boxes": ("1,2,3,4", "5,6,7,8")}, "object 1, frame 0: two boxes"),
        ({"masks": ("nowhere.png",)}, "--mask nowhere.png: no such file"),
        ({"points": ("3000000000:1,2",)}, "expected an object id of at most"),
    ],
)
def test_prompt_that_cannot_be_read_is_told(arguments: dict[str, tuple[str, ...]], error: str) -> None:
    with pytest.raises(PromptError, match=error):
        parse_prompts(**arguments)


def test_labels_are_read() -> None:
    assert parse_labels(("2=player one", "3=")) == {2: "player one", 3: ""}
    with pytest.raises(PromptError, match="--object is 'player', expected ID=LABEL"):
        parse_labels(("player",))


def test_mask_is_what_is_not_black(tmp_path: Path) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[1:3, 2:5, 2] = 1
    cv2.imwrite(str(tmp_path / "1:a@2.png"), picture)
    mask = read_mask(tmp_path / "1:a@2.png")
    assert mask.dtype == np.bool_
    assert np.argwhere(mask).tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]
    (prompt,) = parse_prompts(masks=(str(tmp_path / "1:a@2.png"),))
    assert (prompt.object_id, prompt.frame_idx) == (1, 0)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PromptError, match="not a picture"):
        read_mask(tmp_path / "text.png")
