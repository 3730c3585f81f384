"""A consumer that looks for objects on tracked frames, and asks for what follows as an operator would: by
commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.config import FindingAutoprompt
from streamtrack.detect.command_hands import CommandedStream, CommandHands
from streamtrack.detect.detector import Detection, Detector
from streamtrack.detect.keeper import Keeper
from streamtrack.frame import Event, EventKind, FrameResult, ObjectMask, Update
from streamtrack.telemetry import StreamTelemetry

logger = logging.getLogger(__name__)

MAX_PAUSE_NS = 60 * NS_PER_S
"""From one look that failed to the next at most."""


class FollowingStream(CommandedStream, Protocol):
    """What it asks of the stream whose frames it takes."""

    @property
    def newest(self) -> FrameResult | None:
        """The newest tracked frame."""
        ...


class DetectorConsumer:
    """Starts, mends and ends objects. Frames between two looks are let go."""

    name = "detect"

    def __init__(
        self,
        stream_name: str,
        config: FindingAutoprompt,
        stream: FollowingStream,
        load: Callable[[], Detector],
        telemetry: StreamTelemetry,
        clock: Clock,
    ) -> None:
        """`load` is called with the first update, in the consumer's thread."""
        self._stream_name = stream_name
        self._config = config
        self._stream = stream
        self._load = load
        self._telemetry = telemetry
        self._clock = clock
        self._kind: str = config.kind
        self._keeper = Keeper(config)
        self._detector: Detector | None = None
        self._failed_in_a_row = 0
        self._due_ns = 0
        self._objects: Mapping[int, ObjectMask] = {}
        """Of the newest result that was taken."""

    def take(self, update: Update) -> None:
        """Note what people did; look at the frame where one is due."""
        result = update.result
        for event in update.events:
            self._note(event)
            if event.kind is EventKind.RESUMED and result is not None:
                self._take_over(event, result)
        if result is None:
            return
        self._objects = result.objects
        if not update.revises and self._clock.monotonic_ns() >= self._due_ns:
            self._look(result)

    def close(self) -> None:
        """Nothing is held."""
        self._detector = None

    def _note(self, event: Event) -> None:
        """Note what a person or program did to an object; what was done from here is known."""
        if event.object_id is None or event.detail.get("by") == self._kind:
            return
        if event.kind is EventKind.CORRECTED:
            self._keeper.corrected_by_hand(event.object_id)
        elif event.kind is EventKind.REMOVED and event.object_id in self._objects:
            x0, y0, x1, y1 = self._objects[event.object_id].box
            now_ns = self._clock.monotonic_ns()
            self._keeper.removed_by_hand(event.object_id, (x0, y0, x1, y1), now_ns)

    def _take_over(self, event: Event, result: FrameResult) -> None:
        """Objects that were started from here before a restart are still so: they end as others do."""
        for told in event.detail.get("objects", ()):
            found = result.objects.get(told["object_id"])
            if found is not None and told.get("by") == self._kind:
                x0, y0, x1, y1 = found.box
                box = float(x0), float(y0), float(x1), float(y1)
                find = Detection(told.get("class") or "", told.get("score") or 0.0, box)
                self._keeper.takes_over(found.object_id, find, result.frame_idx, self._clock.monotonic_ns())

    def _look(self, result: FrameResult) -> None:
        start_ns = self._clock.monotonic_ns()
        self._due_ns = start_ns + self._config.interval_ms * NS_PER_MS
        try:
            if self._detector is None:
                self._detector = self._load()
            found = tuple(self._detector.detect(result.frame.image))
        except Exception as error:  # whatever it was: objects start by hand only, the stream goes on
            self._rest(start_ns, error)
            return
        if self._failed_in_a_row:
            logger.warning("stream %s: objects start by themselves again", self._stream_name)
            self._failed_in_a_row = 0
        self._telemetry.observe("detect", self._clock.monotonic_ns() - start_ns)
        self._act(result, found)

    def _rest(self, now_ns: int, error: Exception) -> None:
        """Look again later, each time twice as much later: what failed once may be over, or may not."""
        if self._failed_in_a_row == 0:
            logger.error("stream %s: no objects start by themselves: %s", self._stream_name, error)
            logger.debug("stream %s", self._stream_name, exc_info=error)
            self._telemetry.fell_back("autoprompt_off")
        self._failed_in_a_row += 1
        pause_ns = self._config.interval_ms * NS_PER_MS << min(self._failed_in_a_row, 20)
        self._due_ns = now_ns + min(pause_ns, MAX_PAUSE_NS)

    def _act(self, result: FrameResult, found: Sequence[Detection]) -> None:
        """Ask for what the finds lead to."""
        # An object that came while the detector looked has no mask there: its newest one stands for it. One
        # that was removed meanwhile is gone.
        newest = (self._stream.newest or result).objects
        objects = {
            object_id: result.objects.get(object_id, found_now) for object_id, found_now in newest.items()
        }
        hands = CommandHands(self._stream_name, result.frame_idx, self._stream, self._telemetry, self._kind)
        held = self._keeper.look(found, objects, result.frame_idx, self._clock.monotonic_ns(), hands)
        self._telemetry.autoprompted("held_at_cap", held)
