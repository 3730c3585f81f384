"""One stream's recorder: a tap of its source, a consumer of its results, and a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.config import RecordingConfig
from streamtrack.errors import PublishError
from streamtrack.frame import Event, Frame, Update
from streamtrack.ingest.tap import CodedStream
from streamtrack.mailbox import MailboxClosed
from streamtrack.recording.coded_film import EncodedFilm, FilmPiece, PacketFilm, ticks_of, why_encode
from streamtrack.recording.film_clock import FilmClock
from streamtrack.recording.film_packet import TICKS_PER_S, FilmPacket, FrameKey
from streamtrack.recording.frame_keys import FrameKeys
from streamtrack.recording.frame_notes import FrameNotes, Overlay
from streamtrack.recording.recorder import Recorder
from streamtrack.recording.recorder_queue import Item, ItemKind, RecorderQueue
from streamtrack.recording.shelf import Shelf
from streamtrack.telemetry import StreamTelemetry

IDLE_S = 0.5
STOP_TIMEOUT_S = 1.0
KEYFRAME_S = 2
"""Between two keyframes of what is encoded here."""
LATE, MASKS_LATE, FAILED = "recording_late", "recording_masks_late", "recording_failed"
"""Drops, as they are counted: pictures, masks, and what an error cost."""
MAX_UNTIMED = 25
"""Packets of one opening without a time, after which no more are waited for."""
NO_PACKETS = "the source has no packets"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """A recorder at one moment."""

    mode: str
    """off, continuous or events."""
    is_recording: bool = False
    """Whether a recording is being written."""
    clean: str = ""
    """`packets`: the camera's own; else `encoded: ` and why. Empty before the first picture."""
    trouble: str | None = None
    """Why nothing is recorded, in one line; null where nothing hinders it."""


class StreamRecorder:
    """Fulfils `SourceTap` and `Consumer`. What it is given it only leaves for its thread."""

    name = "recording"

    def __init__(
        self,
        stream: str,
        config: RecordingConfig,
        shelf: Shelf,
        telemetry: StreamTelemetry,
        clock: Clock,
        *,
        tell: Callable[[Event], None],
        overlay: Overlay | None = None,
        is_cropped: bool = False,
    ) -> None:
        """
        Args:
            tell: given what the stream should tell.
            overlay: draws the annotated film; None: there is none.
            is_cropped: the tracked pictures are a part of the camera's.
        """
        self._stream = stream
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._is_cropped = is_cropped
        self._queue = RecorderQueue()
        self._keys = FrameKeys()
        self._notes = FrameNotes(config)
        self._overlay = overlay
        self._film: PacketFilm | None = None
        self._next_keyframe_ns: int | None = None
        self._untimed, self._is_torn = 0, False
        self._clean = ""
        self._told_why: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"recording-{stream}", daemon=True)
        # The rest belongs to the thread.
        self._recorder = Recorder(stream, config, shelf, clock, tell)
        self._film_clock = FilmClock()
        self._encoded: EncodedFilm | None = None
        self._head = b""
        self._failed_ns: int | None = None

    def status(self) -> RecorderStatus:
        """The recorder at this moment; any thread."""
        recorder = self._recorder
        return RecorderStatus(self._config.mode, recorder.is_recording, self._clean, recorder.trouble)

    # -- the source's thread ---------------------------------------------------------------------------

    def opened(self) -> None:
        """The source is about to be opened."""
        if self._thread.ident is None:
            self._thread.start()
        self._film, self._next_keyframe_ns = None, None
        self._untimed, self._is_torn = 0, False
        self._keys.open_run(self._clock.monotonic_ns())
        self._put(Item(self._restart))

    def ended(self) -> None:
        """The source is closed: the film is complete."""
        self._put(Item(self._restart))

    def coded(self, stream: CodedStream) -> None:
        """It delivers packets: the film's own, where they fit."""
        why = why_encode(stream, is_cropped=self._is_cropped)
        try:
            self._film = PacketFilm(stream) if why is None else None
        except PublishError as error:
            why = str(error)
        if self._film is None:
            self._tell_encoding(why or NO_PACKETS)
            return
        self._clean = "packets"
        self._keys.use_packets(True)

    def packet(self, packet: Any, *, is_keyframe: bool) -> None:
        """One picture of the camera's."""
        film = self._film
        if film is None:
            return
        if packet.pts is None:
            self._pass_over_untimed()
            return
        self._is_torn = self._is_torn and not is_keyframe
        if self._is_torn:
            return
        key = (self._keys.run.number, packet.pts)
        if is_keyframe:
            self._keys.note_keyframe(key)
        data, wall_ms = bytes(packet), self._clock.wall_ns() // NS_PER_MS
        times = (film.ticks(packet.pts), film.ticks(packet.dts))
        add = partial(self._add_packet, film, data, times, is_keyframe, wall_ms, key)
        kind = ItemKind.KEYFRAME if is_keyframe else ItemKind.PICTURE
        self._put(Item(add, kind, num_bytes=len(data)), LATE)

    def frame(self, frame: Frame) -> None:
        """One picture, decoded; taken where there are no packets."""
        if self._film is not None:
            return
        if not self._clean:
            self._tell_encoding(NO_PACKETS)
        key = (self._keys.run.number, frame.seq)
        now_ns = self._clock.monotonic_ns()
        is_due = self._next_keyframe_ns is None or now_ns >= self._next_keyframe_ns
        add = partial(self._add_frame, frame, key, is_due)
        if self._put(Item(add, ItemKind.FRAME, num_bytes=frame.image.nbytes), LATE) and is_due:
            self._next_keyframe_ns = now_ns + KEYFRAME_S * NS_PER_S
            self._keys.note_keyframe(key)

    def _pass_over_untimed(self) -> None:
        """Leave a packet without a time out, and what may be built on it: cameras begin with some."""
        self._is_torn = True
        self._untimed += 1
        if self._untimed > MAX_UNTIMED:
            self._film = None
            self._keys.use_packets(False)
            self._tell_encoding("its packets tell no times")

    def _tell_encoding(self, why: str) -> None:
        self._clean = f"encoded: {why}"
        if why != self._told_why:
            self._told_why = why
            self._telemetry.fell_back("recording_encodes")
            level = logging.INFO if why == NO_PACKETS else logging.WARNING
            logger.log(level, "stream %s: the clean film is encoded here: %s", self._stream, why)

    # -- the consumer's thread -------------------------------------------------------------------------

    def take(self, update: Update) -> None:
        """Leave a frame's masks, its overlay and what happened."""
        result = update.result
        key = None if result is None else self._keys.key_of(result.frame)
        if result is not None and key is not None:
            self._notes.remember(result.frame_idx, key)
            if self._config.masks:
                line = self._notes.line(update, result)
                self._put(Item(partial(self._recorder.masks, line, key), ItemKind.ASIDE), MASKS_LATE)
            if self._overlay is not None and not update.revises:
                piece = self._overlay.piece(result, keyframe=self._keys.passed_keyframe(key))
                self._put_overlay(piece, result.frame, key)
        for event in update.events:
            if self._notes.starts_recording(event, result):
                self._put(Item(partial(self._recorder.happened, self._notes.key_at(event.frame_idx))))

    def _put_overlay(self, piece: FilmPiece, frame: Frame, key: FrameKey) -> None:
        moment = frame.capture_monotonic_ns * TICKS_PER_S // NS_PER_S
        wall_ms = frame.capture_wall_ns // NS_PER_MS
        packet = FilmPacket(piece.data, moment, moment, piece.is_keyframe, wall_ms)
        add = partial(self._recorder.overlay, packet, key, piece.head)
        kind = ItemKind.KEYFRAME if piece.is_keyframe else ItemKind.PICTURE
        self._put(Item(add, kind, lane="overlay", num_bytes=len(piece.data)), LATE)

    def close(self) -> None:
        """The stream ends: the files are completed, within STOP_TIMEOUT_S or by a thread left behind."""
        self._queue.close()
        if self._overlay is not None:
            self._overlay.close()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def _put(self, item: Item, reason: str = LATE) -> bool:
        taken = self._queue.put(item)
        if not taken:
            self._telemetry.dropped(reason)
        return taken

    # -- the recorder's thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(IDLE_S)
            except MailboxClosed:
                break
            self._guarded(self._recorder.idle if item is None else item.do)
        self._guarded(self._recorder.close)
        self._restart()

    def _guarded(self, do: Callable[[], None]) -> None:
        """Outlive what one item raises: the next recording begins anew."""
        try:
            do()
        except Exception as error:  # whatever it was, the stream and later recordings go on
            self._telemetry.dropped(FAILED)
            now_ns = self._clock.monotonic_ns()
            if self._failed_ns is None or now_ns - self._failed_ns > NS_PER_S:
                self._failed_ns = now_ns
                logger.error("stream %s: recording: %s: %s", self._stream, type(error).__name__, error)
                logger.debug("stream %s", self._stream, exc_info=error)
            self._film_clock.restart()

    def _restart(self) -> None:
        """What follows is another opening of the source."""
        self._film_clock.restart()
        self._recorder.end_film()
        if self._encoded is not None:
            self._encoded.close()
            self._encoded = None

    def _add_packet(
        self,
        film: PacketFilm,
        data: bytes,
        times: tuple[int | None, int | None],
        is_keyframe: bool,
        wall_ms: int,
        key: FrameKey,
    ) -> None:
        piece = film.piece(data, is_keyframe=is_keyframe)
        if piece is not None:
            self._add(piece, times, wall_ms, key)

    def _add_frame(self, frame: Frame, key: FrameKey, is_keyframe: bool) -> None:
        """Encode a frame, by the source's own times where it tells some."""
        if self._encoded is None:
            self._encoded = EncodedFilm(self._config.bitrate_kbps, max_fps=30)
        time = frame.capture_monotonic_ns * TICKS_PER_S // NS_PER_S
        if frame.pts is not None:
            time = ticks_of(frame.pts, frame.time_base)
        piece = self._encoded.piece(frame.image, time, keyframe=is_keyframe)
        self._add(piece, (time, time), frame.capture_wall_ns // NS_PER_MS, key)

    def _add(
        self,
        piece: FilmPiece,
        times: tuple[int | None, int | None],
        wall_ms: int,
        key: FrameKey,
    ) -> None:
        placed = self._film_clock.place(*times, wall_ms)
        if placed is None:
            return
        if placed.is_new_run or piece.head != self._head:
            self._head = piece.head
            self._recorder.begin_kind(piece.head)
        self._recorder.picture(
            FilmPacket(piece.data, placed.pts, placed.dts, piece.is_keyframe, wall_ms), key
        )
        self._recorder.idle()
