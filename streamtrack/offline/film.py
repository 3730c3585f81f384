"""Films that are read in any order: a video file, a folder of JPEGs, an array; never held as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.errors import ShapeError, SourceError
from streamtrack.frame import Image
from streamtrack.offline.film_video import VideoFilm

JPEG_SUFFIXES = (".jpg", ".jpeg")

FilmSource = str | os.PathLike[str] | NDArray[np.uint8] | Sequence[Any]
"""A video file, a folder of JPEGs, or the frames: (N, H, W, 3) uint8 RGB, an array or a sequence."""


class FolderFilm:
    """JPEGs named by number, `<frame_idx>.jpg`, in the order of their numbers."""

    resampling: Literal["bicubic"] = "bicubic"  # as sam2 loads them

    def __init__(self, folder: Path) -> None:
        """List the pictures.

        Raises:
            SourceError: there are none, a name is no number, or the first cannot be read.
        """
        paths = [path for path in folder.iterdir() if path.suffix.lower() in JPEG_SUFFIXES]
        if not paths:
            raise SourceError(f"folder {folder}: no .jpg, expected pictures named by number")
        unnumbered = sorted(path.name for path in paths if not path.stem.isdecimal())
        if unnumbered:
            raise SourceError(
                f"folder {folder}: {unnumbered[0]}, expected names that are numbers, as 00000.jpg"
            )
        self._paths = sorted(paths, key=lambda path: int(path.stem))
        self.num_frames = len(self._paths)
        self.frame_size = _size(_read_jpeg(self._paths[0]))

    def read(self, frame_idx: int, before: int) -> Iterator[tuple[int, Image]]:
        """One picture; nothing else needs to be decoded for it."""
        image = _read_jpeg(self._paths[frame_idx])
        yield frame_idx, image


class ArrayFilm:
    """Frames that the caller holds."""

    resampling: Literal["bilinear"] = "bilinear"  # as a session's

    def __init__(self, frames: Any) -> None:
        """Take frames over as they are.

        Raises:
            ShapeError: there are none, or the first is not (H, W, 3) uint8.
        """
        if len(frames) == 0:
            raise ShapeError("film has no frames, expected (N, H, W, 3) uint8 RGB")
        self._frames = frames
        self.num_frames = len(frames)
        self.frame_size = _size(self._image(0))

    def read(self, frame_idx: int, before: int) -> Iterator[tuple[int, Image]]:
        """One frame."""
        yield frame_idx, self._image(frame_idx)

    def _image(self, frame_idx: int) -> Image:
        frame = self._frames[frame_idx]
        image = np.asarray(frame.detach().cpu() if hasattr(frame, "detach") else frame)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ShapeError(
                f"frame {frame_idx} is {tuple(image.shape)} {image.dtype}, expected (H, W, 3) uint8 RGB"
            )
        return np.ascontiguousarray(image)


AnyFilm = VideoFilm | FolderFilm | ArrayFilm


def open_film(source: FilmSource) -> AnyFilm:
    """Open a film by what it is.

    Raises:
        SourceError: it is not there, or cannot be read.
        ShapeError: an array that is no film.
    """
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "__len__") or not hasattr(source, "__getitem__"):
            raise ShapeError(f"film is {type(source).__name__}, expected a path or (N, H, W, 3) uint8 RGB")
        return ArrayFilm(source)
    path = Path(source)
    if path.is_dir():
        return FolderFilm(path)
    if not path.is_file():
        raise SourceError(f"film {path}: no such file or folder")
    return VideoFilm(path)


def _read_jpeg(path: Path) -> Image:
    encoded = np.fromfile(path, dtype=np.uint8)
    # Not turned by what the camera noted of its position: sam2 does not, and prompts are in these pixels.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = cv2.imdecode(encoded, flags) if encoded.size else None
    if bgr is None:
        raise SourceError(f"picture {path}: cannot be read, expected a JPEG")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
