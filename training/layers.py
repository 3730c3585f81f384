"""A labelled photo in two layers: one of its objects, and the rest with the hole filled.

Camera motion alone moves both alike, and then a network may follow the picture and not the object. Moved
apart, the object keeps the outline, light and blur it has in the photo, which no pasted cut-out does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image, read_labels, read_photo
from training.sprites import Wave

FloatArray = npt.NDArray[np.float64]

MARGIN = 0.12
"""Room about the object for it to deform in, as a share of its longer side."""
FILL_SHRINK = 4
"""The hole is filled at this fraction of the photo's size: nobody looks at it for long."""


@dataclass(frozen=True)
class Layers:
    """What `split` makes of a photo."""

    background: Image
    """(H, W, 3) RGB, the object painted over."""
    cutout: Image
    """(h, w, 4) RGBA with a margin."""
    offset: tuple[int, int]
    """x and y of the cut-out's corner in the photo, px."""


@lru_cache(maxsize=256)
def split(path: Path, label: int) -> Layers:
    """Separate one region of a labelled photo from the rest."""
    photo = read_photo(path)
    mask = (read_labels(path.with_suffix(".png")) == label).astype(np.uint8) * 255
    x, y, width, height = cv2.boundingRect(mask)
    pad = math.ceil(MARGIN * max(width, height)) + 2
    alpha = cv2.GaussianBlur(mask, (3, 3), 0)
    padding = ((pad, pad), (pad, pad))
    window = (slice(y, y + height), slice(x, x + width))
    colours = np.pad(photo[window], (*padding, (0, 0)), mode="edge")
    cutout = np.dstack([colours, np.pad(alpha[window], padding)])
    return Layers(_fill(photo, mask), np.asarray(cutout, np.uint8), (x - pad, y - pad))


def _fill(photo: Image, mask: Image) -> Image:
    height, width = mask.shape
    hole = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    size = (max(8, width // FILL_SHRINK), max(8, height // FILL_SHRINK))
    small_hole = (cv2.resize(hole, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    small = cv2.inpaint(
        cv2.resize(photo, size, interpolation=cv2.INTER_AREA), small_hole, 3, cv2.INPAINT_TELEA
    )
    filled = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    share = cv2.GaussianBlur(hole, (7, 7), 0)[..., None].astype(np.float32) / 255
    return np.asarray(photo + (filled.astype(np.float32) - photo) * share, np.uint8)


@dataclass(frozen=True)
class OwnMotion:
    """How an object moves beside the camera: about its own middle, from nothing on frame 0."""

    velocity: FloatArray
    """(2,) of its longer side per frame."""
    spin: float
    """Radians per frame."""
    zoom: float
    """Growth per frame, a factor."""
    wave: Wave | None
    """Deformation."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> OwnMotion:
        """A random motion, often slow."""
        wave = None
        if rng.random() < 0.6:
            wave = Wave(
                amplitude=rng.uniform(0, 0.045, 3),
                frequency=rng.uniform(0.3, 1.2, 2),
                speed=rng.uniform(0.05, 0.6, 3),
                phase=rng.uniform(0, 2 * math.pi),
            )
        return cls(
            velocity=rng.normal(0, 0.03, 2) * rng.choice([0.3, 1.0, 2.0]),
            spin=math.radians(rng.normal(0, 2) * rng.choice([0, 1, 2])),
            zoom=math.exp(rng.normal(0, 0.02)),
            wave=wave,
        )


def draw_object(
    frame: Image,
    ids: npt.NDArray[np.int32],
    layers: Layers,
    motion: OwnMotion,
    camera: FloatArray,
    t: int,
    label: int,
) -> None:
    """Draw the object where it is on frame `t` onto a frame (S, S, 3) and its ids (S, S), in place.

    Args:
        camera: (2, 3) map from the photo to the frame.
    """
    picture = motion.wave.apply(layers.cutout, t) if motion.wave else layers.cutout
    height, width = picture.shape[:2]
    middle = np.array([width / 2, height / 2])
    angle, scale = motion.spin * t, motion.zoom**t
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shift = middle - turn @ middle + motion.velocity * t * max(width, height) + np.array(layers.offset)
    linear, offset = camera[:, :2] @ turn, camera[:, :2] @ shift + camera[:, 2]
    side = frame.shape[0]
    drawn = cv2.warpAffine(picture, np.column_stack([linear, offset]), (side, side), flags=cv2.INTER_LINEAR)
    alpha = drawn[..., 3:].astype(np.float32) / 255
    frame[:] = (frame + (drawn[..., :3].astype(np.float32) - frame) * alpha).astype(np.uint8)
    ids[drawn[..., 3] > 127] = label
