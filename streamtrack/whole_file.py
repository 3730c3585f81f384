"""Files that are written whole or not at all, and outlive a power cut."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put these bytes in the place of what a file holds, in one step, readable by its owner alone.

    Raises:
        OSError: it cannot be written; it is what it was.
    """
    temporary: str | None = None
    try:
        # In the same folder: only there is the exchange of two names one step. Made for its owner alone.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise


def sync_folder(folder: Path) -> None:
    """See that new names are on the disk, where the system lets folders be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
