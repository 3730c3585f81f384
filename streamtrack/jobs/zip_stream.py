"""Files as one zip archive that is made while it is read: nothing is written to the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

CHUNK_BYTES = 1 << 18
PACKED_ALREADY = (".mp4", ".webm", ".mov", ".png", ".jpg", ".zip", ".npz", ".parquet")


class _Unseekable:
    """Keeps what zipfile writes until somebody takes it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Keep."""
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = bytes(self._held)
        self._held.clear()
        return taken


def zip_of(root: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The archive's bytes, a piece at a time; a file that went meanwhile is left out."""
    out = _Unseekable()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            path = root / name
            if not path.is_file():
                continue
            info = zipfile.ZipInfo.from_file(path, name)
            packed = path.suffix.lower() in PACKED_ALREADY
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            with path.open("rb") as file, archive.open(info, "w", force_zip64=True) as entry:
                while data := file.read(CHUNK_BYTES):
                    entry.write(data)
                    if piece := out.take():
                        yield piece
    yield out.take()
