"""Packets of one video stream in, judged pictures out."""

from __future__ import annotations

import time
from collections import deque
from fractions import Fraction
from typing import Any

import av.error

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import SourceConfig
from streamtrack.frame import Image
from streamtrack.ingest.coded_pictures import CodedPicture, picture_reader
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.damage import DamageRecord, PictureNumbers, VerdictQueue
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped
from streamtrack.ingest.display import Display
from streamtrack.ingest.picture_times import PictureTimes
from streamtrack.ingest.roll_call import CodedPlace, RollCall
from streamtrack.ingest.source import SourceSpec
from streamtrack.ingest.tap import NO_TAPS, Taps
from streamtrack.ingest.torn_pictures import TornPictures

MAX_CORRUPT_RUN = 100
"""Damaged packets in a row before a recording is given up: a codec that changed never heals by itself."""
MAX_KEYFRAME_WAIT = 300
"""Packets after which we go on without a first keyframe: cameras with a rolling refresh never send one."""
KEYFRAME_WAIT_NS = 15 * NS_PER_S
"""And the time after which we do."""


class PictureDecoder:
    """Decodes one playback of a stream; the thread that made it calls it."""

    def __init__(
        self,
        stream: Any,
        spec: SourceSpec,
        config: SourceConfig,
        times: PictureTimes,
        taps: Taps = NO_TAPS,
    ) -> None:
        self._stream, self._codec = stream, stream.codec_context
        self._spec, self._config, self._times, self._taps = spec, config, times, taps
        self._display = Display(config.max_width_px)
        self._reader = picture_reader(self._codec.name, self._codec.extradata, verify=config.verify_pictures)
        self._record, self._queue = DamageRecord(), VerdictQueue[Any]()
        self._torn = TornPictures()
        self._opening_aspect: Fraction | None = self._codec.sample_aspect_ratio
        self._container_aspect: Fraction | None = stream.sample_aspect_ratio
        self._missing: list[CodedPlace] = []
        self._last_image: Image | None = None
        self._places_before_first: list[int] = []
        self._number = 0
        self._numbers, self._roll = PictureNumbers(), RollCall()
        self._wait_for_keyframe, self._packets_waited = True, 0
        self._corrupt_run, self._needs_washing = 0, False
        self._withheld_since_ns: int | None = None
        self._opened_ns = time.monotonic_ns()
        self.outcomes: deque[Picture | Skipped | EndOfStream] = deque()
        """What became of the packets, oldest first; the caller takes them out."""
        self.alive_ns = self._opened_ns
        """Monotonic time of the newest packet that was not damaged itself."""

    def take(self, packet: Any) -> None:
        """Turn one packet into outcomes; an empty packet flushes the decoder."""
        if packet.size:
            for whole, coded in self._torn.take(packet, self._reader.read(packet)):
                self._decode(whole, coded)
            return
        for whole, coded in self._torn.flush():
            self._decode(whole, coded)
        self._flush()

    def _decode(self, packet: Any, coded: CodedPicture) -> None:
        """Decode one picture, with all that is known of its damage."""
        now_ns = time.monotonic_ns()
        if coded.is_picture and not packet.is_corrupt:
            self._taps.packet(packet, is_keyframe=coded.is_keyframe)
        number, self._number = self._number, self._number + 1
        if self._wait_for_keyframe and not self._may_begin(number, coded, now_ns):
            self.outcomes.append(Skipped("before_keyframe"))
            return
        self._record.coded(
            number,
            keyframe=coded.is_keyframe,
            reference=coded.is_reference,
            recovery_frames=coded.recovery_frames,
        )
        if coded.misses_reference:
            self._record.lost_before(number, now_ns)
        if coded.is_reference:
            self._queue.coded(number)
        self._numbers.remember(packet, number)
        if coded.must_come_out and not packet.is_discard and not self._times.decode_stamps_only:
            self._roll.coded(number, packet.pts, packet.dts)
        if self._needs_washing and coded.is_fresh_start:
            self._wash(packet, number, now_ns)
        frames, is_decoded = self._decoded(packet)
        if not is_decoded:
            self._hit(number, now_ns)
            self._queue.judged(number)
            if coded.is_picture:
                self._roll.left(packet.pts)
                self._lose(number, packet.pts, packet.dts)
        for damaged in self._reader.damaged(number, packet):
            self._record.damaged(damaged, now_ns)
        self._show(frames, number, now_ns)
        if not self._record.is_hit(number):
            self.alive_ns, self._corrupt_run = now_ns, 0

    def _may_begin(self, number: int, coded: CodedPicture, now_ns: int) -> bool:
        """Whether decoding begins with this picture."""
        self._packets_waited += 1
        waited_long = now_ns - self._opened_ns > KEYFRAME_WAIT_NS and self._spec.live
        if not (coded.is_keyframe or self._packets_waited > MAX_KEYFRAME_WAIT or waited_long):
            self.alive_ns = now_ns
            return False
        if not coded.is_keyframe:
            self._record.lost_before(number, now_ns)
        self._wait_for_keyframe = False
        return True

    def _decoded(self, packet: Any) -> tuple[list[Any], bool]:
        """The frames that come out, and whether the packet was decoded at all."""
        if packet.is_corrupt:
            return [], False
        try:
            return self._codec.decode(packet), True
        except av.error.EOFError:
            return [], True
        except (av.error.FFmpegError, ValueError):
            return [], False

    def _wash(self, packet: Any, number: int, now_ns: int) -> None:
        """Decode a keyframe once for nothing.

        FFmpeg's H.264 leaves coefficients of a block that it gave up where the next block, which may be the
        first of a sound keyframe, adds them to its own.
        """
        self._needs_washing = False
        self._show(self._drained(), number, now_ns)
        self._codec.flush_buffers()
        self._decoded(packet)
        self._drained()
        self._codec.flush_buffers()

    def _drained(self) -> list[Any]:
        """All that the decoder holds back."""
        try:
            frames: list[Any] = self._codec.decode(None)
        except (av.error.FFmpegError, ValueError):
            return []
        return frames

    def _flush(self) -> None:
        """Let the decoder give what it holds."""
        self._show(self._drained(), self._number, time.monotonic_ns(), everything=True)
        for missing in self._roll.absent():
            self._lose(missing.number, missing.pts, missing.dts)
        for missing in sorted(self._missing, key=lambda m: -1 if m.pts is None else m.pts):
            self._fill(missing)
        self._missing.clear()

    def _show(self, frames: list[Any], number: int, now_ns: int, *, everything: bool = False) -> None:
        """Queue what came out, and deliver what need not wait."""
        for frame in frames:
            own_number = self._numbers.of(frame, number)
            if self._roll.is_late(frame.pts):
                # Its place was filled; shown now, it would stand among later ones.
                continue
            for missing in self._roll.shown(frame.pts, self._times.time_base):
                self._hit(missing.number, now_ns)
                self._queue.judged(missing.number)
                self._lose(missing.number, missing.pts, missing.dts)
            is_known = self._reader.flags_spread and not self._record.is_sound(own_number, now_ns)
            if frame.is_corrupt and not is_known:
                self._hit(own_number, now_ns)
            self._queue.shown(own_number, frame)
        for own_number, frame in self._queue.release(everything=everything):
            self._deliver(own_number, frame, now_ns)

    def _hit(self, number: int, now_ns: int) -> None:
        """A coded picture turned out to be damaged."""
        self._record.damaged(number, now_ns)
        self._needs_washing = True
        self._corrupt_run += 1
        if self._corrupt_run > MAX_CORRUPT_RUN and not self._spec.live:
            raise lost_error(f"{self._corrupt_run} damaged packets in a row", self._spec)

    def _deliver(self, number: int, frame: Any, now_ns: int) -> None:
        """Make outcomes of a frame that is judged."""
        self._fill_before(frame)
        pts = self._times.stamp(frame.pts, frame.dts)
        if self._record.is_sound(number, now_ns):
            self._withheld_since_ns = None
            self._put(frame, pts, damaged=False)
            return
        if self._withheld_since_ns is None:
            self._withheld_since_ns = now_ns
        waited_ms = (now_ns - self._withheld_since_ns) / NS_PER_MS
        gave_up = self._spec.live and waited_ms > self._config.damage_wait_ms
        if self._config.after_damage == "mark" or gave_up:
            self._put(frame, pts, damaged=True)
            return
        self.outcomes.append(Skipped("corrupt" if self._record.is_hit(number) else "after_damage"))
        self._stand_in(pts)

    def _put(self, frame: Any, pts: int, *, damaged: bool) -> None:
        image = self._display.show(frame, self._sample_aspect())
        self._last_image = None if self._spec.live else image
        for place in self._places_before_first:
            self._stand_in(place)
        self._places_before_first.clear()
        stepped_back_s = self._times.stepped_back_s
        self.outcomes.append(
            Picture(
                image,
                pts,
                self._times.time_base,
                damaged=damaged,
                stepped_back_s=stepped_back_s,
                packet_pts=frame.pts,
            )
        )

    def _sample_aspect(self) -> Fraction | None:
        """What the stream says now, where it changed since the container told."""
        aspect: Fraction | None = self._codec.sample_aspect_ratio
        return aspect if aspect and aspect != self._opening_aspect else self._container_aspect

    def _lose(self, number: int, pts: int | None, dts: int | None) -> None:
        """Count a picture that could not be decoded, and remember its place in a recording."""
        self.outcomes.append(Skipped("corrupt"))
        if not self._spec.live:
            self._missing.append(CodedPlace(number, pts, dts))

    def _fill_before(self, frame: Any) -> None:
        """Fill the places of pictures that were lost before this one, so that the rest keep their numbers."""
        if frame.pts is not None:
            # One that failed and came out all the same is not missing.
            self._missing = [missing for missing in self._missing if missing.pts != frame.pts]
        while self._missing:
            missing = min(self._missing, key=lambda m: -1 if m.pts is None else m.pts)
            if missing.pts is not None and frame.pts is not None and missing.pts >= frame.pts:
                return
            self._missing.remove(missing)
            self._fill(missing)

    def _fill(self, missing: CodedPlace) -> None:
        self._stand_in(self._times.stamp(missing.pts, missing.dts))

    def _stand_in(self, pts: int) -> None:
        """Show a recording's last picture, marked, where one is missing; at its beginning the next one."""
        if self._spec.live:
            return
        if self._last_image is None:
            self._places_before_first.append(pts)
            return
        self.outcomes.append(Picture(self._last_image, pts, self._times.time_base, damaged=True))
