"""Tells a cut from one scene to another, by colours and shapes of a thumbnail: a quarter of a millisecond.

A cut changes both: which colours there are, and where light and dark lie. A pan changes where they lie, and
they lie so elsewhere in the picture; a change of exposure or light changes how bright all is, and neither the
mix of colours nor the shapes; a flash is over after a frame or two.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.config import TrackingConfig
from streamtrack.frame import Image

SIZE = (64, 36)
"""Width, height of the thumbnail."""
HUES, SATURATIONS = 12, 4
"""Bins of the histogram; brightness is left out, because exposure changes it."""
GREY = 0.12
"""Saturation under which a colour has no hue."""
BLUR = 5
"""Pixels of the thumbnail over which shapes are smoothed: grain is none."""

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """A frame, small."""

    histogram: _Floats
    """(bins,), of sum 1."""
    small: Image
    """(height, width, 3) RGB."""

    @property
    def shapes(self) -> _Floats:
        """(height, width) of mean 0 and norm 1: log brightness with its slow parts taken out."""
        return _shapes(self.small)


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame on which another scene was there to stay."""

    histogram: float
    """Share of the picture whose colours are others, 0 to 1."""
    features: float
    """1 less the correlation of the shapes, 0 to 2."""
    frames_ago: int
    """How many tracked frames before this one it came."""

    def as_detail(self) -> dict[str, float | int]:
        """Of the event."""
        return {
            "frames_ago": self.frames_ago,
            "histogram": round(self.histogram, 3),
            "features": round(self.features, 3),
        }


class SceneCuts:
    """Looks at a stream's tracked frames, one after the other.

    Args:
        histogram, features: bounds, as `TrackingConfig` has them; both must be reached.
        frames: that the new scene must last.
    """

    def __init__(self, histogram: float, features: float, frames: int) -> None:
        self._bounds = histogram, features
        self._frames = frames
        self._scene: Thumbnail | None = None
        self._changed = 0

    def see(self, image: Image) -> Cut | None:
        """Look at the next frame; a cut once the new scene has lasted."""
        now = thumbnail(image)
        if self._scene is None:
            self._scene = now
            return None
        # Shapes cost more than colours, and are only asked where those have changed.
        histogram = histogram_distance(self._scene, now)
        features = feature_distance(self._scene, now) if histogram >= self._bounds[0] else 0.0
        if histogram < self._bounds[0] or features < self._bounds[1]:
            self._scene, self._changed = now, 0
            return None
        # Compared on with the scene before: what comes back to it was a flash.
        self._changed += 1
        if self._changed < self._frames:
            return None
        ago, self._changed, self._scene = self._changed - 1, 0, now
        return Cut(histogram, features, ago)


def make_scene_cuts(config: TrackingConfig) -> SceneCuts | None:
    """What looks for cuts, by a config; None where nothing does."""
    if not config.scene_cuts:
        return None
    return SceneCuts(config.scene_cut_histogram, config.scene_cut_features, config.scene_cut_frames)


def begins_scene(cuts: SceneCuts | None, image: Image) -> bool:
    """Whether another scene is seen to have begun; False where nobody looks."""
    return cuts is not None and cuts.see(image) is not None


def thumbnail(image: Image) -> Thumbnail:
    """A frame's colours and shapes; `image` is (H, W, 3) uint8 RGB."""
    step = max(1, min(image.shape[0] // (4 * SIZE[1]), image.shape[1] // (4 * SIZE[0])))
    small = cv2.resize(np.ascontiguousarray(image[::step, ::step]), SIZE, interpolation=cv2.INTER_AREA)
    return Thumbnail(_histogram(small), np.asarray(small, np.uint8))


def histogram_distance(first: Thumbnail, second: Thumbnail) -> float:
    """1 less the intersection of the histograms, 0 to 1 (Swain and Ballard, 1991)."""
    return float(1 - np.minimum(first.histogram, second.histogram).sum())


def feature_distance(first: Thumbnail, second: Thumbnail) -> float:
    """1 less the greatest correlation of the shapes over all shifts up to half the picture, 0 to 2."""
    before, now = first.shapes, second.shapes
    height, width = now.shape
    pad_y, pad_x = height // 2, width // 2
    padded = cv2.copyMakeBorder(before, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_CONSTANT, value=0.0)
    sums = cv2.matchTemplate(padded, now, cv2.TM_CCORR)
    # What a shift has in common is less than all: its own norms count, from a quarter of the picture on.
    energy = cv2.matchTemplate(padded * padded, np.ones_like(now), cv2.TM_CCORR)
    inside = cv2.copyMakeBorder(
        np.ones_like(before), pad_y, pad_y, pad_x, pad_x, cv2.BORDER_CONSTANT, value=0.0
    )
    other = cv2.matchTemplate(inside, now * now, cv2.TM_CCORR)
    norm = np.sqrt(np.maximum(energy, 0.25) * np.maximum(other, 0.25))
    return float(1 - (sums / norm).max())


def _histogram(small: Image) -> _Floats:
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL).reshape(-1, 3)
    hue = hsv[:, 0].astype(np.int32) * HUES // 256
    saturation = hsv[:, 1].astype(np.int32) * SATURATIONS // 256
    # Greys have no hue; they are one bin.
    bins = np.where(hsv[:, 1] < 255 * GREY, HUES * SATURATIONS, hue * SATURATIONS + saturation)
    counts = np.bincount(bins, minlength=HUES * SATURATIONS + 1)
    return np.asarray(counts / counts.sum(), np.float32)


def _shapes(small: Image) -> _Floats:
    grey = np.log1p(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32))
    fine = cv2.GaussianBlur(grey, (BLUR, BLUR), 0)
    local = fine - cv2.GaussianBlur(fine, (0, 0), 8)
    local -= local.mean()
    norm = float(np.linalg.norm(local))
    return np.asarray(local / norm if norm > 1e-3 else np.zeros_like(local), np.float32)
