"""What one stream's recorder decides: when a recording begins and ends, and what goes into it. One thread;
packets, masks and events in, files out."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.config import RecordingConfig
from streamtrack.frame import Event, EventKind
from streamtrack.recording.film_packet import TICKS_PER_S, FilmPacket, FrameKey
from streamtrack.recording.names import recording_name
from streamtrack.recording.recording_files import RecordingFiles
from streamtrack.recording.reel import Reel, TimedItems
from streamtrack.recording.shelf import Shelf

TIMES_KEPT = 4_096
"""Frames whose moment is known: minutes, longer than any step takes."""
LATE_S = 10
"""How long after its frame an event may be told, and still gets its whole pre-roll."""
RETRY_NS = 3 * NS_PER_S
"""How long a disk that refused is left alone."""
SILENT_NS = 10 * NS_PER_S
"""A film that gets no picture for so long is complete."""
MASKS_NS = 3 * NS_PER_S
"""The masks of a film that is complete have come after so long."""
TIDY_NS = 60 * NS_PER_S

logger = logging.getLogger(__name__)


class Recorder:
    """The recordings of one stream."""

    def __init__(
        self,
        stream: str,
        config: RecordingConfig,
        shelf: Shelf,
        clock: Clock,
        tell: Callable[[Event], None],
    ) -> None:
        """`tell` is given what others should know: that recording stops, and that it goes on."""
        self._stream = stream
        self._config = config
        self._shelf = shelf
        self._clock = clock
        self._tell = tell
        self._by_event = config.mode == "events"
        reel_ticks = int((config.pre_roll_s + LATE_S) * TICKS_PER_S)
        self._clean_reel, self._overlay_reel = Reel(reel_ticks), Reel(reel_ticks)
        self._masks_reel: TimedItems[tuple[int, dict[str, Any]]] = TimedItems(reel_ticks, _line_bytes)
        self._times: OrderedDict[FrameKey, tuple[int, int]] = OrderedDict()
        """Of each frame: when it is shown, and when it is decoded, by which it belongs to a recording."""
        self._head: bytes | None = None
        self._overlay_head = b""
        self._overlay_moment = -1
        self._newest = 0
        self._until = -1
        """With `mode: events`: the moment up to which something is to be recorded."""
        self._not_before = 0
        """Up to here everything is in a recording."""
        self._current: RecordingFiles | None = None
        self._previous: RecordingFiles | None = None
        """One whose pictures are complete, and whose masks may still come."""
        self._roll_wanted = False
        self._picture_ns = self._tidied_ns = clock.monotonic_ns()
        self._halted_ns: int | None = None
        self.trouble: str | None = None
        """Why nothing is recorded; None where nothing hinders it."""

    @property
    def is_recording(self) -> bool:
        """Whether a recording is being written."""
        return self._current is not None

    # -- what comes in ---------------------------------------------------------------------------------

    def begin_kind(self, head: bytes) -> None:
        """Pictures of another kind follow: another codec, size, or opening of the source."""
        self.end_film()
        self._head = head
        self._clean_reel.clear()

    def end_film(self) -> None:
        """No picture follows those that came; masks may."""
        self._end_current(self._newest + 1)

    def picture(self, packet: FilmPacket, key: FrameKey) -> None:
        """A picture of the clean film."""
        self._newest = packet.dts
        self._picture_ns = self._clock.monotonic_ns()
        self._times[key] = packet.pts, packet.dts
        if len(self._times) > TIMES_KEPT:
            self._times.popitem(last=False)
        if self._by_event:
            self._clean_reel.add(packet)
        if self._current is not None and packet.is_keyframe and self._is_over(self._current, packet.dts):
            self._end_current(packet.dts)
        if self._current is not None:
            self._write(lambda files: files.picture(packet))
        elif packet.is_keyframe and (not self._by_event or packet.dts <= self._until):
            self._begin([packet])

    def overlay(self, packet: FilmPacket, key: FrameKey, head: bytes) -> None:
        """A picture of the overlay, shown when its frame is; right after the one before where that is not
        known."""
        shown, decoded = self._times.get(key, (self._overlay_moment + 1, self._overlay_moment + 1))
        moment = max(shown, self._overlay_moment + 1)
        self._overlay_moment, self._overlay_head = moment, head
        placed = FilmPacket(packet.data, moment, moment, packet.is_keyframe, packet.wall_ms)
        files = self._files_at(decoded)
        if files is not None:
            self._write(lambda files: self._add_overlay(files, placed, head), files)
        elif self._by_event:
            self._overlay_reel.add(placed)

    def masks(self, line: dict[str, Any], key: FrameKey) -> None:
        """A frame's masks; those of a frame that is in no film are let go."""
        if key not in self._times:
            return
        shown, decoded = self._times[key]
        files = self._files_at(decoded)
        if files is not None:
            self._write(lambda files: files.masks(line, shown), files)
        elif self._by_event:
            self._masks_reel.add(decoded, (shown, line))

    def happened(self, key: FrameKey | None) -> None:
        """An event that is to be kept, on a frame; None: now."""
        moment = self._newest
        if key is not None and key in self._times:
            _, moment = self._times[key]
        self._until = max(self._until, moment + int(self._config.post_roll_s * TICKS_PER_S))
        if self._current is None and self._by_event:
            since = max(moment - int(self._config.pre_roll_s * TICKS_PER_S), self._not_before)
            self._begin(self._clean_reel.since(since))

    def idle(self) -> None:
        """Called now and then: what waits for time alone."""
        now_ns = self._clock.monotonic_ns()
        silent_ns = now_ns - self._picture_ns
        if silent_ns > SILENT_NS:
            self.end_film()
        if silent_ns > SILENT_NS or (silent_ns > MASKS_NS and self._current is None):
            self._settle()
        if now_ns - self._tidied_ns > TIDY_NS:
            self._tidied_ns = now_ns
            self._shelf.make_room()

    def close(self) -> None:
        """Nothing follows."""
        self.end_film()
        self._settle()

    # -- recordings ------------------------------------------------------------------------------------

    def _is_over(self, files: RecordingFiles, moment: int) -> bool:
        is_long = moment - files.start >= self._config.segment_s * TICKS_PER_S
        return is_long or self._roll_wanted or (self._by_event and moment > self._until)

    def _begin(self, packets: Sequence[FilmPacket]) -> None:
        """A new recording that begins with these; nothing where the disk refused a moment ago."""
        if not packets or self._head is None or self._is_halted():
            return
        first, wall_ms = packets[0], packets[0].wall_ms
        while self._shelf.has(name := recording_name(self._stream, wall_ms)):
            wall_ms += 1
        try:
            folder = self._shelf.begin(self._stream, name)
            self._current = RecordingFiles(
                folder,
                name,
                self._stream,
                self._head,
                first,
                lambda num_bytes: self._shelf.grew(name, num_bytes),
                masks=self._config.masks,
            )
        except OSError as error:
            self._shelf.end(name)
            self._halt(error)
            return
        self._roll_wanted = False
        self._write(lambda files: self._fill(files, packets))

    def _fill(self, files: RecordingFiles, packets: Sequence[FilmPacket]) -> None:
        """What was kept in memory."""
        for packet in packets:
            files.picture(packet)
        for packet in self._overlay_reel.since(files.start):
            if packet.dts >= files.start:
                self._add_overlay(files, packet, self._overlay_head)
        self._overlay_reel.clear()
        for _, (shown, line) in self._masks_reel.take_since(files.start):
            files.masks(line, shown)

    def _add_overlay(self, files: RecordingFiles, packet: FilmPacket, head: bytes) -> None:
        self._roll_wanted |= not files.overlay(packet, head)

    def _files_at(self, moment: int) -> RecordingFiles | None:
        """The recording that a moment is in."""
        previous = self._previous
        if previous is not None and previous.end is not None and moment >= previous.end:
            self._settle()  # its masks have all come
        if self._current is not None and moment >= self._current.start:
            return self._current
        if self._previous is not None and moment >= self._previous.start:
            return self._previous
        return None

    def _end_current(self, moment: int) -> None:
        files = self._current
        if files is None:
            return
        self._settle()
        self._current, self._previous, self._not_before = None, files, moment
        self._write(lambda files: files.end_clean(moment), files)

    def _settle(self) -> None:
        files, self._previous = self._previous, None
        if files is not None:
            self._write(lambda files: files.close(), files)
            self._shelf.end(files.name)

    # -- the disk --------------------------------------------------------------------------------------

    def _write(self, write: Callable[[RecordingFiles], None], files: RecordingFiles | None = None) -> None:
        """Do something with a recording's files; all of them end where the disk refuses."""
        files = files or self._current
        if files is None:
            return
        try:
            write(files)
        except OSError as error:
            self._halt(error)
            return
        if self.trouble is not None and files is self._current and files.has_fragment:
            self.trouble = None
            logger.info("stream %s: recording goes on", self._stream)
            self._tell(Event(EventKind.RECORDING_RESUMED, -1))

    def _is_halted(self) -> bool:
        return self._halted_ns is not None and self._clock.monotonic_ns() - self._halted_ns < RETRY_NS

    def _halt(self, error: OSError) -> None:
        for files in (self._current, self._previous):
            if files is not None:
                self._abandon(files)
        self._current = self._previous = None
        self._not_before = self._newest + 1
        self._halted_ns = self._clock.monotonic_ns()
        is_news, self.trouble = self.trouble is None, error.strerror or str(error)
        if is_news:
            logger.error("stream %s: recording stops: %s; tried again", self._stream, self.trouble)
            detail = {"reason": self.trouble}
            self._tell(Event(EventKind.RECORDING_STOPPED, -1, None, detail))

    def _abandon(self, files: RecordingFiles) -> None:
        """Leave what can be played of a recording; where that is nothing, there is none."""
        try:
            files.abandon()
        except OSError as error:
            logger.warning("recording %s: %s", files.name, error.strerror)
        self._shelf.end(files.name)
        if not files.has_fragment and self._shelf.has(files.name):
            self._shelf.remove(self._stream, files.name)


def _line_bytes(item: tuple[int, dict[str, Any]]) -> int:
    _, line = item
    return 200 + sum(160 + len(one["rle"]["counts"]) for one in line["objects"])
