"""Each exporter's file, and one of somebody's own that no list names."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamtrack.frame import Event, EventKind, Update
from streamtrack.object_record import COLUMNS as OBJECT_COLUMNS
from streamtrack.object_record import RECORD_FIELDS
from streamtrack.offline import exporters
from streamtrack.offline.exporters import Run, find_exporters
from streamtrack.offline.result_folder import ResultFolder
from tests.support.exports import BALL, GONE, MASK, export
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
