"""objects.csv: a row a frame and object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from streamtrack.frame import FrameResult, ObjectMask, Update
from streamtrack.object_record import COLUMNS as OBJECT_COLUMNS
from streamtrack.object_record import table_row as object_row
from streamtrack.offline.exporters.exporter import Exporter, Run, pts_seconds
from streamtrack.offline.whole_writes import LineFile

FILE = "objects.csv"
COLUMNS = ("frame_idx", "pts_seconds", *OBJECT_COLUMNS)


class ObjectTable(Exporter):
    """The fields of an object, without its mask."""

    name = "objects"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._lines = LineFile(run.folder.new_file(FILE))
        self._lines.append(_csv([COLUMNS]))

    def take(self, update: Update) -> None:
        result = update.result
        if result is not None and result.objects:
            self._lines.append(_csv(table_row(result, item) for item in result.objects.values()))

    def close(self) -> None:
        self._lines.close()


def table_row(result: FrameResult, item: ObjectMask) -> tuple[Any, ...]:
    """One object on one frame, as COLUMNS."""
    return (result.frame_idx, pts_seconds(result), *object_row(item))


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
