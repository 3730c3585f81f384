"""Prompts as texts of a command line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import PromptConfig, SourceConfig, StreamConfig
from streamtrack.errors import PromptError
from streamtrack.offline import (
    mask_paths,
    parse_labels,
    parse_prompt_set,
    parse_prompts,
    prompts_yaml,
    read_prompts_file,
    with_prompts_of,
)


def test_prompts_are_read_and_joined_by_object_and_frame() -> None:
    first, second = parse_prompts(
        points=("210,350", "1:10.5,20", "2:30,40@7"),
        negative_points=("5,6",),
        boxes=("2:1,2,3,4@7",),
        names={2: "ball"},
    )
    assert (first.object_id, first.at_frame, first.label) == (1, 0, "")
    assert first.points.tolist() == [[210, 350], [10.5, 20], [5, 6]]
    assert first.labels.tolist() == [1, 1, 0]
    assert (second.object_id, second.at_frame, second.label) == (2, 7, "ball")
    assert second.box is not None
    assert (second.points.tolist(), second.box.tolist()) == ([[30, 40]], [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"points": ("a",)}, r"--point is 'a', expected \[OBJECT:\]X,Y\[@FRAME\]"),
        ({"points": ("1,2,3",)}, "--point is '1,2,3'"),
        ({"points": ("1,nan",)}, "expected finite numbers"),
        ({"negative_points": ("1;2",)}, "--not is '1;2'"),
        ({"boxes": ("1,2,3",)}, r"--box is '1,2,3', expected \[OBJECT:\]X0,Y0,X1,Y1"),
        ({"boxes": ("1,2,3,4", "5,6,7,8")}, "object 1, frame 0: two boxes"),
        ({"masks": ("nowhere.png",)}, "--mask nowhere.png: no such file"),
        ({"masks": ("long" * 2_000,)}, "--mask longlong.*: no such file"),
        ({"points": ("3000000000:1,2",)}, "expected an object id of at most"),
        ({"points": (f"{'9' * 5_000}:1,2",)}, r"expected \[OBJECT:\]X,Y"),
        ({"points": (f"1,2@{'9' * 5_000}",)}, r"expected \[OBJECT:\]X,Y"),
        ({"points": ("1,2",), "names": {7: "ball"}}, "--object is '7=ball', expected an object that has"),
    ],
)
def test_prompt_that_cannot_be_read_is_told(arguments: dict[str, tuple[str, ...]], error: str) -> None:
    with pytest.raises(PromptError, match=error):
        parse_prompts(**arguments)  # type: ignore[arg-type]


def test_labels_are_read() -> None:
    assert parse_labels(("2=player one", "3=")) == {2: "player one", 3: ""}
    with pytest.raises(PromptError, match="expected ID=LABEL"):
        parse_labels((f"{'9' * 5_000}=player",))
    with pytest.raises(PromptError, match="--object is 'player', expected ID=LABEL"):
        parse_labels(("player",))


@pytest.mark.parametrize("name", ["1:a@2.png", " mask.png", "a mask.png "])
def test_file_that_exists_as_written_is_the_mask(tmp_path: Path, name: str) -> None:
    picture = np.zeros((4, 6), np.uint8)
    picture[1:3, 2:5] = 255
    path = tmp_path / name
    written, data = cv2.imencode(".png", picture)
    assert written
    path.write_bytes(data.tobytes())
    (plain,) = parse_prompts(masks=(str(path),))
    assert (plain.object_id, plain.at_frame) == (1, 0)
    (prompt,) = parse_prompts(masks=(f"3:{path}@9",))
    assert (prompt.object_id, prompt.at_frame) == (3, 9)
    assert prompt.mask is not None
    assert np.array_equal(prompt.mask, picture > 0)
    assert mask_paths((f"3:{path}@9",)) == (path,)


def test_prompts_of_the_config_hold_for_objects_that_the_command_line_leaves_out() -> None:
    configured = (PromptConfig(object_id=1, points=((9, 9),)), PromptConfig(object_id=2, box=(1, 2, 3, 4)))
    stream = StreamConfig(name="cam", source=SourceConfig(url="clip.mp4"), prompts=configured)
    prompts = with_prompts_of(stream, parse_prompts(points=("5,6@3",)))
    assert [(prompt.object_id, prompt.at_frame) for prompt in prompts] == [(2, 0), (1, 3)]


def test_prompts_file_that_is_written_reads_back_as_the_same_prompts(tmp_path: Path) -> None:
    mask = np.zeros((36, 64), np.uint8)
    mask[4:20, 8:30] = 255
    assert cv2.imwrite(str(tmp_path / "ball.png"), mask)
    given = parse_prompt_set(
        ["1:10.1,20", "2:5,6@7..9"],
        ["1:3,4.25"],
        ["1:1,2,30.3,40"],
        [f"3:{tmp_path / 'ball.png'}@5"],
        {2: "größer: ball", 3: "b"},
    )
    (tmp_path / "prompts.yaml").write_text(prompts_yaml(given), encoding="utf-8")
    read = read_prompts_file(tmp_path / "prompts.yaml")
    assert (read.lifetimes, read.mask_files) == (given.lifetimes, given.mask_files)
    for one, other in zip(given.prompts, read.prompts, strict=True):
        assert (one.object_id, one.label, one.at_frame) == (other.object_id, other.label, other.at_frame)
        for field in ("points", "labels", "box", "mask"):
            assert np.array_equal(getattr(one, field), getattr(other, field)), field
