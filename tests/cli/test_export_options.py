"""`track` with every exporter at once, on a film of variable frame rate with sound, as others read it."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from streamtrack.cli import main as cli
from streamtrack.cli.export_options import asked_exports, export_options
from streamtrack.offline import ExportOptions, find_exporters
from tests.support.recordings import BOX, FRAMES, write_clip

EVERY = list(find_exporters())
PROMPT = ("--box", "2:" + ",".join(f"{side:.0f}" for side in BOX), "--object", "2=ball")
pytestmark = pytest.mark.needs_program("ffmpeg")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 frames, the second six half a frame late, and sound."""
    folder = tmp_path_factory.mktemp("film")
    source, film = write_clip(folder / "clip.mp4"), folder / "film.mp4"
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:duration=0.6")
    times = ("-vf", r"setpts=(N+0.5*gt(N\,5))/(30*TB)", "-fps_mode", "passthrough")
    command = ("ffmpeg", "-v", "error", "-y", "-i", source, *sound, *times, "-c:a", "aac", film)
    subprocess.run(command, timeout=60, check=True)
    return film


@pytest.fixture(scope="module")
def out(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `track` wrote."""
    out = tmp_path_factory.mktemp("run") / "out"
    half = len(EVERY) // 2
    exports = ("--export", ",".join(EVERY[:half]), "--export", ",".join(EVERY[half:]), "--only")
    assert cli.run(["track", str(film), *PROMPT, "--out", str(out), *exports]) == 0
    return out


def packets(path: Path, stream: str) -> tuple[list[float], list[str]]:
    """Times and contents of a stream's packets."""
    entries = ("-show_entries", "packet=pts_time,data_hash", "-show_data_hash", "md5", "-of", "json")
    probed = subprocess.run(
        ("ffprobe", "-v", "error", "-select_streams", stream, "-show_packets", *entries, path),
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    found = json.loads(probed)["packets"]
    return sorted(float(one["pts_time"]) for one in found), [one["data_hash"] for one in found]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["overlay.mp4", "panels.mp4", "cutout.mp4", "cutout.webm"])
def test_videos_have_the_sources_frames_times_and_sound(film: Path, out: Path, name: str) -> None:
    times, _ = packets(out / name, "v")
    assert times == pytest.approx(packets(film, "v")[0], abs=1e-3 if name.endswith("webm") else 1e-4)
    assert len(times) == FRAMES
    if name.endswith("mp4"):
        assert packets(out / name, "a")[1] == packets(film, "a")[1]
    else:
        assert packets(out / name, "a")[0][-1] == pytest.approx(0.6, abs=0.05), "as Opus, which WebM holds"


def test_every_frame_is_in_every_folder_and_table(out: Path) -> None:
    with (out / "objects.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [int(row["frame_idx"]) for row in rows] == list(range(FRAMES))
    for folder in ("masks/002", "indexed", "overlay", "panels"):
        names = sorted(path.name for path in (out / folder).iterdir())
        assert names == [f"{index:05d}.png" for index in range(FRAMES)]
    assert len(list((out / "yolo" / "labels").iterdir())) == FRAMES
    documents: dict[str, Any] = {
        name: json.loads((out / name).read_text(encoding="utf-8"))
        for name in ("coco.json", "coco_video.json")
    }
    assert len(documents["coco.json"]["annotations"]) == FRAMES
    assert documents["coco_video.json"]["videos"][0]["length"] == FRAMES
    assert documents["coco_video.json"]["categories"][0]["name"] == "ball"
    parquet = pytest.importorskip("pyarrow.parquet").read_table(out / "objects.parquet")
    assert parquet.num_rows == FRAMES


def test_masks_are_the_same_in_every_format(out: Path) -> None:
    written = cv2.imread(str(out / "masks" / "002" / "00007.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    mask = written > 0
    assert mask.sum() > 100
    with np.load(out / "masks.npz") as arrays:
        assert np.array_equal(arrays["frame_00007"], mask[None])
    with np.load(out / "logits.npz") as arrays:
        logits = arrays["frame_00007"][0]
    coarse = cv2.resize(logits, mask.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0
    assert (coarse & mask).sum() / (coarse | mask).sum() > 0.9
    with Image.open(out / "indexed" / "00007.png") as indexed:
        assert np.array_equal(np.asarray(indexed) == 2, mask)
    panels = cv2.imread(str(out / "panels" / "00007.png"))
    assert panels is not None
    assert np.array_equal(panels[:, 640:].any(axis=2), mask)


def test_exporters_are_listed_a_line_each(capfd: pytest.CaptureFixture[str]) -> None:
    for word in ("list", "help"):
        assert cli.run(["track", "--export", word]) == 0
        lines = capfd.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == list(find_exporters())
        assert all(len(line.split()) > 4 and len(line) < 150 for line in lines)


def test_option_of_an_exporter_asks_for_it() -> None:
    assert asked_exports(None, "white", "mov", "mask", 3) == [
        "cutout-colour",
        "cutout",
        "panels",
        "contact-sheet",
    ]
    assert asked_exports(["yolo,side-by-side-png"], None, None, "mask", None) == ["yolo,side-by-side-png"]
    assert export_options(None, None, None, True, None) == ExportOptions()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--background", "greenish"), "--background is 'greenish', expected an opaque colour"),
        (("--panels", "depth"), "--panels is 'depth', expected some of source,overlay,mask"),
        (("--only",), "--only is given without --export"),
        (("--export", "yolo,nope"), "--export is 'nope', expected one of: coco, "),
        (("--contact-frames", "0"), "'--contact-frames'"),
    ],
)
def test_option_that_is_wrong_is_told_in_one_line(
    tmp_path: Path, options: tuple[str, ...], error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["track", "synthetic:leave?frames=2", "--point", "70,120", "--out", str(tmp_path / "out")]
    assert cli.run([*command, *options]) == cli.EXIT_ERROR
    (line,) = capfd.readouterr().err.splitlines()
    assert error in line
    assert not (tmp_path / "out").exists()
