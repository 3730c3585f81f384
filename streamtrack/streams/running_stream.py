"""One stream with everything that was made for it: pipeline, rules, picture, alerts."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, field

from streamtrack.alerts.alerts_consumer import AlertsConsumer
from streamtrack.alerts.hub import AlertsHub
from streamtrack.archive import Archive
from streamtrack.clock import Clock
from streamtrack.config import ArchiveConfig, StreamConfig
from streamtrack.frame import Event, EventKind
from streamtrack.ingest.source_gate import Gate
from streamtrack.pipeline import Pipeline, Turns
from streamtrack.ptz.desk import PtzDesk
from streamtrack.ptz.onvif_mount import OnvifMount
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.push.pushes import Pushes
from streamtrack.rules.desk import RulesDesk
from streamtrack.state.keeping import StateKeeping
from streamtrack.state.kept_stream import Asked, KeptStream
from streamtrack.stream_outputs import attach_outputs
from streamtrack.telemetry import Telemetry
from streamtrack.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Shared:
    """What all streams of a process have in common."""

    telemetry: Telemetry
    publisher: ZmqPublisher
    alerts: AlertsHub
    clock: Clock
    archive: Archive = field(default_factory=lambda: Archive(ArchiveConfig()))
    keeping: StateKeeping | None = None
    """Keeps what is to outlive the process; None: nothing is kept."""

    def keep_no_more(self, timeout_s: float) -> bool:
        """Write what was noted last, and let another server use the state folder; False where the disk takes
        longer."""
        return self.keeping is None or self.keeping.close(timeout_s)

    def forget(self, stream: str) -> None:
        """A stream of this name is no more."""
        self.publisher.forget(stream)
        self.alerts.forget(stream)
        self.telemetry.forget(stream)
        self.archive.forget(stream)


class RunningStream:
    """One stream, from its config to its end."""

    def __init__(self, config: StreamConfig, shared: Shared, gate: Gate | None = None) -> None:
        """Check everything; no camera is touched, no thread runs yet. Takes seconds where a detector is
        loaded.

        Args:
            gate: asked before each connection to the source, or of a push; None lets every one pass.
        Raises:
            SourceError: the source can never work, or may not be opened.
            ConfigError, CheckpointError: a file of rules cannot be read, a detector cannot be had.
        """
        self.name = config.name
        self.config = config
        self._alerts = shared.alerts
        self._taps = shared.publisher.taps
        self.pipeline = Pipeline(config, shared.telemetry, shared.clock, gate)
        self._keeping = shared.keeping
        self._kept: KeptStream | None = None
        rules = config.rules if self._keeping is None else self._keeping.with_rules_file(config)
        self.rules = RulesDesk(config.name, rules, shared.clock)
        self.video = attach_outputs(self.pipeline, config, shared.publisher, shared.clock, self.rules)
        self.pipeline.attach(AlertsConsumer(shared.alerts), capacity=1)
        self.pushes = Pushes(config.push, self.video, self.pipeline.telemetry, shared.clock, gate)
        self.ptz: PtzDesk | None = None
        if config.ptz is not None:
            self.ptz = PtzDesk(
                config.name, config.ptz, OnvifMount(config.ptz), self.pipeline.tell, shared.clock
            )
            self.pipeline.attach(self.ptz, capacity=1)
        shared.archive.attach(self.pipeline, config, self.rules)
        self.rules.listen(functools.partial(shared.alerts.show_rules, config.name))

    def take_up(self) -> None:
        """Go on with what was kept under its name. Before `open`, and once another stream of that name has
        ended; reads a file.

        Raises:
            ConfigError: it can neither be read nor be put aside.
        """
        if self._keeping is None:
            return
        kept = self._kept = self._keeping.open(self.name)
        kept.connect(
            self.pipeline.redacted_source,
            Asked(self.rules.kept, lambda: None if self.ptz is None else self.ptz.status().object_id),
        )
        document, age_s = kept.found.document, kept.age_s
        if document is not None:
            self.rules.resume(document.rules, age_s or 0.0)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take viewers from now on, on this event loop."""
        self.video.start(loop)
        self.pushes.start()
        self._alerts.show_rules(self.name, self.rules.states())

    def start(self, tracker: Tracker, turns: Turns) -> None:
        """Start to track. Once in a lifetime."""
        kept, keeping = self._kept, self._keeping
        if kept is None or keeping is None:
            self.pipeline.start(tracker, turns)
        else:
            resumption = kept.begin(tracker.memory_facts, keeping.config.resume_within_s)
            if self.ptz is not None and resumption.ptz_object is not None:
                self.ptz.resume(resumption.ptz_object)
            self.pipeline.start(tracker, turns, resumption, kept.notes)
        if self.ptz is not None:
            self.ptz.start()

    def tell(self, kind: EventKind, **detail: object) -> None:
        """Tell something of the stream itself to all who take its events."""
        newest = self.pipeline.newest
        self.pipeline.tell(Event(kind, -1 if newest is None else newest.frame_idx, None, detail))

    def tell_absences(self) -> None:
        """Without frames it tells by itself who has left its zones."""
        self.pipeline.tell(*self.rules.idle())

    def end(self, timeout_s: float) -> bool:
        """Stop its threads, viewers aside; False where one is left behind in a call that cannot be
        interrupted. Waits, so never on the event loop."""
        ended = self.pipeline.stop(timeout_s)
        ended = self.pushes.stop(timeout_s) and ended
        ended = (self.ptz is None or self.ptz.stop(timeout_s)) and ended
        self.pipeline.report()  # the last part of a second counts in the totals
        if self._kept is not None and self._keeping is not None:
            self._keeping.end(self._kept)
        return ended

    def forget(self) -> None:
        """It was removed: nothing of it stays. Waits for the disk."""
        if self._keeping is not None:
            self._keeping.forget(self.name)

    async def dismiss(self) -> None:
        """Send its viewers and readers away."""
        self._taps.end(self.name)
        await self.video.stop()
