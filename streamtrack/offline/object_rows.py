"""One object on one frame as a row of a table, the same in every format."""

from __future__ import annotations

from typing import Any

from streamtrack.frame import FrameResult, ObjectMask
from streamtrack.object_record import COLUMNS as OBJECT_COLUMNS
from streamtrack.object_record import table_row as object_row
from streamtrack.offline.frame_names import FrameNames, readable

COLUMNS = ("frame_idx", "pts_seconds", "file_name", *OBJECT_COLUMNS)


def table_row(result: FrameResult, item: ObjectMask, names: FrameNames) -> tuple[Any, ...]:
    """An object's fields as COLUMNS, rounded for people; None where there is no value."""
    file_name = names.file_name(result.frame_idx) or readable(result.frame.file_name or "")
    return (result.frame_idx, pts_seconds(result), file_name, *object_row(item))


def pts_seconds(result: FrameResult) -> float | None:
    """The frame's presentation time in the recording."""
    frame = result.frame
    return None if frame.pts is None else round(float(frame.pts * frame.time_base), 6)
