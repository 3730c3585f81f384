"""The decoders that need no FFmpeg: a folder of pictures, a synthetic scene."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Image
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.source import SourceSpec, list_images
from streamtrack.scenes.scene import Scene

FOLDER_FPS = 30.0
"""Pace of a folder whose config names none."""
MAX_DENOMINATOR = 1001
"""Keeps 29.97 as 30000/1001."""


class FolderDecoder:
    """Reads the pictures of a folder in natural order; what cannot be read is skipped as corrupt."""

    def __init__(self, spec: SourceSpec, config: SourceConfig) -> None:
        self._spec = spec
        self._fps = config.fps or FOLDER_FPS
        self._max_width_px = config.max_width_px
        self._paths: list[Path] = []
        self._next = 0

    def open(self) -> StreamInfo:
        """List the folder; the size is that of its first readable picture."""
        self._paths = list_images(Path(self._spec.url))
        self._next = 0
        first = next((image for image in map(_read_rgb, self._paths) if image is not None), None)
        if first is None:
            raise SourceError(
                f"source {self._spec.redacted_url}: none of {len(self._paths)} pictures can be read"
            )
        height, width = first.shape[:2]
        return StreamInfo(width, height, self._fps, len(self._paths), "images", needs_pacing=True)

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next picture."""
        if self._next >= len(self._paths):
            return EndOfStream()
        index, self._next = self._next, self._next + 1
        image = _read_rgb(self._paths[index])
        if image is None:
            return Skipped("corrupt")
        return Picture(_fit_width(image, self._max_width_px), index, _frame_time(self._fps))

    def close(self) -> None:
        """Forget the listing."""
        self._paths = []


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
            scene.width_px, scene.height_px, scene.fps, scene.num_frames, "synthetic", needs_pacing=True
        )

    def read(self) -> Picture | Skipped | EndOfStream:
        """Render the next frame."""
        if self._scene.num_frames is not None and self._next >= self._scene.num_frames:
            return EndOfStream()
        index, self._next = self._next, self._next + 1
        image, masks = self._scene.render(index)
        fitted = _fit_width(image, self._max_width_px)
        if fitted is not image:
            size = (fitted.shape[1], fitted.shape[0])
            masks = {
                object_id: cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
                for object_id, mask in masks.items()
            }
        return Picture(fitted, index, _frame_time(self._scene.fps), masks)

    def close(self) -> None:
        """Nothing to let go of."""


def _read_rgb(path: Path) -> Image | None:
    """The picture as (H, W, 3) uint8 RGB, None where it cannot be read."""
    try:
        encoded = np.fromfile(path, dtype=np.uint8)  # cv2.imread cannot open every name on Windows
    except OSError:
        return None
    if encoded.size == 0:
        return None
    try:
        bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def _fit_width(image: Image, max_width_px: int | None) -> Image:
    """The image itself where it fits, else scaled down."""
    height, width = image.shape[:2]
    if max_width_px is None or width <= max_width_px:
        return image
    size = (max_width_px, max(1, round(height * max_width_px / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _frame_time(fps: float) -> Fraction:
    return 1 / Fraction(fps).limit_denominator(MAX_DENOMINATOR)
