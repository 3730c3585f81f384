"""A recording's sound, moved to a video that begins at one of its frames: copied where the container can hold
it, else encoded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error

from streamtrack.errors import StreamTrackError
from streamtrack.offline.video_format import VideoFormat

LEAD_S = Fraction(1, 10)
"""Sound in front of the first picture that is kept, unheard: decoders need up to 80 ms of it to swing in."""
SEEK_AHEAD_S = 2
"""How far before the first picture reading begins."""
AAC_LC = 2
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
ADTS_BYTES = 7
"""Of a header without a checksum; ISO 14496-3 numbers rates and profiles."""
READ_ERRORS = (av.error.FFmpegError, OSError, ValueError, StreamTrackError)


class Sound:
    """The sound of one recording for one video."""

    def __init__(self, open_source: Callable[[], Any]) -> None:
        """`open_source`: a container of PyAV, or None where the recording is none."""
        self._open_source = open_source
        self._source: Any = None
        self._tracks: dict[int, _Track] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self.num_encoded = 0
        """Tracks that were not copied but encoded anew."""
        self.is_broken = False
        """True where reading ended with an error: the sound is there up to it."""

    def open(self) -> bool:
        """Open the recording; False where there is no sound in it."""
        try:
            self._source = self._open_source()
        except READ_ERRORS:
            self._break_off()
        return bool(self._streams())

    def begin(self, output: Any, kind: VideoFormat, starts_s: Fraction) -> None:
        """Add the recording's tracks to a container that is not written to yet.

        Args:
            starts_s: time of the video's first picture in the recording.
        """
        for stream in self._streams():
            track = _track(stream, output, kind, starts_s)
            self._tracks[stream.index] = track
            self.num_encoded += isinstance(track, _EncodedTrack)
        try:
            self._seek(starts_s)
            self._packets = self._source.demux(self._streams())
        except READ_ERRORS:
            self._break_off()
        self._step()

    def until(self, seconds: Fraction | None) -> Iterator[Any]:
        """Packets to write, up to a time of the video, in order; None: all that are left."""
        while self._next is not None:
            packet = self._next
            track = self._tracks[packet.stream.index]
            if seconds is not None and track.time(packet) >= seconds:
                return
            try:
                yield from track.take(packet)
            except READ_ERRORS:
                self._break_off()
            self._step()

    def end(self) -> Iterator[Any]:
        """What encoders still hold; nothing more is read."""
        self._next = None
        for track in self._tracks.values():
            try:
                yield from track.end()
            except READ_ERRORS:
                self.is_broken = True

    def close(self) -> None:
        """Close the recording. May be called again."""
        source, self._source, self._next = self._source, None, None
        if source is not None:
            source.close()

    def _streams(self) -> list[Any]:
        """Those that there is a decoder for."""
        streams = [] if self._source is None else self._source.streams.audio
        return [stream for stream in streams if stream.codec_context is not None]

    def _seek(self, starts_s: Fraction) -> None:
        if starts_s <= SEEK_AHEAD_S:
            return
        try:
            self._source.seek(int((starts_s - SEEK_AHEAD_S) * av.time_base), backward=True)
        except READ_ERRORS:  # read from the start, then: it takes longer
            self._source.close()
            self._source = self._open_source()

    def _step(self) -> None:
        """Read on to the next packet that has a time."""
        try:
            self._next = next((packet for packet in self._packets if packet.pts is not None), None)
        except READ_ERRORS:
            self._break_off()

    def _break_off(self) -> None:
        self.is_broken = True
        self._packets, self._next = iter(()), None


class _Track:
    """One track that is copied, packet by packet."""

    def __init__(self, stream: Any, output: Any, starts_s: Fraction) -> None:
        self._starts_s = starts_s
        self._output = self._add(stream, output)

    def _add(self, stream: Any, output: Any) -> Any:
        return output.add_stream_from_template(stream)

    def time(self, packet: Any) -> Fraction:
        """When a packet of the recording is heard, in the video's seconds."""
        return Fraction(packet.pts * packet.time_base) - self._starts_s

    def take(self, packet: Any) -> Iterator[Any]:
        """The packets that it becomes."""
        if self.time(packet) < -LEAD_S:
            return
        offset = round(self._starts_s / packet.time_base)
        packet.pts -= offset
        packet.dts = packet.pts if packet.dts is None else packet.dts - offset
        packet.stream = self._output
        yield packet

    def end(self) -> Iterator[Any]:
        """What is still held back."""
        return iter(())


class _AdtsTrack(_Track):
    """AAC as broadcasts and MPEG-TS have it: each packet begins with a header that says once more what the
    container says, and that MP4 has no place for."""

    def _add(self, stream: Any, output: Any) -> Any:
        track = output.add_stream_from_template(stream)
        codec = stream.codec_context
        config = AAC_LC << 11 | AAC_RATES.index(codec.sample_rate) << 7 | codec.channels << 3
        track.codec_context.extradata = config.to_bytes(2, "big")
        return track

    def take(self, packet: Any) -> Iterator[Any]:
        """The packet without its header."""
        for moved in super().take(packet):
            data = bytes(moved)
            bare = av.Packet(data[ADTS_BYTES if data[1] & 1 else ADTS_BYTES + 2 :])
            bare.pts, bare.dts, bare.duration = moved.pts, moved.dts, moved.duration
            bare.time_base = moved.time_base
            bare.stream = self._output
            yield bare


class _EncodedTrack(_Track):
    """One track that the container cannot hold as it is."""

    def __init__(self, stream: Any, output: Any, starts_s: Fraction, encoder: str) -> None:
        self._encoder = encoder
        self._resampler: Any = None
        super().__init__(stream, output, starts_s)

    def _add(self, stream: Any, output: Any) -> Any:
        rate = 48_000 if self._encoder == "libopus" else stream.codec_context.sample_rate
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        return output.add_stream(self._encoder, rate=rate, layout=layout)

    def take(self, packet: Any) -> Iterator[Any]:
        """Decode, cut at the video's first picture, encode."""
        for frame in packet.decode():
            if frame.pts is None or frame.pts * frame.time_base < self._starts_s:
                continue
            frame.pts -= round(self._starts_s / frame.time_base)
            yield from self._encode(frame)

    def end(self) -> Iterator[Any]:
        """The last frames, out of resampler and encoder."""
        if self._resampler is not None:
            yield from self._encode(None)
            yield from self._output.encode(None)

    def _encode(self, frame: Any) -> Iterator[Any]:
        codec = self._output.codec_context
        if self._resampler is None:
            codec.open(strict=False)
            self._resampler = av.AudioResampler(
                codec.format, codec.layout, codec.sample_rate, codec.frame_size
            )
        for ready in self._resampler.resample(frame):
            yield from self._output.encode(ready)


def _track(stream: Any, output: Any, kind: VideoFormat, starts_s: Fraction) -> _Track:
    codec = stream.codec_context
    name = codec.codec.canonical_name
    if name in kind.sound_codecs and not (name == "aac" and not codec.extradata):
        return _Track(stream, output, starts_s)
    is_plain = codec.profile == "LC" and codec.sample_rate in AAC_RATES and codec.channels <= 6
    if name in kind.sound_codecs and is_plain:
        return _AdtsTrack(stream, output, starts_s)
    return _EncodedTrack(stream, output, starts_s, kind.sound_encoder)
