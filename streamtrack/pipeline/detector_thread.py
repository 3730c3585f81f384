"""The thread that looks for objects, so that a detection never delays a step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.detect import Detection, Detector
from streamtrack.frame import FrameResult
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.telemetry import StreamTelemetry

POLL_S = 0.1
"""How often a wait looks whether it is still wanted."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one frame showed."""

    frame_idx: int
    detections: tuple[Detection, ...]


class DetectorThread:
    """Takes the newest tracked frame every `interval_ms`, and leaves what it found for the tracker thread."""

    def __init__(
        self,
        stream: str,
        load: Callable[[], Detector],
        interval_ms: int,
        telemetry: StreamTelemetry,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """`load` is called in the thread; `wake` after each frame that it has looked at."""
        self._stream = stream
        self._load = load
        self._interval_ns = interval_ms * NS_PER_MS
        self._telemetry = telemetry
        self._clock = clock
        self._wake = wake
        self._frames: Mailbox[FrameResult] = Mailbox(1)
        self._findings: Mailbox[Findings] = Mailbox(1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"detect-{stream}", daemon=True)

    def start(self) -> None:
        """Start. Once in a lifetime."""
        self._thread.start()

    def stop(self) -> None:
        """End after the detection under way; returns at once."""
        self._stopping.set()
        self._frames.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def offer(self, result: FrameResult) -> None:
        """Leave a tracked frame; it replaces one that was not looked at, which nobody misses."""
        self._frames.put(result)

    def take(self) -> Findings | None:
        """What was found since the last call; None where no frame was looked at."""
        return self._findings.get(0.0)

    def _run(self) -> None:
        try:
            detector = self._load()
            while not self._stopping.is_set():
                result = self._frames.get(POLL_S)
                if result is not None:
                    self._look(detector, result)
        except MailboxClosed:
            return
        except Exception as error:  # whatever it was: objects start by hand only, the stream goes on
            logger.error("stream %s: no more objects start by class: %s", self._stream, error)
            logger.debug("stream %s", self._stream, exc_info=error)
            self._telemetry.fell_back("autoprompt_off")

    def _look(self, detector: Detector, result: FrameResult) -> None:
        start_ns = self._clock.monotonic_ns()
        detections = tuple(detector.detect(result.frame.image))
        end_ns = self._clock.monotonic_ns()
        self._telemetry.observe("detect", end_ns - start_ns)
        self._findings.put(Findings(result.frame_idx, detections))
        self._wake()
        self._stopping.wait(max(0, start_ns + self._interval_ns - end_ns) / NS_PER_S)
