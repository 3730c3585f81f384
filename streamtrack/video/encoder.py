"""One encoder that all viewers of a codec share: RGB pictures in, packets out that WebRTC sends as is.

What all packets promise: one packet a picture (no B-frames, no look-ahead), a keyframe carries all that a
decoder needs (H264: Annex B with SPS and PPS in-band), and pts count 90 kHz ticks, RTP's own clock for
video.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import av
import av.error
import av.logging
import cv2
import numpy as np
from av.video.frame import PictureType

from streamtrack.errors import PublishError
from streamtrack.frame import Image
from streamtrack.video.colour import BT601

logger = logging.getLogger(__name__)

RTP_CLOCK_HZ = 90_000
RTP_TIME_BASE = Fraction(1, RTP_CLOCK_HZ)
ONE_THREAD_PIXELS = 1280 * 720
"""Up to this size one thread takes a few milliseconds; a second would take a core from the tracker."""
ENDLESS_GOP = 1_000_000
"""Pictures. Keyframes are ours to time: a live stream has no steady frame rate to count them by."""
X264_CRF = "22"
RATE_CHANGE = 1.3
"""Reopen at a keyframe where pictures come this many times faster or slower than the encoder was told."""
STANDING_FPS = 2.0
"""A picture that stands may take as many bits as pictures of this rate."""
BITRATE_CHANGE = 1.1
"""Likewise where so many times more or fewer bits may be spent."""
MIN_RATE_PICTURES = 10
"""Pictures between two keyframes from which a rate is believed."""


class VideoCodec(StrEnum):
    """What a viewer can be sent; the values are SDP's encoding names."""

    H264 = "H264"
    VP8 = "VP8"


class EncodedPicture(NamedTuple):
    """One picture as a packet."""

    packet: av.Packet
    """pts in 90 kHz ticks. Shared by every viewer: nobody writes into it."""
    is_keyframe: bool


class Encoder:
    """Encodes pictures of one codec. Used from one thread; a new picture size reopens it."""

    def __init__(self, codec: VideoCodec, *, bitrate_kbps: int, max_fps: float) -> None:
        self.codec = codec
        self.bitrate_bps = bitrate_kbps * 1000
        """At most; a change takes effect at the next keyframe, where it is worth one."""
        self.opened_bps = 0
        """What the encoder in use was told, 0 before the first picture."""
        self._fps = max_fps
        self._context: Any = None
        self._standing = False
        self._group_pts = 0
        self._group_pictures = 0

    @property
    def name(self) -> str:
        """FFmpeg's name of the encoder in use, empty before the first picture."""
        return "" if self._context is None else str(self._context.name)

    def stand(self, standing: bool) -> None:
        """Whether the pictures that come do not move: each gets the bits of those that will not come. The
        first after a change is a keyframe."""
        if standing is not self._standing:
            self._standing = standing
            self.close()

    def encode(self, picture: Image, pts: int, *, keyframe: bool) -> EncodedPicture:
        """Encode one picture.

        Args:
            picture: (H, W, 3) uint8 RGB, H and W even.
            pts: in 90 kHz ticks, above that of the picture before.
            keyframe: make it one that a decoder can start from; the first of a size always is.
        Raises:
            PublishError: the encoder cannot be opened, or failed.
        """
        height, width = picture.shape[:2]
        if self._context is not None and (
            (self._context.width, self._context.height) != (width, height)
            or (keyframe and self._bitrate_changed())
            or (keyframe and not self._standing and self._rate_changed(pts))
        ):
            self.close()
        if self._context is None:
            self._context = self._open(width, height, STANDING_FPS if self._standing else self._fps)
            keyframe = True
        if keyframe:
            self._group_pts, self._group_pictures = pts, 0
        self._group_pictures += 1
        # OpenCV converts on SIMD in a tenth of swscale's time, by BT.601 at every size; the three planes lie
        # below each other.
        planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
        frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
        frame.pts, frame.time_base = pts, RTP_TIME_BASE
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except av.error.FFmpegError as error:
            self.close()
            raise PublishError(f"{self.codec} encoder: {error.strerror}") from error
        if len(packets) != 1:
            self.close()
            raise PublishError(f"{self.codec} encoder gave {len(packets)} packets for a picture, expected 1")
        packet = packets[0]
        packet.time_base = RTP_TIME_BASE
        return EncodedPicture(packet, bool(packet.is_keyframe))

    def close(self) -> None:
        """Give the encoder's memory back; the next picture opens it anew."""
        self._context = None

    def _bitrate_changed(self) -> bool:
        return not 1 / BITRATE_CHANGE < self.bitrate_bps / self.opened_bps < BITRATE_CHANGE

    def _rate_changed(self, pts: int) -> bool:
        """Measure the pictures a second since the last keyframe; True where the encoder expects far others.

        Encoders share bits out by the frame rate they were opened with. (x264 can go by pts instead, but
        then holds each picture back until the next one tells its duration.)
        """
        seconds = (pts - self._group_pts) / RTP_CLOCK_HZ
        if self._group_pictures < MIN_RATE_PICTURES or seconds <= 0:
            return False
        fps = self._group_pictures / seconds
        if 1 / RATE_CHANGE < fps / self._fps < RATE_CHANGE:
            return False
        self._fps = fps
        return True

    def _open(self, width: int, height: int, fps: float) -> Any:
        names = ["libvpx"]
        if self.codec is VideoCodec.H264:
            names = ["h264_nvenc", "libx264"] if nvenc_opens() else ["libx264"]
        for name in names:
            try:
                context = _create(name, width, height, self.bitrate_bps, fps)
                context.open()
            except (av.error.FFmpegError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                logger.warning("%s cannot encode %dx%d: %s", name, width, height, reason)
                continue
            logger.info("%s encodes %dx%d at %d kbit/s", name, width, height, self.bitrate_bps // 1000)
            self.opened_bps = self.bitrate_bps
            return context
        raise PublishError(f"no {self.codec} encoder opens for {width}x{height}, tried {', '.join(names)}")


@cache
def nvenc_opens() -> bool:
    """Whether this machine's GPU encodes H264; found out once a process by trying.

    Data-centre GPUs made for training (A100, H100) have no encoder, and a driver may refuse further sessions.
    """
    if "h264_nvenc" not in av.codecs_available:
        return False
    # FFmpeg would print its own lines about the missing driver, on machines where that is the normal case.
    level = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)
    try:
        _create("h264_nvenc", 640, 360, 1_000_000, 30.0).open()
    except (av.error.FFmpegError, ValueError):
        return False
    finally:
        av.logging.set_level(level)
    return True


def _create(name: str, width: int, height: int, bitrate_bps: int, fps: float) -> Any:
    """An encoder that is set up but not open."""
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = RTP_TIME_BASE
    context.framerate = Fraction(fps).limit_denominator(1000)
    context.bit_rate = bitrate_bps
    context.gop_size = ENDLESS_GOP
    context.thread_count = 1 if width * height <= ONE_THREAD_PIXELS else 2
    for key, value in BT601.items():
        setattr(context, key, value)
    context.options = _OPTIONS[name](bitrate_bps)
    return context


def _x264_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        # Steady quality below the cap: a still scene costs neither bits nor the time to write them.
        "crf": X264_CRF,
        # Half a second of bits at most in one burst: a keyframe must not stall the pictures behind it.
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 2),
        "x264-params": "repeat-headers=1:annexb=1:scenecut=0",
    }


def _nvenc_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "preset": "p2",
        "tune": "ull",
        "profile": "baseline",
        "forced-idr": "1",
        "zerolatency": "1",
        "delay": "0",
        "bf": "0",
        "rc": "cbr",
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 2),
    }


def _vp8_options(bitrate_bps: int) -> dict[str, str]:
    return {
        "deadline": "realtime",
        "cpu-used": "-12",
        "lag-in-frames": "0",
        "error-resilient": "1",
        "auto-alt-ref": "0",
        "static-thresh": "100",
        "minrate": str(bitrate_bps),
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps),
        "qmin": "4",
        "qmax": "56",
    }


_OPTIONS = {"libx264": _x264_options, "h264_nvenc": _nvenc_options, "libvpx": _vp8_options}
