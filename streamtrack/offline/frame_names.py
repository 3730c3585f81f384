"""What files that belong to a frame are called: as the source's picture is, else by the frame's number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from streamtrack.ingest.picture_pages import list_pages
from streamtrack.ingest.source import SourceKind, SourceSpec, list_images


class FrameNames:
    """Names of frames, each its own: `dog_07` for dog_07.jpg, `00007` for frame 7 of a film."""

    def __init__(self, file_names: Sequence[str] = ()) -> None:
        """`file_names`: the source's pictures by frame; empty where it is no set of pictures."""
        self._file_names = file_names
        self._stems = Counter(Path(name).stem.lower() for name in file_names)
        self._names = Counter(name.lower() for name in file_names)

    def file_name(self, frame_idx: int) -> str:
        """The source's picture, without its folder; empty where it has none."""
        return self._file_names[frame_idx] if frame_idx < len(self._file_names) else ""

    def name(self, frame_idx: int) -> str:
        """Without a suffix, and no other frame's, even where capitals and small letters are the same."""
        numbered = f"{frame_idx:05d}"
        file_name = self.file_name(frame_idx)
        if not file_name:
            return numbered
        stem = Path(file_name).stem
        if self._stems[stem.lower()] == 1:
            return stem
        # a.jpg beside a.png keep their suffix; pages of one file have a number.
        return file_name if self._names[file_name.lower()] == 1 else f"{stem}_{numbered}"


def names_of(spec: SourceSpec) -> FrameNames:
    """The names of a source's frames.

    Raises:
        SourceError: a picture is too large to decode.
    """
    path = Path(spec.url.removeprefix("file:"))
    if spec.kind is SourceKind.FOLDER:
        return FrameNames([page.path.name for page in list_pages(list_images(path))])
    return FrameNames()
