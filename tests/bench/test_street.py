"""Who is who on streets: the truth that was written down, and how it is counted."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import bench_street, street_truth
from bench.street_truth import Box, all_truths, find_clip, read_clip, read_truth
from streamtrack.errors import ConfigError
from streamtrack.frame import ObjectMask
from tests.support.bench import run

LEFT: Box = (20.0, 20.0, 60.0, 120.0)
RIGHT: Box = (100.0, 20.0, 140.0, 120.0)


def mask(object_id: int, *boxes: Box) -> ObjectMask:
    whole = np.zeros((160, 240), np.bool_)
    for x0, y0, x1, y1 in boxes:
        whole[round(y0) : round(y1), round(x0) : round(x1)] = True
    return ObjectMask.from_mask(whole, object_id)


def test_what_was_written_down_is_whole() -> None:
    truths = {truth.name: truth for truth in all_truths()}
    assert {name: len(truth.until(30).who) for name, truth in truths.items()} == {
        "vtest": 9,
        "cars": 4,
        "one_by_one": 2,
    }
    assert len(truths["one_by_one"].who) == 6
    for truth in truths.values():
        for row in truth.boxes.values():
            assert all(x0 < x1 and y0 < y1 for x0, y0, x1, y1 in row.values())


def test_clip_that_is_not_there_says_where_it_is_had_from(tmp_path: Path) -> None:
    [vtest] = [truth for truth in all_truths() if truth.name == "vtest"]
    with pytest.raises(ConfigError, match=r"vtest.avi is not there, expected vtest.avi from Debian's opencv"):
        find_clip(vtest, tmp_path)
    (tmp_path / "vtest.avi").write_text("no video")
    with pytest.raises(ConfigError, match="no picture in it can be decoded"):
        list(read_clip(find_clip(vtest, tmp_path), 3))


def test_file_that_is_no_truth_is_one_line(tmp_path: Path) -> None:
    for text in ("", "[]", '{"boxes": {"0": {"1": [1, 2]}}}'):
        (tmp_path / "street_x.json").write_text(text)
        with pytest.raises(ConfigError, match="no truth of a street clip"):
            read_truth(tmp_path / "street_x.json")


def test_switches_and_masks_over_more_than_one_are_counted() -> None:
    found = bench_street.Run()
    truth = {1: LEFT, 2: RIGHT}
    found.note(0, {7: mask(7, LEFT), 8: mask(8, RIGHT)}, truth)
    found.note(1, {7: mask(7, RIGHT), 8: mask(8, LEFT)}, truth)
    found.note(2, {7: mask(7, RIGHT), 8: mask(8, LEFT, RIGHT)}, truth)
    found.started |= {7, 8, 9}
    row = found.result(street_truth.StreetTruth("x", "x.avi", "nowhere", "person", 10, {0: truth}))
    assert row["switches"] >= 2
    assert (row["looks"], row["over"]) == (6, pytest.approx(1 / 6))
    assert (row["there"], row["started"], row["met"]) == (2, 3, 2)
    assert (row["of_nobody"], row["of_several"], row["foreign"]) == (1, 2, 3)


def test_mask_of_one_and_of_nobody_cover_no_more() -> None:
    found = bench_street.Run()
    found.note(0, {1: mask(1, LEFT), 2: mask(2, (180.0, 20.0, 220.0, 120.0))}, {1: LEFT, 2: RIGHT})
    wide = (10.0, 10.0, 100.0, 130.0)
    assert found.over == 0
    found.note(1, {1: mask(1, wide)}, {1: LEFT})
    assert found.over == 1


def test_who_was_away_for_some_seconds_is_back_if_the_same_object_follows_them() -> None:
    found = bench_street.Run()
    for index, key in ((0, 7), (5, 7), (40, 7), (80, 8), (84, 8), (300, 8)):
        found.note(index, {key: mask(key, LEFT)}, {1: LEFT})
    row = found.result(street_truth.StreetTruth("x", "x.avi", "nowhere", "person", 10, {0: {1: LEFT}}))
    assert row["back"] == [True, False]


@pytest.mark.whole_bench
def test_run_over_a_clip_counts_what_drives_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street_truth, "FOLDER", tmp_path)
    clip = cv2.VideoWriter(str(tmp_path / "cars.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    ground = np.random.default_rng(1).integers(90, 120, (240, 320, 3)).astype(np.uint8)
    boxes: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    for index in range(45):
        picture = ground.copy()
        x = 8 * (index - 25)
        if index >= 25:
            picture[80:140, x : x + 80] = (40, 40, 220)
        clip.write(picture)
        boxes[str(index)] = {"1": (x, 80, x + 80, 140)} if index >= 26 else {}
    clip.release()
    truth = {"clip": "cars.avi", "from": "here", "fps": 10, "class": "car", "boxes": boxes}
    (tmp_path / "street_cars.json").write_text(json.dumps(truth))
    options = ["--clips", str(tmp_path), "--mend", "off", "--pictures", str(tmp_path / "seen")]
    result, table = run(bench_street, tmp_path, monkeypatch, *options)
    [row] = result["rows"]
    assert (row["there"], row["met"], row["of_several"], row["start"]) == (1, 1, 0, "motion")
    assert "| cars | 5 | motion | default | off |" in table
    assert len(list((tmp_path / "seen").rglob("*.png"))) == 3
