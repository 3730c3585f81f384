"""From a camera's packets, or from pictures, to what a film holds: its head, and units after lengths."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from streamtrack.errors import PublishError
from streamtrack.frame import Image
from streamtrack.ingest.tap import CodedStream
from streamtrack.recording.coded_units import (
    FITTING_CODECS,
    after_lengths,
    has_start_codes,
    parameter_units,
)
from streamtrack.recording.film_head import head_of_keyframe, head_of_stream
from streamtrack.recording.film_packet import TICKS_PER_S
from streamtrack.video.draw import scale_picture
from streamtrack.video.encoder import Encoder, VideoCodec

MAX_WIDTH_PX = 3_840


@dataclass(frozen=True, slots=True)
class FilmPiece:
    """One coded picture."""

    data: bytes
    is_keyframe: bool
    head: bytes
    """Of the film that it belongs to: films of another head are other films."""


def why_encode(stream: CodedStream, *, is_cropped: bool) -> str | None:
    """Why a camera's packets cannot be kept as they are; None where they can."""
    if stream.codec not in FITTING_CODECS:
        return f"{stream.codec} does not fit into MP4"
    if not stream.timed:
        return "the container does not tell when pictures are shown"
    return "source.crop is set" if is_cropped else None


class PacketFilm:
    """The packets of one opening of a camera. Made in the source's thread, used in the recorder's."""

    def __init__(self, stream: CodedStream) -> None:
        """Raises:
        PublishError: MP4 cannot hold them.
        """
        self._codec = stream.codec
        self._ticks = stream.time_base * TICKS_PER_S
        self._has_start_codes = has_start_codes(stream.codec, stream.parameters)
        self._outside = stream.parameters if self._has_start_codes else b""
        self._parameters = b""
        self._head = b"" if self._has_start_codes else head_of_stream(stream.stream)

    def ticks(self, time: int | None) -> int | None:
        """A packet's time in ticks of the film's clock."""
        return None if time is None else time * self._ticks.numerator // self._ticks.denominator

    def piece(self, data: bytes, *, is_keyframe: bool) -> FilmPiece | None:
        """A packet as the film holds it; None before a keyframe with which a film can begin."""
        if is_keyframe:
            self._learn(data)
        if not self._head:
            return None
        return FilmPiece(after_lengths(data) if self._has_start_codes else data, is_keyframe, self._head)

    def _learn(self, data: bytes) -> None:
        """Notice other parameters: the camera was set to another size."""
        told = parameter_units(self._codec, data, start_codes=self._has_start_codes)
        if not self._has_start_codes:
            if self._parameters and told and told != self._parameters:
                raise PublishError(f"{self._codec}: its parameters changed inside the container")
            self._parameters = told or self._parameters
            return
        parameters = told or self._parameters or self._outside
        if parameters != self._parameters:
            self._parameters = parameters
            self._head = head_of_keyframe(self._codec, parameters + data)


class EncodedFilm:
    """Pictures, encoded. One thread."""

    def __init__(self, bitrate_kbps: int, max_fps: float) -> None:
        self._encoder = Encoder(VideoCodec.H264, bitrate_kbps=bitrate_kbps, max_fps=max_fps)
        self._head = b""
        self._size = (0, 0)
        self._last_pts = -1

    def piece(self, picture: Image, pts: int, *, keyframe: bool) -> FilmPiece:
        """Encode a picture.

        Args:
            picture: (H, W, 3) uint8 RGB of any size.
            pts: in ticks; one that does not rise is moved.
            keyframe: make it one.
        Raises:
            PublishError: the encoder cannot be opened, or failed.
        """
        even, _, _ = scale_picture(picture, MAX_WIDTH_PX)
        self._last_pts = max(pts, self._last_pts + 1)
        encoded = self._encoder.encode(even, self._last_pts, keyframe=keyframe)
        data = bytes(encoded.packet)
        if even.shape[:2] != self._size:
            # Another rate changes the parameters too, but those stand in each keyframe.
            self._size, self._head = even.shape[:2], head_of_keyframe("h264", data)
        return FilmPiece(after_lengths(data), encoded.is_keyframe, self._head)

    def close(self) -> None:
        """Give the encoder's memory back."""
        self._encoder.close()


def ticks_of(time: int, time_base: Fraction) -> int:
    """A time in ticks of the film's clock."""
    ticks = time * time_base * TICKS_PER_S
    return ticks.numerator // ticks.denominator
