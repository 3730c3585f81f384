"""The thread that gives results to ZeroMQ and scores them, so that encoding masks never delays the next
step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from streamtrack.frame import FrameResult
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.pipeline.report import CAPTURE_TO_PUBLISH
from streamtrack.pipeline.scene_score import SceneScore
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import StreamTelemetry

RESULTS_HELD = 2
"""Results that wait for the publisher. More would be published late."""
POLL_S = 0.1
"""How often a wait looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    result: FrameResult
    fresh: bool


class MasksThread:
    """Publishes one stream's results in order."""

    def __init__(
        self,
        stream: str,
        publisher: ZmqPublisher,
        telemetry: StreamTelemetry,
        score: SceneScore,
        on_failure: Callable[[str, Exception], None],
    ) -> None:
        """`on_failure` is told once, from this thread, what ended it before its time."""
        self._stream = stream
        self._publisher = publisher
        self._telemetry = telemetry
        self._score = score
        self._on_failure = on_failure
        self._model = ""
        self._results: Mailbox[_Outgoing] = Mailbox(RESULTS_HELD)
        self._thread = threading.Thread(target=self._run, name=f"masks-{stream}", daemon=True)

    def start(self, model: str) -> None:
        """Start; every message names `model`."""
        self._model = model
        self._thread.start()

    def put(self, result: FrameResult, *, fresh: bool, wait: bool) -> None:
        """Hand over a result.

        Args:
            fresh: False where a command changed a frame that was published before: it is not counted again.
            wait: wait for room, so that no frame of a recording goes missing; else the oldest is pushed out.
        """
        outgoing = _Outgoing(result, fresh)
        if wait:
            while self._thread.is_alive() and not self._results.put_wait(outgoing, POLL_S):
                pass
            return
        pushed_out = self._results.put(outgoing)
        if pushed_out is not None:
            self._telemetry.dropped("late")
            # Its masks are stale, its events are not: "lost" is said once.
            self._publisher.publish_events(self._stream, pushed_out.result.events)

    def close(self) -> None:
        """Publish what is held, then end; returns at once."""
        self._results.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                outgoing = self._results.get(POLL_S)
                if outgoing is not None:
                    self._publish(outgoing.result, outgoing.fresh)
        except MailboxClosed:
            return
        except Exception as error:  # whatever it was: this stream stops, the others go on
            self._on_failure("publishing failed", error)

    def _publish(self, result: FrameResult, fresh: bool) -> None:
        published_ns = self._publisher.publish(self._stream, result, self._model)
        if fresh:
            self._telemetry.observe("publish", published_ns - result.times.track_end_ns)
            self._telemetry.observe(CAPTURE_TO_PUBLISH, published_ns - result.times.capture_ns)
            self._score.add(result)
