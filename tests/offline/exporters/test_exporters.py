"""Each exporter's file, and one of somebody's own that no list names."""

from __future__ import annotations

import contextlib
import csv
import json
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamtrack.frame import Event, EventKind, ObjectMask, Update
from streamtrack.object_record import COLUMNS as OBJECT_COLUMNS
from streamtrack.object_record import RECORD_FIELDS
from streamtrack.offline import exporters
from streamtrack.offline.exporters import Run, find_exporters
from streamtrack.offline.exporters.video import VideoExporter
from streamtrack.offline.result_folder import ResultFolder
from tests.support.disk import small_disk
from tests.support.exporter_table import exporter_table, table_in_readme
from tests.support.exports import BALL, GONE, MASK, export, opens, run_for
from tests.support.recordings import frame, update


def test_table_has_a_row_an_object_with_the_fields_of_the_object_record(tmp_path: Path) -> None:
    export("objects", tmp_path, update(0, objects=[BALL, GONE]), update(1))
    with (tmp_path / "objects.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert tuple(rows[0]) == ("frame_idx", "pts_seconds", "file_name", *OBJECT_COLUMNS)
    assert [row["object_id"] for row in rows] == ["7", "8"]
    assert (rows[0]["label"], rows[0]["object_score"], rows[0]["x1_px"]) == ("ball, red", "0.9877", "180")
    assert (rows[1]["state"], rows[1]["centroid_x_px"]) == ("occluded", "")


def test_run_lengths_have_the_fields_of_the_object_record_and_cocos(tmp_path: Path) -> None:
    export("masks-rle", tmp_path, update(0, objects=[BALL]), update(1))
    first, second = (json.loads(line) for line in (tmp_path / "masks.jsonl").read_text().splitlines())
    (record,) = first["objects"]
    assert set(RECORD_FIELDS) < set(record)
    assert (record["bbox"], record["area"]) == ([100, 20, 80, 40], 3200)
    assert (second["frame_idx"], second["objects"]) == (1, [])


def test_pictures_are_white_on_the_object(tmp_path: Path) -> None:
    export("masks-png", tmp_path, update(3, objects=[BALL, GONE]))
    read = cv2.imread(str(tmp_path / "masks" / "007" / "00003.png"), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.dtype == np.uint8
    assert np.array_equal(read, MASK * np.uint8(255))
    assert (tmp_path / "masks" / "008" / "00003.png").exists()


def test_events_are_whole_lines_in_order(tmp_path: Path) -> None:
    events = (
        Event(EventKind.LOST, 4, 7),
        Event(EventKind.CONDITIONING_EVICTED, 5, 7, {"evicted_frame_idx": 2}),
    )
    export("events", tmp_path, Update("a", None, events=events[:1]), Update("a", None, events=events[1:]))
    first, second = (json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines())
    assert first == {"frame_idx": 4, "kind": "lost", "object_id": 7, "detail": {}}
    assert second["detail"] == {"evicted_frame_idx": 2}


@pytest.mark.parametrize(("width", "height"), [(20_000, 40), (40, 20_000)])
def test_overlay_of_a_frame_larger_than_x264_takes_is_drawn_smaller(
    tmp_path: Path, width: int, height: int
) -> None:
    image = np.full((height, width, 3), 90, np.uint8)
    export("overlay", tmp_path, update(0, image))
    with av.open(str(tmp_path / "overlay.mp4")) as overlay:
        (shown,) = overlay.decode(video=0)
    assert max(shown.width, shown.height) <= 16_384
    assert shown.width / shown.height == pytest.approx(width / height, rel=0.05)


RNG = np.random.default_rng(3)
NEEDS_LOGITS = [name for name, one in find_exporters().items() if one.needs_logits]
OF_MASKS = sorted(find_exporters().keys() - {"events", "prompts", *NEEDS_LOGITS})


def noise(index: int) -> Update:
    """A frame that takes many bytes."""
    return update(index, RNG.integers(0, 255, (192, 320, 3), np.uint8), [BALL, GONE])


@pytest.mark.parametrize("name", OF_MASKS)
def test_stopped_run_leaves_files_that_open_and_no_parts(tmp_path: Path, name: str) -> None:
    run = run_for(tmp_path)
    exporter = find_exporters()[name](run)
    for index in range(4):
        exporter.take(noise(index))
    exporter.close()
    run.folder.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 1
    assert [path for path in written if path.suffix == ".part"] == []
    assert [path for path in written if not opens(path)] == []


# Videos are written alike, and the sheet at the end alone.
OF_DISK = sorted({*OF_MASKS} - {"contact-sheet", "panels", "cutout-colour"})


@pytest.mark.parametrize("name", OF_DISK)
def test_full_disk_leaves_files_that_open(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_for(tmp_path)
    exporter = find_exporters()[name](run)
    monkeypatch.setattr("streamtrack.offline.exporters.parquet.ROWS_A_GROUP", 8)
    is_video = issubclass(find_exporters()[name], VideoExporter)
    with small_disk(tmp_path, monkeypatch, room=400_000 if is_video else 60_000):
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012
            for index in range(5_000):
                exporter.take(noise(index) if is_video else update(index, objects=[BALL, GONE]))
        with contextlib.suppress(OSError):
            exporter.close()
    run.folder.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 1
    assert [path for path in written if not opens(path)] == []


@pytest.mark.parametrize("name", ["coco", "coco-video", "npz", "parquet"])
def test_memory_does_not_grow_with_the_film(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamtrack.offline.exporters.parquet.ROWS_A_GROUP", 64)
    run = run_for(tmp_path)
    exporter = find_exporters()[name](run)
    image = np.zeros((24, 32, 3), np.uint8)
    one = ObjectMask.from_mask(image[..., 0] == 0, 7, label="one")
    used = []
    tracemalloc.start()
    try:
        for index in range(400):
            if index in (100, 399):
                used.append(tracemalloc.get_traced_memory()[0])
            exporter.take(update(index, image, [one]))
    finally:
        tracemalloc.stop()
    exporter.close()
    run.folder.close()
    # An NPZ keeps 200 bytes a frame for its directory: 45 MB for two hours.
    assert used[1] - used[0] < 300 * 300


def test_readme_has_a_row_an_exporter() -> None:
    assert table_in_readme() == exporter_table(), "run python -m tests.support.exporter_table"


def test_overlay_tells_of_a_gap_that_it_shortens(tmp_path: Path) -> None:
    results = ResultFolder(tmp_path, overwrite=False)
    results.claim(())
    overlay = find_exporters()["overlay"](Run(results, (), 25.0))
    overlay.take(update(0))
    assert overlay.notes() == ()
    far = update(1)
    assert far.result is not None
    object.__setattr__(far.result, "frame", frame(far.result.frame.image, 10**12))
    overlay.take(far)
    overlay.close()
    assert overlay.notes() == ("1 long gaps shortened in overlay.mp4",)


def test_exporter_of_ones_own_is_found_by_its_module_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "count_frames.py").write_text(
        """
from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run


class CountFrames(Exporter):
    name = "count"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return ("count.txt",)

    def __init__(self, run: Run) -> None:
        self._path, self._count = run.folder.new_file("count.txt"), 0

    def take(self, update: Update) -> None:
        self._count += update.result is not None

    def close(self) -> None:
        self._path.write_text(str(self._count))
"""
    )
    monkeypatch.setattr(exporters, "__path__", [*exporters.__path__, str(tmp_path)])
    find_exporters.cache_clear()
    try:
        export("count", tmp_path / "out", update(0), update(1))
    finally:
        find_exporters.cache_clear()
    assert (tmp_path / "out" / "count.txt").read_text() == "2"
