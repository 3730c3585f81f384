"""Hands on a live stream: what was decided is asked for by commands, as an operator would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from streamtrack.control.commands import (
    AddCommand,
    Answer,
    AnyCommand,
    LikenessCommand,
    MendCommand,
    RemoveCommand,
)
from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection
from streamtrack.detect.mending import Mending, told_of
from streamtrack.errors import FrameExpiredError, StreamTrackError
from streamtrack.telemetry import StreamTelemetry

COMMAND_TIMEOUT_S = 5.0


class CommandedStream(Protocol):
    """A stream that takes commands from a thread of its own."""

    def submit(
        self, command: AnyCommand, *, timeout_s: float, note: Mapping[str, Any] | None = None
    ) -> Answer:
        """Carry out a command; `note` is told in the detail of its events."""
        ...


class CommandHands:
    """Acts on one tracked frame of a stream, and counts what came of it.

    Args:
        by: told in the detail of the events: who looked.
    """

    def __init__(
        self, stream_name: str, frame_idx: int, stream: CommandedStream, telemetry: StreamTelemetry, by: str
    ) -> None:
        self._stream_name = stream_name
        self._frame_idx = frame_idx
        self._stream = stream
        self._telemetry = telemetry
        self._by = by

    def start(self, find: Detection, label: str) -> int | None:
        add = AddCommand(stream=self._stream_name, box=find.box, label=label, at_frame=self._frame_idx)
        note = {"by": self._by, "class": find.class_name, "score": round(find.score, 3)}
        answer = self._ask(add, "started", note)
        return None if answer is None else answer.object_id

    def remove(self, object_id: int, reason: str) -> bool:
        remove = RemoveCommand(stream=self._stream_name, object_id=object_id)
        return self._ask(remove, f"removed_{reason}", {"by": self._by, "reason": reason}) is not None

    def mend(self, mending: Mending) -> bool:
        mend = MendCommand(
            stream=self._stream_name,
            object_id=mending.object_id,
            box=mending.find.box,
            at_frame=self._frame_idx,
            in_doubt_from=mending.well_at + 1,
            detail=told_of(mending, self._by),
        )
        return self._ask(mend, f"mended_{mending.reason}") is not None

    def cut(self, object_id: int, box: Box) -> bool:
        cut = MendCommand(
            stream=self._stream_name, object_id=object_id, box=box, at_frame=self._frame_idx, cut=True
        )
        return self._ask(cut, "cut") is not None

    def likeness(self, object_id: int, boxes: Sequence[Box]) -> Sequence[float | None]:
        answer = self._ask(self._likeness(object_id, boxes), "compared")
        return [None for _ in boxes] if answer is None else answer.likeness

    def keep_look(self, object_id: int) -> None:
        self._ask(self._likeness(object_id, keep=True), "kept_look")

    def _likeness(self, object_id: int, boxes: Sequence[Box] = (), *, keep: bool = False) -> LikenessCommand:
        return LikenessCommand(
            stream=self._stream_name,
            object_id=object_id,
            boxes=tuple(boxes),
            at_frame=self._frame_idx,
            keep=keep,
        )

    def _ask(self, command: AnyCommand, outcome: str, note: Mapping[str, Any] | None = None) -> Answer | None:
        """Carry out a command and count what came of it; None where it was refused."""
        try:
            answer = self._stream.submit(command, timeout_s=COMMAND_TIMEOUT_S, note=note)
        except FrameExpiredError:  # who looks is slower than the frames that are kept
            self._telemetry.autoprompted("expired")
            return None
        except StreamTrackError as error:  # such as at the stream's own bound of objects
            self._telemetry.autoprompted(f"refused_{type(error).__name__}")
            return None
        self._telemetry.autoprompted(outcome)
        return answer
