"""An NPZ that grows array by array, for `numpy.load`, which reads each only when it is asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import FrameResult
from streamtrack.offline.frame_names import FrameNames
from streamtrack.offline.object_rows import pts_seconds
from streamtrack.offline.zip_file import ZipArchive


class FrameArrays:
    """An array a frame, and at the end what belongs to all of them.

    `frame_00012`: (N, ...), a row an object in the order of `object_ids`. Objects that come later have no
    row before: N grows. `frame_idx`, `pts_seconds` (NaN where not told) and `file_name`: (T,), a value a
    frame. `object_ids` and `labels`: (N,).
    """

    def __init__(self, path: Path, object_ids: tuple[int, ...]) -> None:
        """Make the file.

        Args:
            object_ids: those that are known before the first frame.
        Raises:
            OSError: the disk refuses.
        """
        self._zip = ZipArchive(path)
        self._labels: dict[int, str] = dict.fromkeys(object_ids, "")
        self._frames: list[int] = []
        self._times: list[float] = []
        self._file_names: list[str] = []

    def row_ids(self, result: FrameResult) -> tuple[int, ...]:
        """The object of each row of a frame's array."""
        for item in result.objects.values():
            self._labels[item.object_id] = item.label
        return tuple(self._labels)

    def append(self, result: FrameResult, names: FrameNames, rows: NDArray[Any]) -> None:
        """Write a frame's array.

        Raises:
            OSError: the disk is full.
        """
        self._write(f"frame_{result.frame_idx:05d}", rows)
        seconds = pts_seconds(result)
        self._frames.append(result.frame_idx)
        self._times.append(float("nan") if seconds is None else seconds)
        self._file_names.append(names.file_name(result.frame_idx))

    def close(self) -> None:
        """Write the arrays of the whole, and end the file.

        Raises:
            OSError: the disk is full; what was written before can be read.
        """
        try:
            self._write("frame_idx", np.array(self._frames, np.int64))
            self._write("pts_seconds", np.array(self._times, np.float64))
            self._write("file_name", np.array(self._file_names, np.str_))
            self._write("object_ids", np.array(list(self._labels), np.int64))
            self._write("labels", np.array(list(self._labels.values()), np.str_))
        finally:
            self._zip.close()

    def _write(self, name: str, array: NDArray[Any]) -> None:
        data = io.BytesIO()
        np.lib.format.write_array(data, array, allow_pickle=False)
        self._zip.append(f"{name}.npy", data.getvalue())
