"""A stream's source and the frames that it delivers; it can be opened again after its end."""

from __future__ import annotations

from streamtrack.clock import Clock
from streamtrack.config import SourceConfig
from streamtrack.frame import Frame, SourceNotice
from streamtrack.ingest import Ingest, SourceState
from streamtrack.ingest.source_gate import Gate
from streamtrack.ingest.tap import SourceTap, Taps
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import StreamTelemetry

FINAL_STATES = frozenset({SourceState.ENDED, SourceState.FAILED})
"""States from which a source comes back only by `reopen`."""


class StreamSource:
    """The ingest of one stream with its mailbox. Any thread may call any method."""

    def __init__(
        self, config: SourceConfig, telemetry: StreamTelemetry, clock: Clock, gate: Gate | None = None
    ) -> None:
        """Check the source; nothing runs yet. `gate` is asked before each connection.

        Raises:
            SourceError: it can never work.
        """
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._gate = gate
        self._taps = Taps()
        self._open()

    def _open(self) -> None:
        frames: Mailbox[Frame] = Mailbox(1)
        self._ingest = Ingest(self._config, frames, self._telemetry, self._clock, self._gate, self._taps)
        self.frames = frames
        """One frame, the newest; another mailbox after `reopen`."""

    def tap(self, tap: SourceTap) -> None:
        """Tell `tap` of every packet and frame; before `start`."""
        self._taps.add(tap)

    def start(self) -> None:
        """Start to deliver."""
        self._ingest.start()

    def stop(self, timeout_s: float) -> None:
        """Stop, wait `timeout_s` at most."""
        self._ingest.stop(timeout_s)

    def reopen(self) -> None:
        """Start from the beginning, after a final state.

        Raises:
            SourceError: it can never work any more, such as a file that is gone.
        """
        self._open()
        self._ingest.start()

    @property
    def state(self) -> SourceState:
        """What the source does at this moment."""
        return self._ingest.state

    @property
    def last_error(self) -> str | None:
        """The newest trouble in one line, without credentials; None once frames come (again)."""
        return self._ingest.last_error

    @property
    def next_try_in_s(self) -> float | None:
        """Seconds until an offline source is tried again; None where no try is planned."""
        return self._ingest.next_try_in_s

    def retry_now(self) -> None:
        """Try an offline source at once."""
        self._ingest.retry_now()

    @property
    def every_frame(self) -> bool:
        """Whether it waits for the tracker, so that no frame is left out."""
        return self._ingest.spec.pace == "every_frame"

    @property
    def redacted_url(self) -> str:
        """Where frames come from, without credentials."""
        return self._ingest.spec.redacted_url

    def take_notices(self) -> tuple[SourceNotice, ...]:
        """What the ingest noticed since the last call."""
        return self._ingest.take_notices()
