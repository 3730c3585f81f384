"""The pictures in picture files: one, or the pages of a TIFF, or the frames of an animated PNG or WebP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from streamtrack.frame import Image
from streamtrack.ingest.picture_header import (
    check_size,
    is_animation,
    is_tiff,
    picture_size,
    read_head,
)

MAX_ANIMATION_PIXELS = 500_000_000
"""An animation is decoded as a whole; one with more pixels than this is refused."""


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a file."""

    path: Path
    number: int
    """From 0."""
    of: int
    """Pictures in the file."""


def list_pages(paths: list[Path]) -> list[Page]:
    """Every picture of some files, in order. A file that cannot be read counts as one picture.

    Raises:
        SourceError: a picture is too large to decode.
    """
    pages = []
    for path in paths:
        head = read_head(path)
        size = picture_size(head)
        if size is not None:
            check_size(str(path), *size)
        count = _count(path) if is_tiff(head) or is_animation(head) else 1
        pages += [Page(path, number, count) for number in range(count)]
    return pages


class PageReader:
    """Decodes pages, best in order: an animation is decoded once and kept until another file is asked for."""

    def __init__(self) -> None:
        self._animation: tuple[Path, list[Image]] | None = None

    def read(self, page: Page) -> Image | None:
        """(H, W, 3) uint8 RGB; None where it cannot be read."""
        if page.of == 1:
            return _read_one(page.path)
        if is_tiff(read_head(page.path)):
            return _read_page(page)
        if self._animation is None or self._animation[0] != page.path:
            self._animation = (page.path, _read_animation(page.path))
        frames = self._animation[1]
        return frames[page.number] if page.number < len(frames) else None


def _count(path: Path) -> int:
    try:
        return max(1, cv2.imcount(str(path)))
    except cv2.error:
        return 1


def _read_one(path: Path) -> Image | None:
    try:
        encoded = np.fromfile(path, dtype=np.uint8)  # cv2.imread cannot open every name on Windows
    except OSError:
        return None
    if encoded.size == 0:
        return None
    try:
        return _to_rgb(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    except cv2.error:
        return None


def _read_page(page: Page) -> Image | None:
    try:
        ok, pictures = cv2.imreadmulti(str(page.path), page.number, 1, flags=cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return _to_rgb(pictures[0]) if ok and pictures else None


def _read_animation(path: Path) -> list[Image]:
    size = picture_size(read_head(path)) or (0, 0)
    count = max(1, MAX_ANIMATION_PIXELS // max(1, size[0] * size[1]))
    try:
        ok, animation = cv2.imreadanimation(str(path), 0, count)
    except cv2.error:
        return []
    if not ok:
        return []
    return [image for frame in animation.frames if (image := _to_rgb(frame)) is not None]


def _to_rgb(picture: object) -> Image | None:
    if not isinstance(picture, np.ndarray):
        return None
    if picture.ndim == 3 and picture.shape[2] == 4:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB))
    code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code))
