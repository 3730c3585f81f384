"""The thread that owns a source: it opens, reads, stamps, paces, hands over, and comes back after a loss."""

from __future__ import annotations

import logging
import random
import threading

from streamtrack.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceRefusedError
from streamtrack.frame import Frame, SourceNotice
from streamtrack.ingest.backoff import backoff_delay_ms
from streamtrack.ingest.crop import crop_picture
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped
from streamtrack.ingest.gap_mark import GapMark
from streamtrack.ingest.notices import SourceWatch
from streamtrack.ingest.open_decoder import prepare_source
from streamtrack.ingest.pacing import MediaTime, Pacer
from streamtrack.ingest.retry_wait import RetryWait
from streamtrack.ingest.source_gate import Gate
from streamtrack.ingest.source_status import SourceState, SourceStatus
from streamtrack.ingest.tap import NO_TAPS, Taps
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import StreamTelemetry

ROOM_POLL_S = 0.2
"""How often a source that waits for room in the mailbox looks whether it shall stop."""

DAMAGE_REASONS = frozenset({"corrupt", "after_damage"})
REPLAY_JOIN_S = 2.0
"""How long a replay waits for the thread of the last one, which has nothing left to do but to close."""

logger = logging.getLogger(__name__)


class Ingest:
    """Delivers the frames of one source into a mailbox, from a thread of its own."""

    def __init__(
        self,
        config: SourceConfig,
        mailbox: Mailbox[Frame],
        telemetry: StreamTelemetry,
        clock: Clock = SYSTEM_CLOCK,
        gate: Gate | None = None,
        taps: Taps = NO_TAPS,
    ) -> None:
        """Check the source without starting; `gate` is asked before each connection, `taps` are told of
        packets and frames.

        Raises:
            SourceError: it can never work: unknown scheme, missing file, not a video; it may not be opened.
        """
        self._config = config
        self._mailbox = mailbox
        self._telemetry = telemetry
        self._clock = clock
        self._taps = taps
        self.spec, self.scene, self._decoder = prepare_source(config, gate=gate, taps=taps)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._status = SourceStatus()
        self._retry_wait = RetryWait(clock, self._stopping)
        # The rest belongs to the thread.
        self._random = random.Random()
        self._watch = SourceWatch(config.frozen_after_ms if self.spec.live else 0)
        self._seq = 0
        self._failures = 0
        self._connected_ns = 0
        self._gap = GapMark()

    @property
    def state(self) -> SourceState:
        """What the source does at this moment; any thread may ask."""
        return self._status.state

    @property
    def last_error(self) -> str | None:
        """The newest trouble in one line, without credentials; None once frames come (again)."""
        return self._status.last_error

    @property
    def frames_delivered(self) -> int:
        """Frames decoded so far, across reconnects: the `seq` of the next one."""
        return self._seq

    @property
    def next_try_in_s(self) -> float | None:
        """Seconds until an offline source is tried again, in tenths; None where no try is planned."""
        return self._retry_wait.left_s

    def retry_now(self) -> None:
        """Try an offline source at once; without effect on any other. Any thread may ask."""
        self._retry_wait.end()

    def take_notices(self) -> tuple[SourceNotice, ...]:
        """What was noticed of a live source since the last call, oldest first; any thread may ask."""
        return self._watch.take()

    def start(self) -> None:
        """Start the thread and return at once. Once in a lifetime."""
        if self._thread is not None:
            raise RuntimeError("this Ingest was started before")
        self._start_thread()

    def replay(self) -> None:
        """Play a recording that has ended once more: the mailbox opens again, the first frame has a gap.

        Raises:
            SourceError: it has not ended.
        """
        if self._stopping.is_set():
            raise SourceError(
                f"source {self.spec.redacted_url} is stopped, expected a recording that has ended"
            )
        self._status.begin_again(self.spec.redacted_url)
        if self._thread is not None:
            self._thread.join(REPLAY_JOIN_S)
        self._gap.set()
        self._mailbox.reopen()
        self._start_thread()

    def _start_thread(self) -> None:
        self._telemetry.set_online(False)
        # A daemon, so that a FFmpeg that hangs in a call cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"ingest-{self._telemetry.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop and wait for the thread, `timeout_s` at most. Does nothing the second time.

        A thread that sits in a call of FFmpeg cannot be interrupted, and its container must not be closed
        under it: it is left behind, and closes the container itself as soon as the call's own time limit lets
        it go.
        """
        self._stopping.set()
        self._retry_wait.end()
        self._mailbox.close()
        self._finish(SourceState.STOPPED)
        if self._thread is None:
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._telemetry.fell_back("ingest_left_behind")
            logger.warning("%s: still in a call to FFmpeg, which ends by its own time limit", self._name)

    @property
    def _name(self) -> str:
        return f"stream {self._telemetry.name}, source {self.spec.redacted_url}"

    def _run(self) -> None:
        try:
            self._deliver_until_final()
        except Exception as error:  # whatever it was, the stream must learn that no frame will come
            logger.exception("%s: failed", self._name)
            self._finish(SourceState.FAILED, f"{type(error).__name__} in the ingest thread, see the log")
        finally:
            self._decoder.close()
            self._taps.ended()
            self._telemetry.set_online(False)
            self._mailbox.close()

    def _deliver_until_final(self) -> None:
        while not self._stopping.is_set():
            seq_before = self._seq
            try:
                self._deliver_once()
            except SourceError as error:
                self._decoder.close()
                if not self.spec.live:
                    self._finish(SourceState.FAILED, str(error))
                    return
                # Of a live source even a stream without video may pass: a camera that boots, a server without
                # input.
                self._wait_before_retry(error)
                continue
            if self._stopping.is_set():
                return
            if self._seq == seq_before:
                self._finish(
                    SourceState.FAILED, f"source {self.spec.redacted_url}: no picture can be decoded"
                )
                return
            if not self._config.loop:
                self._finish(SourceState.ENDED)
                return
            self._gap.set()

    def _deliver_once(self) -> None:
        """Open the source and deliver until a recording ends or we shall stop."""
        self._taps.opened()
        info = self._decoder.open()
        logger.info("%s: %s, %dx%d", self._name, info.codec, info.width_px, info.height_px)
        self._watch.connected()
        self._connected_ns = self._clock.monotonic_ns()
        pacer = Pacer() if info.needs_pacing and self.spec.pace == "newest" else None
        media_time = MediaTime(info.fps)
        while not self._stopping.is_set():
            outcome = self._decoder.read()
            if isinstance(outcome, EndOfStream):
                return
            if isinstance(outcome, Skipped):
                self._skip(outcome)
                continue
            outcome = crop_picture(outcome, self._config.crop, self.spec.redacted_url)
            if pacer is not None:
                wait_ns = pacer.wait_ns(media_time.of(outcome), self._clock.monotonic_ns())
                self._stopping.wait(wait_ns / NS_PER_S)
            self._deliver(outcome)

    def _skip(self, skipped: Skipped) -> None:
        """Count what was left out, and tell of damage."""
        if not skipped.count:
            return
        self._telemetry.dropped(skipped.reason, skipped.count)
        if skipped.reason == "before_keyframe" and self.state is not SourceState.ONLINE:
            self._tell_no_keyframe()
        if self.spec.live and skipped.reason in DAMAGE_REASONS:
            self._watch.skipped(skipped.count, self._clock.monotonic_ns())

    def _tell_no_keyframe(self) -> None:
        """Say why a camera that sends pictures shows none; after a while it counts as lost."""
        why = f"source {self.spec.redacted_url}: connected, and no keyframe came yet"
        waited_ms = (self._clock.monotonic_ns() - self._connected_ns) / NS_PER_MS
        if waited_ms < self._config.read_timeout_ms:
            self._status.note(why)
        elif self._status.go_offline(why):
            logger.warning("stream %s: %s", self._telemetry.name, why)

    def _deliver(self, picture: Picture) -> None:
        """Stamp a picture and hand it over."""
        if picture.damaged:
            self._telemetry.fell_back("damaged_picture_shown")
        if self.spec.live:
            self._watch.picture(picture, self._clock.monotonic_ns())
        last_was_taken = self.spec.pace == "every_frame" or self._mailbox.statistics().held == 0
        gap_before = self._gap.next_is_marked(last_was_taken)
        frame = _stamp(picture, self._seq, self._clock, gap_before=gap_before)
        self._seq += 1
        self._taps.frame(frame)
        self._telemetry.frame_in()
        if self.state is not SourceState.ONLINE:
            self._come_online()
        if self.spec.pace == "newest":
            if self._mailbox.put(frame) is not None and not self._stopping.is_set():
                self._telemetry.dropped("superseded")
            return
        while not self._stopping.is_set() and not self._mailbox.put_wait(frame, ROOM_POLL_S):
            pass

    def _come_online(self) -> None:
        if self._failures:
            logger.info("%s: frames come after %d failed tries", self._name, self._failures)
            if self._seq > 1:
                self._telemetry.reconnected()
        self._failures = 0
        if self._status.come_online():
            self._telemetry.set_online(True)

    def _wait_before_retry(self, error: SourceError) -> None:
        """Go offline and sit out the backoff, or until we shall stop."""
        why, refused = str(error), isinstance(error, SourceRefusedError)
        self._failures += 1
        if self._seq:
            self._gap.set()
        delay_ms = backoff_delay_ms(
            self._config.reconnect, self._failures, self._random.random(), refused=refused
        )
        is_news = self._status.go_offline(why)
        if is_news is None:
            return
        self._telemetry.set_online(False)
        level = logging.WARNING if is_news else logging.DEBUG
        logger.log(level, "stream %s: %s; next try in %.1f s", self._telemetry.name, why, delay_ms / 1000)
        self._retry_wait.wait(delay_ms)

    def _finish(self, state: SourceState, error: str | None = None) -> None:
        """Enter a final state; the first one stays."""
        if not self._status.finish(state, error):
            return
        if error is not None:
            logger.error("stream %s: %s", self._telemetry.name, error)
        else:
            logger.info("%s: %s", self._name, state)


def _stamp(picture: Picture, seq: int, clock: Clock, *, gap_before: bool) -> Frame:
    return Frame(
        image=picture.image,
        seq=seq,
        pts=picture.pts,
        time_base=picture.time_base,
        capture_monotonic_ns=clock.monotonic_ns(),
        capture_wall_ns=clock.wall_ns(),
        gap_before=gap_before,
        damaged=picture.damaged,
        ground_truth=picture.ground_truth,
        file_name=picture.file_name,
        packet_pts=picture.packet_pts,
    )
