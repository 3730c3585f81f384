"""A consumer that looks for objects on tracked frames, and asks for what its policy wants as an operator
would: by commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from streamtrack.clock import NS_PER_MS, Clock
from streamtrack.config import DetectorAutoprompt
from streamtrack.control.commands import AddCommand, Answer, AnyCommand, RemoveCommand
from streamtrack.detect.detector import Detection, Detector
from streamtrack.detect.start_policy import Autoprompter
from streamtrack.errors import FrameExpiredError, StreamTrackError
from streamtrack.frame import Event, EventKind, FrameResult, ObjectMask, Update
from streamtrack.telemetry import StreamTelemetry

BY_DETECTOR = {"by": "detector"}
"""In the detail of each event that it caused."""
COMMAND_TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)


class FollowingStream(Protocol):
    """What it asks of the stream whose frames it takes."""

    @property
    def newest(self) -> FrameResult | None:
        """The newest tracked frame."""
        ...

    def submit(
        self, command: AnyCommand, *, timeout_s: float, note: Mapping[str, Any] | None = None
    ) -> Answer:
        """Carry out a command; `note` is told in the detail of its events."""
        ...


class DetectorConsumer:
    """Starts and ends objects by class. Frames between two detections are let go."""

    name = "detect"

    def __init__(
        self,
        stream_name: str,
        config: DetectorAutoprompt,
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
        self._prompter = Autoprompter(config)
        self._detector: Detector | None = None
        self._is_off = False
        self._due_ns = 0
        self._objects: Mapping[int, ObjectMask] = {}
        """Of the newest result that was taken."""

    def take(self, update: Update) -> None:
        """Note what people did; look at the frame where one is due."""
        for event in update.events:
            self._note(event)
        result = update.result
        if result is None:
            return
        self._objects = result.objects
        if not update.revises and not self._is_off and self._clock.monotonic_ns() >= self._due_ns:
            self._look(result)

    def close(self) -> None:
        """Nothing is held."""
        self._detector = None

    def _note(self, event: Event) -> None:
        """Note what a person or program did to an object; the detector's own doings are known."""
        if event.object_id is None or event.detail.get("by") == BY_DETECTOR["by"]:
            return
        if event.kind is EventKind.CORRECTED:
            self._prompter.corrected_by_hand(event.object_id)
        elif event.kind is EventKind.REMOVED and event.object_id in self._objects:
            x0, y0, x1, y1 = self._objects[event.object_id].box
            now_ns = self._clock.monotonic_ns()
            self._prompter.removed_by_hand(event.object_id, (x0, y0, x1, y1), now_ns)

    def _look(self, result: FrameResult) -> None:
        start_ns = self._clock.monotonic_ns()
        self._due_ns = start_ns + self._config.interval_ms * NS_PER_MS
        try:
            if self._detector is None:
                self._detector = self._load()
            found = tuple(self._detector.detect(result.frame.image))
        except Exception as error:  # whatever it was: objects start by hand only, the stream goes on
            self._is_off = True
            logger.error("stream %s: no more objects start by class: %s", self._stream_name, error)
            logger.debug("stream %s", self._stream_name, exc_info=error)
            self._telemetry.fell_back("autoprompt_off")
            return
        self._telemetry.observe("detect", self._clock.monotonic_ns() - start_ns)
        self._act(result, found)

    def _act(self, result: FrameResult, found: Sequence[Detection]) -> None:
        """Ask for what the finds lead to."""
        # An object that came while the detector looked has no mask there: its newest one stands for it. One
        # that was removed meanwhile is gone.
        newest = (self._stream.newest or result).objects
        objects = {
            object_id: result.objects.get(object_id, found_now) for object_id, found_now in newest.items()
        }
        plan = self._prompter.plan(found, objects, self._clock.monotonic_ns())
        self._telemetry.autoprompted("held_at_cap", plan.held_at_cap)
        for object_id, reason in plan.ends:
            remove = RemoveCommand(stream=self._stream_name, object_id=object_id)
            if self._ask(remove, f"removed_{reason}", {**BY_DETECTOR, "reason": reason}) is not None:
                self._prompter.ended(object_id)
        for find in plan.starts:
            add = AddCommand(
                stream=self._stream_name,
                box=find.box,
                label=find.class_name if self._config.label is None else self._config.label,
                at_frame=result.frame_idx,
            )
            note = {**BY_DETECTOR, "class": find.class_name, "score": round(find.score, 3)}
            answer = self._ask(add, "started", note)
            if answer is not None and answer.object_id is not None:
                self._prompter.started(answer.object_id, self._clock.monotonic_ns())

    def _ask(self, command: AnyCommand, outcome: str, note: Mapping[str, Any]) -> Answer | None:
        """Carry out a command and count what came of it; None where it was refused."""
        try:
            answer = self._stream.submit(command, timeout_s=COMMAND_TIMEOUT_S, note=note)
        except FrameExpiredError:  # the detector is slower than the frames that are kept
            self._telemetry.autoprompted("expired")
            return None
        except StreamTrackError as error:  # such as at the stream's own bound of objects
            self._telemetry.autoprompted(f"refused_{type(error).__name__}")
            return None
        self._telemetry.autoprompted(outcome)
        return answer
