"""Objects that a detector started before a restart are ended by it afterwards, as any of its own are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import DetectorAutoprompt
from streamtrack.control.commands import Answer, AnyCommand, RemoveCommand
from streamtrack.detect import Detection
from streamtrack.detect.detector_consumer import DetectorConsumer
from streamtrack.frame import Event, EventKind, FrameResult, Update
from streamtrack.telemetry import Telemetry
from tests.support.masks import make_result

UNSEEN_MS = 500


class Stream:
    """Takes every command, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[AnyCommand] = []
        self.newest: FrameResult | None = None

    def submit(
        self, command: AnyCommand, *, timeout_s: float, note: Mapping[str, Any] | None = None
    ) -> Answer:
        self.asked.append(command)
        return Answer(stream="cam", op=command.op, frame_idx=0)


class SeesNothing:
    def detect(self, image: Any) -> list[Detection]:
        return []


@pytest.mark.parametrize(("by", "removed"), [("detector", [7]), ("", [])])
def test_resumed_object_that_nobody_sees_any_more_is_ended_by_who_started_it(
    by: str, removed: list[int]
) -> None:
    stream, clock = Stream(), FakeClock()
    keys = {"classes": ["person"], "interval_ms": 50, "remove_unconfirmed_after_ms": UNSEEN_MS}
    consumer = DetectorConsumer(
        "cam",
        DetectorAutoprompt.model_validate(keys),
        stream,
        SeesNothing,
        Telemetry(clock).stream("cam"),
        clock,
    )
    mask = np.zeros((48, 64), np.bool_)
    mask[10:30, 20:30] = True
    told = {"object_id": 7, "label": "", **({"by": by, "class": "person", "score": 0.8} if by else {})}
    resumed = Event(EventKind.RESUMED, 0, None, {"reason": "restarted", "age_s": 1.0, "objects": [told]})
    for number in range(30):
        result = make_result(number, {7: mask})
        stream.newest = result
        consumer.take(Update("cam", result, events=(resumed,) if number == 0 else ()))
        clock.advance_ms(60)
    assert [one.object_id for one in stream.asked if isinstance(one, RemoveCommand)][:1] == removed
