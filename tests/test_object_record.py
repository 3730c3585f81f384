from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
from pydantic import TypeAdapter

from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.object_record import COLUMNS, RECORD_FIELDS, ObjectInfo, record_of, table_row
from streamtrack.publish.wire import encode_objects

MASK = ObjectMask.from_mask(
    np.eye(8, dtype=np.bool_), 3, label="a", state=ObjectState.LOST, object_score=0.123456, iou_score=0.5
)
EMPTY = ObjectMask.from_mask(np.zeros((8, 8), np.bool_), 4)
WIRE_NAMES = {"object_id": "id", "area_px": "area"}
"""Older than the record: docs/wire-format.md."""


def test_wire_carries_every_field_of_the_record() -> None:
    [header] = msgspec.to_builtins(encode_objects([MASK], "coco_rle").headers)
    place = {"encoding", "offset", "length"}
    assert set(header) == {WIRE_NAMES.get(name, name) for name in RECORD_FIELDS} | place


def test_http_carries_every_field_of_the_record() -> None:
    info = ObjectInfo(**record_of(MASK), added_at_frame=2)
    answer = TypeAdapter(ObjectInfo).dump_python(info, mode="json")
    assert answer == {**record_of(MASK), "box": [0, 0, 8, 8], "centroid": [4.0, 4.0], "added_at_frame": 2}
    assert msgspec.json.decode(msgspec.json.encode(answer), type=ObjectInfo) == info


def test_record_is_a_part_of_the_mask() -> None:
    assert set(RECORD_FIELDS) <= {field.name for field in dataclasses.fields(ObjectMask)}


def test_table_has_a_cell_for_each_column() -> None:
    row = dict(zip(COLUMNS, table_row(MASK), strict=True))
    assert (row["object_id"], row["state"], row["object_score"]) == (3, "lost", 0.1235)
    assert (row["x1_px"], row["centroid_x_px"]) == (8, 4.0)
    empty = dict(zip(COLUMNS, table_row(EMPTY), strict=True))
    assert (empty["x1_px"], empty["centroid_x_px"], empty["area_px"]) == (0, None, 0)


def test_what_is_no_number_never_leaves() -> None:
    spoiled = dataclasses.replace(MASK, object_score=math.nan, iou_score=1.0 + 1e-7)
    told = record_of(spoiled)
    assert (told["object_score"], told["iou_score"]) == (0.0, 1.0)
