"""What a camera does to clips: it moves, and it sees light with noise."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image


def camera_maps(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    side: int,
    num_frames: int,
    *,
    wide: bool,
    squash: bool = True,
    still: bool = False,
) -> list[npt.NDArray[np.float64]]:
    """(2, 3) maps from a photo to the frames: pan, zoom, roll and shake.

    Args:
        wide: more of the photo is in the picture.
        squash: wider or narrower than the square, as wide video is; else aspect-true.
        still: a camera on a wall.
    """
    height, width = shape[:2]
    crop_height = height * rng.uniform(0.6 if wide else 0.35, 1.0)
    if squash:
        crop_width = min(crop_height * math.exp(rng.uniform(math.log(0.7), math.log(1.9))), width)
    else:
        crop_width = crop_height = min(crop_height, width)
    centre = np.array(
        [
            rng.uniform(crop_width / 2, width - crop_width / 2),
            rng.uniform(crop_height / 2, height - crop_height / 2),
        ]
    )
    speed = rng.normal(0, 0.02, 2) * crop_height * rng.choice([0.0, 0.5, 1.0, 2.0])
    zoom, roll = math.exp(rng.normal(0, 0.015)), math.radians(rng.normal(0, 0.7))
    shake = rng.normal(0, 0.004 * crop_height, (num_frames, 2)) * (rng.random() < 0.4)
    if still:
        speed, zoom, roll, shake = np.zeros(2), 1.0, 0.0, np.zeros((num_frames, 2))
    maps = []
    for frame_idx in range(num_frames):
        x, y = centre + speed * frame_idx + shake[frame_idx]
        x = float(np.clip(x, crop_width / 2, width - crop_width / 2))
        y = float(np.clip(y, crop_height / 2, height - crop_height / 2))
        angle = roll * frame_idx
        scale = np.diag([side / crop_width, side / crop_height]) * zoom**frame_idx
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = scale @ turn
        maps.append(np.column_stack([linear, side / 2 - linear @ np.array([x, y])]))
    return maps


def photometric(rng: np.random.Generator, frames: Image) -> Image:
    """Light, exposure drift, blur and sensor noise."""
    gain = rng.uniform(0.6, 1.25, 3) ** 0.5
    drift = rng.normal(0, 0.02) * (rng.random() < 0.3)
    offset = rng.uniform(-25, 25)
    noise = rng.uniform(0, 8) if rng.random() < 0.5 else 0.0
    blur = int(rng.choice([0, 3, 5], p=[0.65, 0.25, 0.1]))
    out = np.empty_like(frames)
    for frame_idx, frame in enumerate(frames):
        lit = frame.astype(np.float32) * (gain * (1 + drift * frame_idx)).astype(np.float32)
        lit += np.float32(offset)
        if noise:
            lit += np.float32(noise) * rng.standard_normal(frame.shape, np.float32)
        picture = np.clip(lit, 0, 255).astype(np.uint8)
        out[frame_idx] = cv2.GaussianBlur(picture, (blur, blur), 0) if blur else picture
    return out


def street_camera(rng: np.random.Generator, frames: Image) -> Image:
    """The same frames (T, S, S, 3) as a part of a far camera's picture: few pixels, compressed, enlarged."""
    side = frames.shape[1]
    small = max(24, round(side / math.exp(rng.uniform(math.log(1.3), math.log(4.5)))))
    quality = int(rng.integers(40, 92))
    smooth = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    out = np.empty_like(frames)
    for frame_idx, frame in enumerate(frames):
        little = cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA)
        _, packed = cv2.imencode(".jpg", little, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out[frame_idx] = cv2.resize(
            cv2.imdecode(packed, cv2.IMREAD_COLOR), (side, side), interpolation=smooth
        )
    return out
