"""Objects of which a memory is there, as files on a command line, and pictures to make such files of.

[OBJECT:]FILE      cup.memory    2:cup.memory
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.frame import Image
from streamtrack.ingest.picture_pages import PageReader, list_pages
from streamtrack.object_record import MAX_MEMORY_BYTES
from streamtrack.offline.prompts import FIRST_OBJECT_ID, split_object
from streamtrack.tracking import Session


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object that is followed from the first frame on, by what is remembered of it."""

    object_id: int
    memory: bytes = field(repr=False)
    """As `Session.export_object` gives it."""
    label: str = ""
    """Empty: the label that the memory has."""
    file: Path | None = None
    """That it was read from."""

    def add_to(self, session: Session) -> None:
        """Follow it in a session, looked for in the whole first picture.

        Raises:
            ObjectMemoryError: the memory is damaged or of another model; says which file it is.
        """
        try:
            session.add(self.object_id, memory=self.memory, label=self.label, anywhere=True)
        except ObjectMemoryError as error:
            if self.file is None:
                raise
            raise ObjectMemoryError(f"--memory {self.file}: {error}") from error


def read_known_objects(
    texts: Sequence[str], names: Mapping[int, str] | None = None
) -> tuple[KnownObject, ...]:
    """The objects that `--memory` texts name.

    Args:
        names: what objects are called, see `parse_labels`.
    Raises:
        PromptError: an object is named twice.
        ObjectMemoryError: a file cannot be read, or is longer than any memory.
    """
    known: dict[int, KnownObject] = {}
    for text in texts:
        object_id, path = (
            (FIRST_OBJECT_ID, Path(text)) if os.path.exists(text) else split_object("--memory", text)
        )
        if object_id in known:
            raise PromptError(f"--memory is {text!r}, expected one memory of object {object_id}")
        known[object_id] = KnownObject(object_id, _read(path), (names or {}).get(object_id, ""), path)
    return tuple(known.values())


def read_picture(path: Path) -> Image:
    """A picture file, (H, W, 3) uint8 RGB.

    Raises:
        PromptError: no such file, or no picture that can be read. SourceError: it is too large.
    """
    if not os.path.isfile(path):
        raise PromptError(f"{path}: no such file, expected a picture of the object")
    [page, *_] = list_pages([path])
    image = PageReader().read(page)
    if image is None:
        raise PromptError(f"{path}: not a picture that can be read, expected one of the object")
    return image


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_MEMORY_BYTES:
            raise ObjectMemoryError(
                f"--memory {path}: {path.stat().st_size} bytes, expected at most {MAX_MEMORY_BYTES}"
            )
        return path.read_bytes()
    except OSError as error:
        raise ObjectMemoryError(
            f"--memory {path}: {error.strerror}, expected a file of `streamtrack remember`"
        ) from None
