"""One film out of parts of several: packets as they are, from a keyframe on, or pictures encoded anew."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import msgspec

from streamtrack.errors import ArchiveError
from streamtrack.recording.film_packet import TICKS_PER_S
from streamtrack.recording.masks_file import masks_head, read_lines

JOINED_MS = 2_000
"""A longer time without a film is left out; a shorter one stands still."""
EXACT_CRF = "20"
_TICKS_PER_MS = TICKS_PER_S // 1000
_TIME_BASE = Fraction(1, TICKS_PER_S)


@dataclass(frozen=True, slots=True)
class FilmPart:
    """A recording that a clip takes something of."""

    begun_ms: int
    film: Path
    whole_bytes: int
    masks: Path | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Time that is in no recording."""

    at_ms: int
    """In the clip, from its beginning."""
    lasted_ms: int


@dataclass(slots=True)
class Cut:
    """What a clip came to hold."""

    start_ms: int = 0
    """Wall clock (Unix epoch, UTC) of its first picture."""
    end_ms: int = 0
    duration_ms: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of one part, and where it lies in the clip."""

    part: FilmPart
    first: int
    """Of the part's ticks, the first that is in the clip."""
    last: int
    moved: int
    """To be added to the part's ticks."""


class WholePart(io.RawIOBase):
    """A file up to its last whole fragment; PyAV reads it."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__()
        self._file: BinaryIO = path.open("rb")
        self._size = size

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        if whence == io.SEEK_END:
            return self._file.seek(self._size + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Bytes from the place on."""
        left = max(0, self._size - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def close(self) -> None:
        """Let the file go."""
        if not self.closed:
            self._file.close()
        super().close()


def cut_clip(
    parts: Sequence[FilmPart], from_ms: int, to_ms: int, film: Path, masks: Path, stream: str, *, exact: bool
) -> Cut:
    """Write a clip and the masks beside it.

    Args:
        parts: oldest first, each with something between the moments.
        exact: encode anew, so that it begins with the picture at `from_ms`; else with the keyframe before.
    Raises:
        ArchiveError: the pictures change in between, or cannot be read.
        OSError: the disk refuses.
    """
    cut, spans = Cut(), []
    writer = _Encoding(film) if exact else _Copying(film)
    try:
        for part in parts:
            span = writer.add(part, from_ms, to_ms, cut)
            if span is not None:
                spans.append(span)
        writer.close()
    except av.error.FFmpegError as error:
        raise ArchiveError(f"{stream}: the recording cannot be cut: {error}") from error
    finally:
        writer.release()
    if not spans:
        raise ArchiveError(f"{stream}: no picture lies between from_ms and to_ms, expected a longer time")
    _write_masks(masks, spans, cut, stream)
    return cut


class _Copying:
    """Packets as they are."""

    def __init__(self, film: Path) -> None:
        self._out: Any = av.open(str(film), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream: Any = None
        self._kind: tuple[Any, ...] = ()
        self._end = 0

    def add(self, part: FilmPart, from_ms: int, to_ms: int, cut: Cut) -> _Span | None:
        """What of a part lies between two moments, from the keyframe before on."""
        first: int | None = None
        last = moved = shown = 0
        with WholePart(part.film, part.whole_bytes) as file, av.open(file) as container:
            source = container.streams.video[0]
            ticks = source.time_base * TICKS_PER_S
            if from_ms > part.begun_ms and self._stream is None:
                wanted = int((from_ms - part.begun_ms) * _TICKS_PER_MS / ticks)
                container.seek(wanted, stream=source, backward=True)
            for packet in container.demux(source):
                if not packet.size or packet.pts is None or packet.dts is None:
                    continue
                dts, pts = int(packet.dts * ticks), int(packet.pts * ticks)
                if part.begun_ms + dts // _TICKS_PER_MS >= to_ms and pts > last:
                    break  # pictures that are shown before one that is in the clip still belong to it
                if first is None:
                    self._begin(source, part)
                    first, shown, moved = dts, pts, self._moved(part, dts, pts, cut)
                last = max(last, pts)
                length = int((packet.duration or 0) * ticks)
                self._end = dts + moved + max(1, length)
                self._put(packet, pts + moved, dts + moved, length)
        if first is None:
            return None
        cut.end_ms = part.begun_ms + last // _TICKS_PER_MS
        cut.duration_ms = self._end // _TICKS_PER_MS
        return _Span(part, shown, last, moved)

    def close(self) -> None:
        """Complete the file."""
        self._out.close()

    def release(self) -> None:
        """Let it go."""
        self._out.close()

    def _begin(self, source: Any, part: FilmPart) -> None:
        context = source.codec_context
        kind = (context.codec.canonical_name, context.width, context.height, bytes(context.extradata or b""))
        if self._stream is None:
            self._stream, self._kind = self._out.add_stream_from_template(source, opaque=True), kind
        elif kind != self._kind:
            raise ArchiveError(
                f"the pictures change to {context.width}x{context.height} {kind[0]} at {part.begun_ms} ms, "
                "expected from_ms and to_ms on one side of that"
            )

    def _moved(self, part: FilmPart, dts: int, pts: int, cut: Cut) -> int:
        """How far a part's ticks are moved, so that it follows what is there."""
        begins_ms = part.begun_ms + pts // _TICKS_PER_MS
        if cut.start_ms == 0:
            cut.start_ms = begins_ms
            return -pts  # shown at 0; decoded before that, where pictures are out of order
        gap_ms = begins_ms - cut.end_ms
        if gap_ms > JOINED_MS:
            cut.left_out.append(LeftOut(self._end // _TICKS_PER_MS, gap_ms))
            return self._end - dts
        return max(self._end - dts, (begins_ms - cut.start_ms) * _TICKS_PER_MS - pts)

    def _put(self, packet: Any, pts: int, dts: int, length: int) -> None:
        coded = av.Packet(bytes(packet))
        coded.time_base, coded.pts, coded.dts, coded.duration = _TIME_BASE, pts, dts, length
        coded.is_keyframe, coded.stream = packet.is_keyframe, self._stream
        self._out.mux(coded)


class _Encoding:
    """Pictures encoded anew: from exactly the first moment on."""

    def __init__(self, film: Path) -> None:
        self._out: Any = av.open(str(film), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream: Any = None
        self._end = 0

    def add(self, part: FilmPart, from_ms: int, to_ms: int, cut: Cut) -> _Span | None:
        """What of a part lies between two moments."""
        first: int | None = None
        last = moved = 0
        for frame, pts in self._frames(part, from_ms, to_ms):
            if first is None:
                first, moved = pts, self._moved(part, pts, cut)
            last = pts
            self._put(frame, pts + moved)
            self._end = pts + moved + TICKS_PER_S // 25
        if first is None:
            return None
        cut.end_ms = part.begun_ms + last // _TICKS_PER_MS
        cut.duration_ms = self._end // _TICKS_PER_MS
        return _Span(part, first, last, moved)

    def close(self) -> None:
        """Complete the file."""
        if self._stream is not None:
            self._out.mux(self._stream.encode(None))
        self._out.close()

    def release(self) -> None:
        """Let it go."""
        self._out.close()

    def _frames(self, part: FilmPart, from_ms: int, to_ms: int) -> Iterator[tuple[Any, int]]:
        with WholePart(part.film, part.whole_bytes) as file, av.open(file) as container:
            source = container.streams.video[0]
            if from_ms > part.begun_ms:
                wanted = int(Fraction(from_ms - part.begun_ms, 1000) / source.time_base)
                container.seek(wanted, stream=source, backward=True)
            for frame in container.decode(source):
                if frame.pts is None:
                    continue
                pts = int(frame.pts * source.time_base * TICKS_PER_S)
                wall_ms = part.begun_ms + pts // _TICKS_PER_MS
                if wall_ms >= to_ms:
                    return
                if wall_ms >= from_ms:
                    yield frame, pts

    def _moved(self, part: FilmPart, pts: int, cut: Cut) -> int:
        begins_ms = part.begun_ms + pts // _TICKS_PER_MS
        if cut.start_ms == 0:
            cut.start_ms = begins_ms
            return -pts
        gap_ms = begins_ms - cut.end_ms
        if gap_ms > JOINED_MS:
            cut.left_out.append(LeftOut(self._end // _TICKS_PER_MS, gap_ms))
            return self._end - pts
        return max(self._end, (begins_ms - cut.start_ms) * _TICKS_PER_MS) - pts

    def _put(self, frame: Any, pts: int) -> None:
        if self._stream is None:
            options = {"crf": EXACT_CRF, "preset": "veryfast"}
            self._stream = self._out.add_stream("libx264", rate=30, options=options)
            self._stream.width, self._stream.height = frame.width & ~1, frame.height & ~1
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = _TIME_BASE
        shown = frame.reformat(self._stream.width, self._stream.height, "yuv420p")
        shown.pts, shown.time_base = pts, _TIME_BASE
        shown.pict_type = 0
        self._out.mux(self._stream.encode(shown))


def _write_masks(path: Path, spans: Sequence[_Span], cut: Cut, stream: str) -> None:
    with path.open("wb") as out:
        out.write(masks_head(stream, cut.start_ms))
        for span in spans:
            if span.part.masks is None:
                continue
            with span.part.masks.open("rb") as lines:
                for line in read_lines(lines):
                    if span.first <= line["pts"] <= span.last:
                        out.write(msgspec.json.encode({**line, "pts": line["pts"] + span.moved}) + b"\n")
