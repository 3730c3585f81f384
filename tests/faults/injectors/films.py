"""Films as a camera's encoder gives them: units of each picture, and what a sound decoder makes of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image
from streamtrack.ingest.h264 import split_units
from tests.support.smear import is_smeared, noisy_picture

Thumbs = NDArray[np.float64]
THUMB = (18, 32)
"""Rows and columns of what pictures are found again by."""
ENCODERS = {
    "cabac": ("libx264", {"preset": "veryfast", "profile": "main", "bf": "0"}),
    "cavlc": ("libx264", {"preset": "veryfast", "profile": "baseline"}),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:bframes=0:wpp=0"}),
}
"""Without pictures that are shown out of order, as cameras send them; one slice a picture."""


@dataclass(frozen=True)
class Film:
    """Coded pictures in order; played in a loop."""

    codec: str
    """H264 or H265, as SDP names it."""
    units: Sequence[Sequence[bytes]]
    """Of each picture, without start codes; parameter sets stand before each keyframe."""
    keyframes: Sequence[bool]
    truth: Sequence[Image]
    """What a decoder makes of each."""

    @functools.cached_property
    def _thumbs(self) -> Thumbs:
        return np.stack([_thumb(image) for image in self.truth])

    def is_smeared(self, image: Image) -> bool:
        """Whether a picture, (H, W, 3) uint8, differs visibly from all that it could be."""
        distance = np.abs(self._thumbs - _thumb(image)).mean(axis=1)
        nearest = np.argsort(distance)[:2]
        return all(is_smeared(image, self.truth[number]) for number in nearest)


def _thumb(image: Image) -> Thumbs:
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, THUMB[0]).astype(int)
    columns = np.linspace(0, width - 1, THUMB[1]).astype(int)
    thumb: Thumbs = image[rows][:, columns].mean(axis=2).ravel()
    return thumb


def to_and_fro(num_frames: int) -> Callable[[int], Image]:
    """A scene that comes back to its beginning, so that a loop has no cut in it."""
    return lambda number: noisy_picture(min(number % num_frames, num_frames - number % num_frames))


@functools.cache
def make_film(
    kind: str = "cabac",
    num_frames: int = 60,
    gop: int = 15,
    draw: Callable[[int], Image] | None = None,
    aspect: tuple[int, int] | None = None,
    crf: int | None = None,
) -> Film:
    """Encode pictures as one of `ENCODERS` does.

    Args:
        gop: pictures from keyframe to keyframe.
        draw: picture by number, (H, W, 3) uint8; the noisy scene of `tests.support.smear` as a rule.
        aspect: of a sample, width to height.
        crf: quality; less is better and larger.
    """
    name, options = ENCODERS[kind]
    draw = draw or to_and_fro(num_frames)
    encoder = av.CodecContext.create(name, "w")
    first = draw(0)
    encoder.width, encoder.height, encoder.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
    encoder.framerate, encoder.thread_count = 25, 1
    encoder.gop_size = gop
    if aspect is not None:
        encoder.sample_aspect_ratio = Fraction(*aspect)
    options = dict(options) | ({} if crf is None else {"crf": str(crf)})
    if kind.startswith("hevc"):
        options["x265-params"] += f":keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1"
    else:
        options["x264-params"] = f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1"
    encoder.options = options
    packets = []
    for number in range(num_frames):
        packets += encoder.encode(av.VideoFrame.from_ndarray(draw(number), format="rgb24"))
    packets += encoder.encode(None)
    return _film(packets, "H265" if kind.startswith("hevc") else "H264")


def _film(packets: Sequence[av.Packet], codec: str) -> Film:
    decoder = av.CodecContext.create("hevc" if codec == "H265" else "h264", "r")
    decoder.thread_count = 1
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    assert len(frames) == len(packets)
    return Film(
        codec,
        [split_units(bytes(packet), None) for packet in packets],
        [bool(packet.is_keyframe) for packet in packets],
        [frame.to_ndarray(format="rgb24") for frame in frames],
    )
