"""What files that belong to a frame are called: as the source's picture is, else by the frame's number."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from streamtrack.ingest.picture_pages import list_pages
from streamtrack.ingest.source import SourceKind, SourceSpec, list_images


class FrameNames:
    """Names of frames, each its own: `dog_07` for dog_07.jpg, `00007` for frame 7 of a film."""

    def __init__(self, file_names: Sequence[str] = ()) -> None:
        """`file_names`: the source's pictures by frame; empty where it is no set of pictures."""
        self._file_names = [readable(name) for name in file_names]
        self._names = _own_names(self._file_names)

    def file_name(self, frame_idx: int) -> str:
        """The source's picture, without its folder; empty where it has none."""
        return self._file_names[frame_idx] if frame_idx < len(self._file_names) else ""

    def name(self, frame_idx: int) -> str:
        """Without a suffix, and no other frame's, even where capitals and small letters are the same."""
        return self._names[frame_idx] if frame_idx < len(self._names) else _numbered(frame_idx)


def _own_names(file_names: Sequence[str]) -> list[str]:
    """A name a picture: without its suffix, with it where others differ in that alone, else with a number."""
    stems = Counter(Path(name).stem.lower() for name in file_names)
    whole = Counter(name.lower() for name in file_names)
    taken: set[str] = set()
    names = []
    for index, file_name in enumerate(file_names):
        stem, numbered = Path(file_name).stem, _numbered(index)
        ways = [stem] if stems[stem.lower()] == 1 else [file_name] if whole[file_name.lower()] == 1 else []
        ways = [*ways, f"{stem}_{numbered}"] if stem.isprintable() and "\\" not in stem else []
        free = (way for way in (*ways, numbered, f"frame_{numbered}") if way.lower() not in taken)
        names.append(next(free))
        taken.add(names[-1].lower())
    return names


def _numbered(frame_idx: int) -> str:
    return f"{frame_idx:05d}"


def readable(file_name: str) -> str:
    """A name as text; bytes in it that are no text as `\\xff`."""
    return os.fsencode(file_name).decode("utf-8", "backslashreplace")


def names_of(spec: SourceSpec) -> FrameNames:
    """The names of a source's frames.

    Raises:
        SourceError: a picture is too large to decode.
    """
    path = Path(spec.url.removeprefix("file:"))
    if spec.kind is SourceKind.FOLDER:
        return FrameNames([page.path.name for page in list_pages(list_images(path))])
    return FrameNames()
