"""One fragmented MP4 that grows: each fragment reaches the file as soon as it is whole, and counts from then.

A player gives a whole film up for half of a fragment's table. So a fragment is written under a name that each
player passes over (`free`), and gets its own in one further write of four bytes, once all of it is there.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from streamtrack.recording.film_packet import TICKS_PER_S, FilmPacket
from streamtrack.recording.film_shape import box_places, whole_boxes

NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
HIDDEN_AT_FIRST = frozenset({b"moof", b"mfra"})
FRAGMENT_US = 1_000_000
"""What a power cut costs at most, beside the packet that is held back to learn its length."""
OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
    "video_track_timescale": str(TICKS_PER_S),
    "avoid_negative_ts": "disabled",
}
BEGINS_LATER = {"movflags": f"{OPTIONS['movflags']}+frag_discont"}
"""Of a film whose first picture is not at 0: else the muxer would move it there."""
TIME_BASE = Fraction(1, TICKS_PER_S)
FIRST_GUESS_TICKS = TICKS_PER_S // 25
"""The length of a film's only picture."""


class FilmWriter:
    """Writes one film, whose times count from a moment of the recorder's clock. One thread."""

    def __init__(
        self,
        path: Path,
        head: bytes,
        start: int,
        grew: Callable[[int], None],
        *,
        begins_later: bool = False,
    ) -> None:
        """
        Args:
            head: from `film_head`.
            start: the ticks that are 0 in the film.
            grew: told how many bytes were added to the file.
            begins_later: its first picture is after `start`; such a film has no pictures out of order.
        Raises:
            OSError: the file cannot be made.
        """
        self.path = path
        self._start = start
        self._grew = grew
        self._sink = _Sink()
        self._held: FilmPacket | None = None
        self._last_ticks = FIRST_GUESS_TICKS
        self._file = os.open(path, NEW_FILE, 0o640)
        self._size = 0
        self._is_closed = False
        self.num_fragments = 0
        """In the file."""
        with av.open(io.BytesIO(head)) as template:
            options = OPTIONS | BEGINS_LATER if begins_later else OPTIONS
            self._container: Any = av.open(self._sink, "w", format="mp4", options=options)
            self._stream: Any = self._container.add_stream_from_template(
                template.streams.video[0], opaque=True
            )

    def write(self, packet: FilmPacket) -> None:
        """Add a picture, after that of the last one's `dts`.

        Raises:
            OSError: the disk refuses; the file ends with the last whole fragment.
        """
        held, self._held = self._held, packet
        if held is not None:
            self._last_ticks = packet.dts - held.dts
            self._mux(held)

    def close(self) -> None:
        """Write what is held, and end; may be called again.

        Raises:
            OSError: the disk refuses; the file ends with the last whole fragment.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            held, self._held = self._held, None
            if held is not None:
                self._mux(held)
            self._container.close()
            self._save()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End with what is in the file; may be called again."""
        self._is_closed = True
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _mux(self, packet: FilmPacket) -> None:
        coded = av.Packet(packet.data)
        coded.time_base = TIME_BASE
        coded.pts, coded.dts = packet.pts - self._start, packet.dts - self._start
        coded.duration, coded.is_keyframe = self._last_ticks, packet.is_keyframe
        coded.stream = self._stream
        self._container.mux(coded)
        self._save()

    def _save(self) -> None:
        """Append what is whole now, or nothing of it."""
        data = self._sink.take_whole()
        if not data or self._file < 0:
            return
        names = {at + 4: data[at + 4 : at + 8] for at in box_places(data)}
        hidden = bytearray(data)
        for at, name in names.items():
            if name in HIDDEN_AT_FIRST:
                hidden[at : at + 4] = b"free"
        view = memoryview(hidden)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        for at, name in names.items():
            if name in HIDDEN_AT_FIRST:
                os.lseek(self._file, self._size + at, os.SEEK_SET)
                os.write(self._file, name)
        os.lseek(self._file, 0, os.SEEK_END)
        self._size += len(data)
        self.num_fragments += sum(name == b"moof" for name in names.values())
        self._grew(len(data))


class _Sink:
    """What the muxer has written and the file has not got yet."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        """Take bytes; the muxer calls this."""
        self._data += data
        return len(data)

    def take_whole(self) -> bytes:
        """Whole fragments, taken out."""
        length = whole_boxes(self._data)
        whole = bytes(self._data[:length])
        del self._data[:length]
        return whole
