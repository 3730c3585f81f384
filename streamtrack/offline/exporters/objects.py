"""objects.csv: a row a frame and object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.object_rows import COLUMNS, table_row
from streamtrack.offline.whole_writes import LineFile

FILE = "objects.csv"


class ObjectTable(Exporter):
    """The fields of an object, without its mask."""

    name = "objects"
    aliases = ("csv",)
    summary = f"{FILE}: a row a frame and object: time, file name, label, state, scores, box, area, centroid"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._names = run.names
        self._lines = LineFile(run.folder.new_file(FILE))
        self._lines.append(_csv([COLUMNS]))

    def take(self, update: Update) -> None:
        result = update.result
        if result is not None and result.objects:
            self._lines.append(_csv(table_row(result, item, self._names) for item in result.objects.values()))

    def close(self) -> None:
        self._lines.close()


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
