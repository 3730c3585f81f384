"""The files of one recording while it is written: clean film, overlay, masks. One thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamtrack.recording.film_packet import FilmPacket
from streamtrack.recording.film_writer import FilmWriter
from streamtrack.recording.masks_file import MasksWriter
from streamtrack.recording.names import MASKS_SUFFIX, film_file


class RecordingFiles:
    """What every method raises: OSError, where the disk refuses. The files end with what is whole."""

    def __init__(
        self,
        folder: Path,
        name: str,
        stream: str,
        head: bytes,
        first: FilmPacket,
        grew: Callable[[int], None],
        *,
        masks: bool,
    ) -> None:
        """Begin the clean film, and the masks where asked for.

        Args:
            head: of the clean film, from `film_head`.
            first: its first packet, not yet written.
        """
        self.name = name
        self.start = first.dts
        """The recorder's ticks that are 0 in the films."""
        self.end: int | None = None
        """The ticks at which another one may begin; None while it is written."""
        self._folder = folder
        self._grew = grew
        self._overlay: FilmWriter | None = None
        self._overlay_head: bytes | None = None
        self._masks: MasksWriter | None = None
        self._clean = FilmWriter(folder / film_file(name, "clean"), head, self.start, grew)
        if masks:
            try:
                self._masks = MasksWriter(folder / f"{name}{MASKS_SUFFIX}", stream, first.wall_ms, grew)
            except OSError:
                self._clean.abandon()
                raise

    @property
    def has_fragment(self) -> bool:
        """Whether something of it can be played."""
        return self._clean.num_fragments > 0

    def picture(self, packet: FilmPacket) -> None:
        """Add to the clean film."""
        self._clean.write(packet)

    def overlay(self, packet: FilmPacket, head: bytes) -> bool:
        """Add to the overlay, from its first keyframe on; False where its head is another: it fits the next
        recording only."""
        if self._overlay is None and packet.is_keyframe:
            self._overlay_head = head
            path = self._folder / film_file(self.name, "overlay")
            self._overlay = FilmWriter(
                path, head, self.start, self._grew, begins_later=packet.dts > self.start
            )
        if self._overlay is None:
            return True
        if head != self._overlay_head:
            return False
        self._overlay.write(packet)
        return True

    def masks(self, line: Mapping[str, Any], moment: int) -> None:
        """Add a frame's masks at a moment of the recorder's clock."""
        if self._masks is not None and moment >= self.start:
            self._masks.write(line, moment - self.start)

    def end_clean(self, moment: int) -> None:
        """No picture follows; what the tracker has not told yet may."""
        self.end = moment
        self._clean.close()

    def close(self) -> None:
        """Nothing follows."""
        if self._masks is not None:
            self._masks.close()
        try:
            self._clean.close()
        finally:
            if self._overlay is not None:
                self._overlay.close()

    def abandon(self) -> None:
        """Leave the files as they are; but an overlay of which nothing can be played goes."""
        if self._masks is not None:
            self._masks.close()
        self._clean.abandon()
        if self._overlay is not None:
            self._overlay.abandon()
            if not self._overlay.num_fragments:
                path = self._folder / film_file(self.name, "overlay")
                self._grew(-path.stat().st_size)
                path.unlink()
