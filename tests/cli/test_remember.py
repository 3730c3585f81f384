"""`streamtrack remember`, and `track --memory` of what it made."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.cli.main import run
from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking.memory_file import read_metadata

SCENE = "leave"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film, its first picture, and the mask of an object in it."""
    path = tmp_path_factory.mktemp("remember")
    scene = make_scene(SCENE)
    write_scene(scene, path / "film.mp4", 3)
    image, masks = scene.render(0)
    cv2.imwrite(str(path / "ball.png"), image[..., ::-1])
    cv2.imwrite(str(path / "mask.png"), masks[2].astype(np.uint8) * 255)
    arguments = ["remember", str(path / "ball.png"), str(path / "mask.png"), "--label", "ball"]
    assert run([*arguments, "-o", str(path / "ball.memory"), "--device", "cpu"]) == 0
    return path


def test_a_picture_and_its_mask_become_a_file(folder: Path) -> None:
    told = read_metadata((folder / "ball.memory").read_bytes())
    assert (told["model"], told["label"]) == ("nano", "ball")


def test_track_looks_for_what_it_knows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, memory = folder / "out", folder / "ball.memory"
    arguments = ["track", str(folder / "film.mp4"), "--memory", f"7:{memory}", "--out", str(out)]
    assert run([*arguments, "--no-overlay", "--masks", "png", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["objects"], told["unfound"]) == (3, 1, [])
    truth = make_scene(SCENE).render(2)[1][2]
    rows = [line.split(",") for line in (out / "objects.csv").read_text().splitlines()]
    newest = dict(zip(rows[0], rows[-1], strict=True))
    assert (newest["object_id"], newest["label"]) == ("7", "ball")
    assert abs(int(newest["area_px"]) - truth.sum()) < 0.3 * truth.sum()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remember", "{ball}"], "no prompt is given, expected MASK, --point X,Y or --box"),
        (["remember", "{none}", "--point", "3,3"], "no such file, expected a picture"),
        (["remember", "{memory}", "--point", "3,3"], "not a picture that can be read"),
        (["remember", "{ball}", "--point", "3,3", "-o", "{memory}"], "exists, expected --overwrite"),
        (["remember", "{ball}", "--box", "1,2"], "expected [OBJECT:]X0,Y0,X1,Y1"),
        (
            ["remember", "{ball}", "--point", "2:3,3", "--box", "1:1,1,9,9", "-o", "{none}"],
            "several objects or frames are named, expected one object of one picture",
        ),
        (["track", "{film}", "--memory", "{none}"], "No such file or directory, expected a file of"),
        (["track", "{film}", "--memory", "{ball}", "--out", "{out}"], "ball.png: object memory: it has"),
        (
            ["track", "{film}", "--memory", "{memory}", "--memory", "{memory}"],
            "one memory of object 1",
        ),
        (
            ["track", "{film}", "--memory", "{memory}", "--direction", "both"],
            "is given with --memory",
        ),
        (["track", "{film}", "--memory", "{memory}", "--resume"], "--resume is given with --memory"),
        (["track", "{film}", "--memory", "{memory}", "--pick"], "--memory is given with --pick"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    names = {
        "ball": folder / "ball.png",
        "memory": folder / "ball.memory",
        "none": folder / "none.png",
        "film": folder / "film.mp4",
        "out": tmp_path / "out",
    }
    assert run([text.format(**names) for text in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
