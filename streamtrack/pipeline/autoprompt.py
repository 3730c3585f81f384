"""From a detector's finds to commands, as an operator would give them. Runs in the tracker thread, beside the
thread that detects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streamtrack.clock import Clock
from streamtrack.config import DetectorAutoprompt
from streamtrack.control.commands import AddCommand, AnyCommand, CorrectCommand, RemoveCommand
from streamtrack.detect.coco_detector import load_detector
from streamtrack.detect.start_policy import Autoprompter
from streamtrack.errors import StreamTrackError
from streamtrack.frame import EventKind, FrameResult
from streamtrack.pipeline.detector_thread import DetectorThread
from streamtrack.pipeline.session_commands import Applied
from streamtrack.telemetry import StreamTelemetry
from streamtrack.tracking import Session
from streamtrack.weights.catalog import DETECTOR, require_checkpoint

BY_DETECTOR = {"by": "detector"}
"""In the detail of each event that it caused."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A command, and what its event will tell beside."""

    command: AddCommand | RemoveCommand
    outcome: str
    """What is counted once it is carried out."""
    detail: Mapping[str, Any] = field(default_factory=dict)


class Autoprompt:
    """One stream's detector. Every method but `offer` is for the tracker thread alone."""

    def __init__(
        self,
        stream: str,
        config: DetectorAutoprompt,
        telemetry: StreamTelemetry,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """Nothing runs yet.

        Raises:
            CheckpointError: the detector's file is missing or not whole.
        """
        require_checkpoint(DETECTOR)
        self._stream = stream
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._prompter = Autoprompter(config)
        self.thread = DetectorThread(stream, load_detector, config.interval_ms, telemetry, clock, wake)

    def plan(self, session: Session, newest: FrameResult) -> list[Planned]:
        """What the newest finds ask for; empty where there are none."""
        found = self.thread.take()
        if found is None:
            return []
        if found.frame_idx < session.oldest_frame_idx:  # the detector is slower than the frames that are kept
            self._telemetry.autoprompted("expired")
            return []
        # An object that came while the detector looked has no mask there: its newest one stands for it.
        objects = {**newest.objects, **session.result(found.frame_idx).objects}
        plan = self._prompter.plan(found.detections, objects, self._clock.monotonic_ns())
        self._telemetry.autoprompted("held_at_cap", plan.held_at_cap)
        starts = [
            Planned(
                AddCommand(
                    stream=self._stream,
                    box=find.box,
                    label=find.class_name if self._config.label is None else self._config.label,
                    at_frame=found.frame_idx,
                ),
                "started",
                {**BY_DETECTOR, "class": find.class_name, "score": round(find.score, 3)},
            )
            for find in plan.starts
        ]
        return [
            Planned(
                RemoveCommand(stream=self._stream, object_id=object_id),
                f"removed_{reason}",
                {**BY_DETECTOR, "reason": reason},
            )
            for object_id, reason in plan.ends
        ] + starts

    def done(self, planned: Planned, applied: Applied) -> Applied:
        """Note a planned command that was carried out; the same with its events told as the detector's."""
        self._telemetry.autoprompted(planned.outcome)
        object_id = applied.answer.object_id
        assert object_id is not None
        if isinstance(planned.command, AddCommand):
            self._prompter.started(object_id, self._clock.monotonic_ns())
        else:
            self._prompter.ended(object_id)
        if applied.result is None:
            return applied
        events = tuple(
            replace(event, detail={**event.detail, **planned.detail})
            if event.object_id == object_id and event.kind in (EventKind.ADDED, EventKind.REMOVED)
            else event
            for event in applied.result.events
        )
        return replace(applied, result=replace(applied.result, events=events))

    def refused(self, error: StreamTrackError) -> None:
        """Note a planned command that the session did not take, such as at its own bound of objects."""
        self._telemetry.autoprompted(f"refused_{type(error).__name__}")

    def heed(self, command: AnyCommand, before: FrameResult | None) -> None:
        """Note what a person or program did; `before` is the newest frame's result until then."""
        if isinstance(command, CorrectCommand):
            self._prompter.corrected_by_hand(command.object_id)
        elif isinstance(command, RemoveCommand) and before is not None:
            mask = before.objects.get(command.object_id)
            if mask is not None:
                x0, y0, x1, y1 = mask.box
                self._prompter.removed_by_hand(
                    command.object_id, (x0, y0, x1, y1), self._clock.monotonic_ns()
                )
