"""Which codecs really open on this machine: FFmpeg lists many that a build or a driver then refuses."""

from __future__ import annotations

import av
import numpy as np

from streamtrack.errors import PublishError
from streamtrack.video.encoder import Encoder, VideoCodec, nvenc_opens

CAMERA_CODECS = ("h264", "hevc", "mjpeg", "vp8")
"""What cameras, recordings and browsers send."""


def missing_decoders() -> tuple[str, ...]:
    """Those of CAMERA_CODECS that cannot be read."""
    missing = []
    for name in CAMERA_CODECS:
        try:
            av.Codec(name, "r")
        except ValueError:  # av's UnknownCodecError is one
            missing.append(name)
    return tuple(missing)


def probe_encoders() -> dict[VideoCodec, str | PublishError]:
    """Encode one black picture with each codec: FFmpeg's name of the encoder that did it, or why none did."""
    picture = np.zeros((64, 64, 3), np.uint8)
    found: dict[VideoCodec, str | PublishError] = {}
    for codec in VideoCodec:
        encoder = Encoder(codec, bitrate_kbps=500, max_fps=30)
        try:
            encoder.encode(picture, 0, keyframe=True)
            found[codec] = encoder.name
        except PublishError as error:
            found[codec] = error
        finally:
            encoder.close()
    return found


def has_gpu_encoder() -> bool:
    """Whether H264 is encoded by the GPU."""
    return nvenc_opens()
