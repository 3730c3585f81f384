"""The masks beside a film: JSON lines, one a tracked frame, read to the last whole one.

    {"streamtrack": "masks", "version": 1, "stream": "gate", "time_base": [1, 90000], "wall_ms": 1700000000}
    {"frame": 12, "wall_ms": 1700000000480, "pts": 43200, "objects": [{"id": 1, "label": "ann",
     "class": "person", "state": "tracking", "box": [10, 20, 40, 80], "rle": {"size": [360, 640], ...}}]}

`pts` is the time in the film beside it. A frame that was corrected later comes again, with `"revises": true`:
the last one of a `pts` counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from streamtrack.frame import FrameResult
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.recording.film_packet import TICKS_PER_S
from streamtrack.recording.film_writer import NEW_FILE

VERSION = 1
TAIL_BYTES = 1 << 16
MAX_LINE_BYTES = 32 << 20


def masks_head(stream: str, wall_ms: int, **more: Any) -> bytes:
    """The first line of a file."""
    told = {
        "streamtrack": "masks",
        "version": VERSION,
        "stream": stream,
        "time_base": [1, TICKS_PER_S],
        "wall_ms": wall_ms,
        **more,
    }
    return msgspec.json.encode(told) + b"\n"


def masks_of(result: FrameResult, class_of: Callable[[int, str], str], *, revises: bool) -> dict[str, Any]:
    """A frame's line, without its time in the film.

    Args:
        class_of: by object id and label, one of COCO's 80, or empty.
    """
    line: dict[str, Any] = {
        "frame": result.frame_idx,
        "wall_ms": result.frame.capture_wall_ns // 1_000_000,
        "pts": 0,
        "objects": [
            {
                "id": item.object_id,
                "label": item.label,
                "class": class_of(item.object_id, item.label),
                "state": str(item.state),
                "box": list(item.box),
                "rle": {
                    "size": list(item.frame_size),
                    "counts": encode_rle(item.crop, item.box, item.frame_size).decode("ascii"),
                },
            }
            for item in result.objects.values()
        ],
    }
    return {**line, "revises": True} if revises else line


class MasksWriter:
    """Appends lines, each in one piece. One thread."""

    def __init__(self, path: Path, stream: str, wall_ms: int, grew: Callable[[int], None]) -> None:
        """`grew` is told how many bytes were added.

        Raises:
            OSError: the file cannot be made.
        """
        self._grew = grew
        self._file = os.open(path, NEW_FILE, 0o640)
        self._size = 0
        self._append(masks_head(stream, wall_ms))

    def write(self, line: Mapping[str, Any], pts: int) -> None:
        """Add a frame at a time of the film, in ticks.

        Raises:
            OSError: the disk refuses; the file ends with the last whole line.
        """
        self._append(msgspec.json.encode({**line, "pts": pts}) + b"\n")

    def close(self) -> None:
        """End; may be called again."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _append(self, data: bytes) -> None:
        if self._file < 0:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        self._grew(len(data))


def whole_lines(path: Path) -> int:
    """How many bytes of a file are whole lines.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        at = size
        while at > 0:
            start = max(0, at - TAIL_BYTES)
            file.seek(start)
            place = file.read(at - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            at = start
    return 0


def read_lines(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Every whole line behind the first; what was being written when the writer ended is left out."""
    file.readline(MAX_LINE_BYTES)
    while (line := file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
        try:
            told = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(told, dict) and isinstance(told.get("pts"), int):
            yield told
