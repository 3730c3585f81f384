"""The decoders that need no FFmpeg: a folder of pictures, a synthetic scene."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Image
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.picture_pages import Page, PageReader, list_pages
from streamtrack.ingest.source import SourceSpec, list_images
from streamtrack.scenes.scene import Scene

FOLDER_FPS = 30.0
"""Pace of a folder whose config names none."""
MAX_DENOMINATOR = 1001
"""Keeps 29.97 as 30000/1001."""

logger = logging.getLogger(__name__)


class FolderDecoder:
    """Reads the pictures of a folder in natural order, or of one file with several: pages are pictures.

    A picture that cannot be read keeps its place: the one before is shown again, marked as damaged, so that
    every other keeps its number.
    """

    def __init__(self, spec: SourceSpec, config: SourceConfig) -> None:
        self._spec = spec
        self._fps = config.fps or FOLDER_FPS
        self._max_width_px = config.max_width_px
        self._pages: list[Page] = []
        self._reader = PageReader()
        self._next = 0
        self._is_told = False
        self._last: Image | None = None

    def open(self) -> StreamInfo:
        """List the pictures; the size is that of the first that can be read.

        Raises:
            SourceError: none can be read, or one is too large to decode.
        """
        path = Path(self._spec.url.removeprefix("file:"))
        self._pages = list_pages(list_images(path) if path.is_dir() else [path])
        self._next, self._is_told = 0, False
        first = next((image for image in map(self._reader.read, self._pages) if image is not None), None)
        if first is None:
            raise SourceError(
                f"source {self._spec.redacted_url}: none of {len(self._pages)} pictures can be read"
            )
        self._last = fit_width(first, self._max_width_px)
        height, width = first.shape[:2]
        return StreamInfo(
            width, height, self._fps, len(self._pages), "images", needs_pacing=True, counted=True
        )

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next picture; one that cannot be read is told first, then stood in for."""
        if self._next >= len(self._pages):
            return EndOfStream()
        page = self._pages[self._next]
        image = None if self._is_told else self._reader.read(page)
        if image is None and not self._is_told:
            self._is_told = True
            logger.warning("source %s: %s cannot be read", self._spec.redacted_url, page.path.name)
            return Skipped("corrupt")
        if image is not None:
            self._last = fit_width(image, self._max_width_px)
        damaged, self._is_told = self._is_told, False
        index, self._next = self._next, self._next + 1
        assert self._last is not None
        return Picture(self._last, index, _frame_time(self._fps), damaged=damaged, file_name=page.path.name)

    def seek(self, index: int) -> None:
        """Go on with a picture, by its number."""
        self._next, self._is_told = index, False
        # What would stand in for it is the last picture before it that can be read.
        for page in reversed(self._pages[:index]):
            image = self._reader.read(page)
            if image is not None:
                self._last = fit_width(image, self._max_width_px)
                return

    def close(self) -> None:
        """Forget the listing."""
        self._pages, self._reader, self._last = [], PageReader(), None


class SceneDecoder:
    """Renders a synthetic scene, with its ground truth."""

    def __init__(self, scene: Scene, config: SourceConfig) -> None:
        self._scene = scene
        self._max_width_px = config.max_width_px
        self._next = 0

    def open(self) -> StreamInfo:
        """Start from frame 0."""
        self._next = 0
        scene = self._scene
        return StreamInfo(
            scene.width_px,
            scene.height_px,
            scene.fps,
            scene.num_frames,
            "synthetic",
            needs_pacing=True,
            counted=True,
        )

    def read(self) -> Picture | Skipped | EndOfStream:
        """Render the next frame."""
        if self._scene.num_frames is not None and self._next >= self._scene.num_frames:
            return EndOfStream()
        index, self._next = self._next, self._next + 1
        image, masks = self._scene.render(index)
        fitted = fit_width(image, self._max_width_px)
        if fitted is not image:
            size = (fitted.shape[1], fitted.shape[0])
            masks = {
                object_id: cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
                for object_id, mask in masks.items()
            }
        return Picture(fitted, index, _frame_time(self._scene.fps), masks)

    def seek(self, index: int) -> None:
        """Go on with a frame, by its number."""
        self._next = index

    def close(self) -> None:
        """Nothing to let go of."""


def fit_width(image: Image, max_width_px: int | None) -> Image:
    """The image itself where it fits, else scaled down."""
    height, width = image.shape[:2]
    if max_width_px is None or width <= max_width_px:
        return image
    size = (max_width_px, max(1, round(height * max_width_px / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _frame_time(fps: float) -> Fraction:
    return 1 / Fraction(fps).limit_denominator(MAX_DENOMINATOR)
