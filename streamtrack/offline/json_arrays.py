"""JSON documents of long arrays, written as the entries come: memory does not grow with them.

The first array goes straight into the document. The others lie in files of their own until the document is
closed, and are then appended. What a full disk leaves room for is a document that can be read.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streamtrack.offline.whole_writes import LineFile, write_file

CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 1 << 16
"""Kept from the start for what ends a document: hundreds of categories."""

NewFile = Callable[[str], Path]
"""Gives the path of a new file by its name, as `ResultFolder.new_file`."""


class JsonArrays:
    """`{"first": [...], "second": [...], ...}`, an entry a line."""

    def __init__(self, new_file: NewFile, name: str, first: str, others: tuple[str, ...]) -> None:
        """Make the files.

        Args:
            name: of the document.
            first: the array that needs most room.
        Raises:
            OSError: the disk refuses.
        """
        self._path = new_file(name)
        self._document = LineFile(self._path)
        self._document.append(f'{{"{first}":[\n')
        self._reserve = new_file(f"{name}.reserve.part")
        write_file(self._reserve, bytes(RESERVE_BYTES))
        self._spools = {other: Spool(new_file(f"{name}.{other}.part")) for other in others}
        self._first, self._num_first = first, 0

    def append(self, array: str, entry: Any) -> None:
        """Add an entry to an array.

        Raises:
            OSError: the disk is full; the entry is then not in the document, those before it are.
        """
        if array != self._first:
            self._spools[array].append(entry)
            return
        self._document.append((",\n" if self._num_first else "") + dumps(entry))
        self._num_first += 1

    def close(self, rest: Mapping[str, Any]) -> None:
        """End the document with the other arrays and some more values; their files go. Once only.

        Raises:
            OSError: the disk is full and not even that could be written.
        """
        ends = "".join(f',\n"{key}":{dumps(value)}' for key, value in rest.items()) + "}\n"
        whole = self._document.size
        try:
            try:
                for array, spool in self._spools.items():
                    self._document.append(f'\n],\n"{array}":[\n')
                    for text in spool.texts():
                        self._document.append(text)
                self._document.append("\n]" + ends)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self._document.cut(whole)
                self._append_in_place_of_spools(ends)
        finally:
            self._document.close()
            self._reserve.unlink(missing_ok=True)
            for spool in self._spools.values():
                spool.remove()

    def _append_in_place_of_spools(self, ends: str) -> None:
        """There is no room left but that which the spools and the reserve take."""
        texts = {array: "".join(spool.texts()) for array, spool in self._spools.items()}
        self._reserve.unlink(missing_ok=True)
        for spool in self._spools.values():
            spool.remove()
        arrays = "".join(f'\n],\n"{array}":[\n{text}' for array, text in texts.items())
        self._document.append(f"{arrays}\n]{ends}")


class Spool:
    """Entries of an array that waits for its place, in a file; deleted by `remove`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = LineFile(path)
        self._num_entries = 0

    def append(self, entry: Any) -> None:
        """Keep an entry."""
        self._lines.append((",\n" if self._num_entries else "") + dumps(entry))
        self._num_entries += 1

    def texts(self) -> Iterator[str]:
        """All entries with commas between them, a piece at a time."""
        with self._path.open(encoding="utf-8", newline="") as entries:
            while text := entries.read(CHUNK_BYTES):
                yield text

    def remove(self) -> None:
        """Delete the file. May be called again."""
        self._lines.close()
        self._path.unlink(missing_ok=True)


def dumps(value: Any) -> str:
    """JSON without blanks. NaN is none."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def gathered(texts: Iterable[str]) -> Iterator[str]:
    """The same texts in fewer pieces, about CHUNK_BYTES each."""
    pieces: list[str] = []
    size = 0
    for text in texts:
        pieces.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield "".join(pieces)
            pieces, size = [], 0
    yield "".join(pieces)
