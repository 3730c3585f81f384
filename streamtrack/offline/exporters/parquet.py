"""objects.parquet: the rows of objects.csv as typed columns."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from streamtrack.errors import PublishError
from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.object_rows import COLUMNS, table_row
from streamtrack.offline.reserve import ReservedFile

FILE = "objects.parquet"
ROWS_A_GROUP = 8192
INTEGERS = frozenset(
    {"frame_idx", "object_id", "x0_px", "y0_px", "x1_px", "y1_px", "area_px", "carried_frames"}
)
TEXTS = frozenset({"file_name", "label", "state"})


class ParquetTable(Exporter):
    """Needs pyarrow. Rows are written in groups; what a stopped run wrote can be read."""

    name = "parquet"
    summary = f"{FILE}: the columns of objects.csv, typed (needs streamtrack[parquet])"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    @classmethod
    def check(cls, run: Run) -> None:
        if importlib.util.find_spec("pyarrow") is None:
            raise PublishError(
                "--export parquet: pyarrow is not installed, expected it: pip install 'streamtrack[parquet]'"
            )

    def __init__(self, run: Run) -> None:
        self._pyarrow = importlib.import_module("pyarrow")
        self._names = run.names
        self._file = ReservedFile(run.folder.new_file(FILE), run.folder.new_file(f"{FILE}.reserve.part"))
        self._schema = self._pyarrow.schema([(name, self._type(name)) for name in COLUMNS])
        self._writer = importlib.import_module("pyarrow.parquet").ParquetWriter(self._file, self._schema)
        self._rows: list[tuple[Any, ...]] = []

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        self._rows += [table_row(result, item, self._names) for item in result.objects.values()]
        if len(self._rows) >= ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        try:
            self._write_group()
        finally:
            self._writer.close()
            self._file.close()

    def _write_group(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            columns = zip(zip(*rows, strict=True), self._schema, strict=True)
            arrays = [self._pyarrow.array(list(column), field.type) for column, field in columns]
            self._writer.write_table(self._pyarrow.table(arrays, schema=self._schema))
        self._file.raise_where_full()

    def _type(self, column: str) -> Any:
        if column in INTEGERS:
            return self._pyarrow.int64()
        return self._pyarrow.string() if column in TEXTS else self._pyarrow.float64()
