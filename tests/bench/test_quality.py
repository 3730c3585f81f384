"""The quality bench on folders in DAVIS layout that are written here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Picture

from bench import bench_quality
from bench.davis_folder import Sequence, open_sequences
from bench.quality import (
    Follower,
    Masks,
    PromptKind,
    Prompts,
    ScoredFrame,
    carry_by_flow,
    leave_in_place,
    make_prompt,
    measure_quality,
)
from bench.report import RESULTS
from bench.settings import read_settings
from streamtrack.errors import ConfigError
from streamtrack.frame import Image
from streamtrack.scenes.scene import make_scene
from tests.support.image_files import read_image

FRAMES = 8


def write_sequence(
    folder: Path, name: str, labels: list[np.ndarray], images: list[Image] | None = None
) -> None:
    """Frames as JPEG, labels as PNG: with a palette, as DAVIS 2017, where they hold ids."""
    pictures, annotations = folder / "JPEGImages/480p" / name, folder / "Annotations/480p" / name
    for path in (pictures, annotations):
        path.mkdir(parents=True)
    for index, label in enumerate(labels):
        image = images[index] if images else np.dstack([label * 40] * 3)
        cv2.imwrite(str(pictures / f"{index:05d}.jpg"), image[..., ::-1])
        picture = Picture.fromarray(label)
        if not (label == 255).any() or label[label < 255].any():
            picture.putpalette([channel for index in range(256) for channel in (index, 255 - index, 7)])
        picture.save(annotations / f"{index:05d}.png")


def two_squares(index: int) -> np.ndarray:
    """1 stands still, 2 moves right by 5 pixels a frame, and the top rows are void."""
    labels = np.zeros((96, 128), np.uint8)
    labels[:6] = 255
    labels[20:50, 10:40] = 1
    labels[60:90, 5 * index : 5 * index + 30] = 2
    return labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sequence(tmp_path, "squares", [two_squares(index) for index in range(FRAMES)])
    return tmp_path


def truth_teller(sequence: Sequence, *, wrong_at: int | None = None) -> Follower:
    """Knows every mask; fills the void too, and at one frame shows nothing."""

    def follow(frames: list[Image], prompts: Prompts) -> Iterator[Masks]:
        for index in range(len(frames)):
            masks = {object_id: mask.copy() for object_id, mask in sequence.truth(index)[0].items()}
            for mask in masks.values():
                mask[:6] = True
                mask &= index != wrong_at
            yield masks

    return follow


def test_palette_indices_are_ids_and_white_beside_ids_is_not_scored(folder: Path) -> None:
    (sequence,) = open_sequences(folder)
    assert sequence.object_ids == (1, 2)
    (result,) = measure_quality(truth_teller(sequence), [sequence], PromptKind.BOX)
    assert result.region().mean == result.boundary().mean == 1.0
    assert len(result.step_seconds) == FRAMES


def test_first_and_last_frame_are_not_scored_and_the_worst_is_told(folder: Path) -> None:
    (sequence,) = open_sequences(folder)
    seen: list[ScoredFrame] = []
    (result,) = measure_quality(truth_teller(sequence, wrong_at=3), [sequence], PromptKind.BOX, seen.append)
    assert [frame.frame_idx for frame in seen] == [1, 2, 3, 4, 5, 6]
    assert [frame.score for frame in seen] == [1, 1, 0, 1, 1, 1]
    assert result.region().mean == result.region().recall == pytest.approx(5 / 6)
    for unscored in (0, FRAMES - 1):
        (result,) = measure_quality(truth_teller(sequence, wrong_at=unscored), [sequence], PromptKind.BOX)
        assert result.region().mean == 1.0
        assert result.objects[1].region[unscored] == 0.0  # kept, raw


def test_mask_left_in_place_loses_the_square_that_moves_by_its_overlap(folder: Path) -> None:
    (result,) = measure_quality(leave_in_place, open_sequences(folder), PromptKind.MASK)
    assert result.objects[1].region == [1.0] * FRAMES
    overlaps = [max(0, 30 - 5 * index) for index in range(FRAMES)]
    assert result.objects[2].region == pytest.approx([width / (60 - width) for width in overlaps])


def test_flow_carries_the_square_that_moves(folder: Path) -> None:
    (result,) = measure_quality(carry_by_flow, open_sequences(folder), PromptKind.MASK)
    assert min(result.objects[2].region) > 0.85


def test_prompts_are_of_the_true_first_mask() -> None:
    mask = two_squares(0) == 1
    assert make_prompt(mask, PromptKind.BOX) == {"box": (10, 20, 40, 50)}
    ((x, y),) = make_prompt(mask, PromptKind.CLICK)["points"]
    assert abs(x - 25) <= 1
    assert abs(y - 35) <= 1
    assert make_prompt(mask, PromptKind.MASK)["mask"] is mask


def test_names_come_from_a_list_or_a_file_and_an_unknown_one_is_told(folder: Path) -> None:
    write_sequence(
        folder, "other", [np.where(two_squares(i) == 1, 255, 0).astype(np.uint8) for i in range(5)]
    )
    (folder / "val.txt").write_text("squares\nother\n")
    assert [one.name for one in open_sequences(folder)] == ["other", "squares"]
    assert [one.name for one in open_sequences(folder, str(folder / "val.txt"))] == ["squares", "other"]
    assert open_sequences(folder, "other")[0].object_ids == (255,)
    with pytest.raises(ConfigError, match=r"480p: no sequence camle, expected one of other, squares"):
        open_sequences(folder, "squares,camle")


def test_missing_mask_is_told(folder: Path) -> None:
    (folder / "Annotations/480p/squares/00004.png").unlink()
    with pytest.raises(ConfigError, match="7 masks for 8 frames, expected one for each"):
        open_sequences(folder)
    with pytest.raises(ConfigError, match="holds no JPEGImages, expected a folder in DAVIS layout"):
        open_sequences(folder / "Annotations")


def test_settings_reach_the_config_and_unknown_ones_are_told() -> None:
    assignments = ["model.image_size=128", "tracking.max_conditioning_frames=2"]
    model, tracking = read_settings("nano", "cpu", 1, assignments)
    assert (model.image_size, tracking.max_conditioning_frames) == (128, 2)
    with pytest.raises(
        ConfigError, match=r"--set http.port=1: expected model.KEY=VALUE or tracking.KEY=VALUE"
    ):
        read_settings("nano", "cpu", 1, ["http.port=1"])
    with pytest.raises(ConfigError, match=r"--set: unknown key max_object"):
        read_settings("nano", "cpu", 1, ["tracking.max_object=1"])


def test_run_writes_raw_scores_table_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene("leave")
    rendered = [scene.render(index) for index in range(FRAMES)]
    labels = [np.where(masks[2], 255, 0).astype(np.uint8) for _, masks in rendered]
    write_sequence(tmp_path, "ball", labels, [image for image, _ in rendered])
    arguments = [str(tmp_path), "--prompts", "box,click", "--set", "model.image_size=128", "--threads", "1"]
    arguments += ["--out", str(tmp_path / "results")]
    monkeypatch.setattr(sys, "argv", ["bench_quality", *arguments, "--pictures", str(tmp_path / "pictures")])
    bench_quality.main()
    result = json.loads((tmp_path / "results/quality.json").read_text())
    assert [run["prompt"] for run in result["runs"]] == ["box", "click"]
    (row,) = result["runs"][0]["sequences"]
    assert len(row["objects"]["255"]["region"]) == len(row["step_ms"]) == FRAMES
    assert min(row["objects"]["255"]["region"]) > 0.5
    table = (tmp_path / "results/quality.md").read_text()
    assert "nano at 128 px" in table
    assert "model.image_size=128" in table
    for prompt in ("box", "click"):
        assert f"| {prompt} | ball |" in table
        assert f"| {prompt} | **mean** |" in table
    assert (tmp_path / "pictures/region.png").stat().st_size > 1000
    (worst,) = (tmp_path / "pictures/worst_box").glob("ball_*.png")
    assert read_image(worst).shape == rendered[0][0].shape


def test_headline_is_the_means_alone() -> None:
    result = json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))
    rows = [line for line in bench_quality.headline(result).splitlines() if line.startswith("| ")]
    means = [line for line in bench_quality.render(result).splitlines() if "**mean**" in line]
    assert rows[1:] == means
    assert len(means) == len(result["runs"])
