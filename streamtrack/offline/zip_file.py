"""A zip archive that grows entry by entry: every entry is whole, and only a few bytes of each stay in memory.

The standard library's own keeps an object of a kilobyte for each entry, which hours of video would fill
memory with, and leaves an archive that nothing opens where the disk is full.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path

from streamtrack.offline.whole_writes import write_all

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_OFFSET_64 = struct.Struct("<2HQ")
_VERSION, _VERSION_64, _DEFLATED = 20, 45, 8
_UTF8_NAMES = 0x800
_DATE = (1 << 5) | 1
"""1 January 1980: the same archive for the same entries."""
_MAX_32, _MAX_16 = 0xFFFF_FFFF, 0xFFFF


class ZipArchive:
    """A new archive of compressed entries."""

    def __init__(self, path: Path, level: int = 1) -> None:
        """Make the file.

        Args:
            level: zlib's, 1 to 9.
        Raises:
            OSError: the disk refuses.
        """
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self._level = level
        self._offset = 0
        self._heads: list[bytes] = []
        """Of each entry in the directory at the end: about 60 bytes."""
        self._offsets: list[int] = []

    def append(self, name: str, data: bytes) -> None:
        """Add an entry of less than 4 GiB.

        Raises:
            OSError: the disk is full; the entry is then not in the archive.
        """
        packer = zlib.compressobj(self._level, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(data) + packer.flush()
        encoded = name.encode("utf-8")
        assert max(len(packed), len(data)) < _MAX_32, "one frame's masks"
        same = (_UTF8_NAMES, _DEFLATED, 0, _DATE, zlib.crc32(data), len(packed), len(data), len(encoded))
        local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *same, 0) + encoded
        try:
            write_all(self._file, local + packed)
        except OSError:
            self._cut(self._offset)
            raise
        is_far = self._offset >= _MAX_32
        extra = _OFFSET_64.pack(1, 8, self._offset) if is_far else b""
        version, place = (_VERSION_64, _MAX_32) if is_far else (_VERSION, self._offset)
        head = _CENTRAL.pack(b"PK\x01\x02", version, version, *same, len(extra), 0, 0, 0, 0, place)
        self._heads.append(head + encoded + extra)
        self._offsets.append(self._offset)
        self._offset += len(local) + len(packed)

    def close(self) -> None:
        """Write the directory. Where the disk has no room for it, the last entries make some. Once only.

        Raises:
            OSError: there was no room, and entries were given up; the archive opens all the same.
        """
        full: OSError | None = None
        try:
            while True:
                try:
                    write_all(self._file, self._directory())
                    break
                except OSError as error:
                    if error.errno != errno.ENOSPC or not self._heads:
                        raise
                    full = error
                    self._heads.pop()
                    self._offset = self._offsets.pop()
                    self._cut(self._offset)
        finally:
            os.close(self._file)
        if full is not None:
            raise full

    def _directory(self) -> bytes:
        directory, count = b"".join(self._heads), len(self._heads)
        ends = self._offset + len(directory)
        wide = b""
        if count >= _MAX_16 or ends >= _MAX_32:
            sizes = (count, count, len(directory), self._offset)
            wide = _END_64.pack(b"PK\x06\x06", 44, _VERSION_64, _VERSION_64, 0, 0, *sizes)
            wide += _LOCATOR_64.pack(b"PK\x06\x07", 0, ends, 1)
        short = min(count, _MAX_16)
        places = min(len(directory), _MAX_32), min(self._offset, _MAX_32)
        return directory + wide + _END.pack(b"PK\x05\x06", 0, 0, short, short, *places, 0)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
