"""A clip like a camera's, and when a picture counts as smeared beside its truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from streamtrack.frame import Image

MEAN_LEVELS = 0.5
"""Mean difference over the picture, of 255: one macroblock of 256x144 pixels that is off by 70."""
FAR_LEVELS, FAR_SHARE = 16, 0.005
"""Or the share of pixels that differ by more than the eye forgives."""


def is_smeared(image: Image, truth: Image) -> bool:
    """Whether a picture, (H, W, 3) uint8, differs visibly from the same one decoded without damage."""
    difference = np.abs(image.astype(np.int16) - truth).mean(axis=2)
    return bool(difference.mean() > MEAN_LEVELS or (difference > FAR_LEVELS).mean() > FAR_SHARE)


def is_none_of(image: Image, truths: Sequence[Image]) -> bool:
    """Whether a picture differs visibly from all that it could be."""
    differences = [np.abs(image.astype(np.int16) - truth).mean() for truth in truths]
    return is_smeared(image, truths[int(np.argmin(differences))])


def noisy_picture(index: int) -> Image:
    """(144, 256, 3) a textured ground that pans, a disc that moves, and a camera's noise."""
    ground = np.random.default_rng(1).integers(60, 200, (24, 96, 3), dtype=np.uint8)
    panned = cv2.resize(ground, (1024, 288), interpolation=cv2.INTER_CUBIC)[
        40:184, 2 * index : 2 * index + 256
    ]
    image = np.ascontiguousarray(panned)
    cv2.circle(image, (30 + index, 70), 22, (215, 35, 40), -1)
    noise = np.random.default_rng(index).normal(0, 3, (144, 256, 1))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write_noisy_clip(
    path: Path, num_frames: int, options: Mapping[str, str], encoder: str = "libx264"
) -> None:
    """Encode such pictures, 25 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25, options=dict(options))
        stream.width, stream.height = 256, 144
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy_picture(index), format="rgb24")))
        container.mux(stream.encode(None))
