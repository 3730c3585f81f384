"""What is kept of the streams: recordings, clips and the log of events, where a folder is configured."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import ArchiveConfig, StreamConfig
from streamtrack.errors import ArchiveError
from streamtrack.history.event_log import EventLog
from streamtrack.history.history_consumer import HistoryConsumer
from streamtrack.pipeline import Pipeline
from streamtrack.recording.clips import Clips
from streamtrack.recording.frame_notes import Overlay
from streamtrack.recording.library import Library
from streamtrack.recording.shelf import Shelf
from streamtrack.recording.stream_recorder import MASKS_LATE, RecorderStatus, StreamRecorder
from streamtrack.rules.desk import RulesDesk

RECORDING_HELD, HISTORY_HELD = 8, 4
TIDY_NS = 60 * NS_PER_S

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shelves:
    """What an open archive consists of."""

    shelf: Shelf
    library: Library
    clips: Clips
    events: EventLog


class Archive:
    """Records streams and keeps their events. Any thread may call any method."""

    def __init__(self, config: ArchiveConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """
        Raises:
            ConfigError: the folder cannot be used.
        """
        self.config = config
        self._clock = clock
        self._recorders: dict[str, StreamRecorder] = {}
        self._tidied_ns = clock.monotonic_ns()
        self._shelves: Shelves | None = None
        if config.folder is not None:
            shelf = Shelf(config, clock)
            library = Library(shelf)
            clips = Clips(config.folder, shelf, library, clock)
            self._shelves = Shelves(shelf, library, clips, EventLog(config, clock))

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self._shelves is not None

    @property
    def shelves(self) -> Shelves:
        """Where things are.

        Raises:
            ArchiveError: nothing is kept.
        """
        if self._shelves is None:
            raise ArchiveError("nothing is kept here: archive.folder is not set, expected a folder")
        return self._shelves

    def attach(self, pipeline: Pipeline, config: StreamConfig, rules: RulesDesk) -> None:
        """Keep a stream's events, and record it as its config says; before it starts.

        Raises:
            ArchiveError: it is to be recorded, and nothing is kept here.
        """
        if config.recording.mode != "off":
            self._record(pipeline, config, rules)
        if self._shelves is not None:
            history = HistoryConsumer(self._shelves.events, self.config.thumbnail_px, self._clock)
            pipeline.attach(history, capacity=HISTORY_HELD)

    def forget(self, stream: str) -> None:
        """A stream of this name is no more; what was kept of it stays."""
        self._recorders.pop(stream, None)

    def recorders(self) -> Mapping[str, RecorderStatus]:
        """Each stream that is recorded, at this moment."""
        return {name: recorder.status() for name, recorder in tuple(self._recorders.items())}

    def tidy(self) -> None:
        """Delete what is too old or too much, once a minute; called more often it does nothing."""
        now_ns = self._clock.monotonic_ns()
        if self._shelves is None or now_ns - self._tidied_ns < TIDY_NS:
            return
        self._tidied_ns = now_ns
        self._shelves.shelf.make_room()
        self._shelves.clips.tidy()
        try:
            self._shelves.events.tidy()
        except ArchiveError as error:
            logger.warning("archive: %s", error)

    def close(self) -> None:
        """End; the streams have ended before."""
        if self._shelves is not None:
            self._shelves.events.close()

    def _record(self, pipeline: Pipeline, config: StreamConfig, rules: RulesDesk) -> None:
        recording = config.recording
        overlay = Overlay(config.video, recording.bitrate_kbps, rules.drawn) if recording.overlay else None
        recorder = StreamRecorder(
            config.name,
            recording,
            self.shelves.shelf,
            pipeline.telemetry,
            self._clock,
            tell=pipeline.tell,
            overlay=overlay,
            is_cropped=config.source.crop is not None,
        )
        self._recorders[config.name] = recorder
        pipeline.tap(recorder)
        pipeline.attach(recorder, capacity=RECORDING_HELD, drop_reason=MASKS_LATE)
