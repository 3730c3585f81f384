"""Row 14: the camera comes back, and shows something else."""

from __future__ import annotations

import time
from collections.abc import Collection

import cv2
import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.config.tracking import MemoryName
from streamtrack.control.commands import AddCommand
from streamtrack.frame import Event, EventKind, FrameResult, Image, ObjectState, Update
from streamtrack.pipeline import Pipeline, Turns
from streamtrack.telemetry import Telemetry
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import QUICK, TIMEOUT_MS, neighbour
from tests.support.camera import DISCS, RADIUS, Camera, scene
from tests.support.pipelines import SOON_S, ask, iou, nano, stream_config
from tests.support.smear import noisy_picture
from tests.support.video import HEIGHT, WIDTH, disc
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

MIN_IOU = 0.7
NUM_FRAMES = 8
"""Watched of the other scene."""


def other_scene(number: int, hidden: Collection[str] = ()) -> Image:
    """Textured ground that pans; nothing of it is a disc."""
    image = noisy_picture(number % 40)[:, 120:]  # beside the disc
    return np.asarray(cv2.resize(image, (WIDTH, HEIGHT)), np.uint8)


class Told:
    """A consumer that keeps what it is told."""

    name = "told"

    def __init__(self) -> None:
        self.results: list[tuple[float, FrameResult]] = []
        self.events: list[tuple[float, Event]] = []

    def take(self, update: Update) -> None:
        now_s = time.monotonic()
        if update.result is not None and not update.revises:
            self.results.append((now_s, update.result))
        self.events += [(now_s, event) for event in update.events]

    def close(self) -> None:
        pass

    def since(self, moment_s: float) -> list[FrameResult]:
        return [result for at_s, result in tuple(self.results) if at_s >= moment_s]

    def after_gap(self) -> list[FrameResult]:
        """The results from the frame on before which nobody looked."""
        results = [result for _, result in tuple(self.results)]
        first = next((at for at, result in enumerate(results) if result.frame.gap_before), len(results))
        return results[first:]

    def event(self, kind: EventKind, moment_s: float) -> float | None:
        """Seconds from the moment until the first event of a kind."""
        return next(
            (
                at_s - moment_s
                for at_s, event in tuple(self.events)
                if event.kind is kind and at_s >= moment_s
            ),
            None,
        )


def is_wrong(result: FrameResult) -> bool:
    """Whether the object is said to be followed."""
    return result.objects[1].state is ObjectState.TRACKING


@pytest.mark.slow
@pytest.mark.parametrize("memory", [None, "recent"], ids=["defaults", "recent"])
def test_object_is_not_seen_in_another_scene_and_is_back_with_its_own(memory: MemoryName | None) -> None:
    camera, told, telemetry = Camera(fps=6), Told(), Telemetry()
    camera.hidden = frozenset({"blue"})  # one that looks alike is another matter
    truth = disc(*DISCS["red"], RADIUS)
    x, y = DISCS["red"]
    tracking = TrackingConfig(memory=memory)  # `recent` looks for no cuts, nano's own does
    config = stream_config(camera.url, pace="newest", autoprompt=None, tracking=tracking)
    config = config.model_copy(update={"source": config.source.model_copy(update=QUICK)})
    pipeline = Pipeline(config, telemetry)
    pipeline.attach(told, capacity=64)
    with neighbour() as beside:
        pipeline.start(nano(), Turns())
        try:
            wait_until(lambda: pipeline.newest is not None, "the first frame")
            ask(pipeline, AddCommand(stream="cam", box=(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)))
            wait_until(lambda: len(told.results) > 5 and 1 in told.results[-1][1].objects, "it is followed")
            beside.begin()
            began_s = time.monotonic()
            camera.unplug()
            camera.draw = other_scene
            wait_until(lambda: told.event(EventKind.SOURCE_LOST, began_s) is not None, "the loss is told")
            detect_s = told.event(EventKind.SOURCE_LOST, began_s)
            jumped_s = time.monotonic()
            camera.plug_in()
            wait_until(lambda: len(told.after_gap()) >= NUM_FRAMES, "frames of the other scene")
            gap_told = told.event(EventKind.GAP, jumped_s) is not None
            wrong = sum(is_wrong(result) for result in told.after_gap()[:NUM_FRAMES])
            ended_s, camera.draw = time.monotonic(), scene
            wait_until(
                lambda: any(
                    is_wrong(result) and iou(result.objects[1].mask, truth) > MIN_IOU
                    for result in told.since(ended_s)[1:]
                ),
                "it is found again",
            )
            recover_s = time.monotonic() - ended_s
            held = gap_told and wrong == 0 and beside.is_undisturbed
            lost = f"called `tracking` on {wrong} of {NUM_FRAMES} frames of the other scene; {beside}"
        finally:
            assert pipeline.stop(SOON_S)
            camera.unplug()
    fault = "camera comes back with another scene" + (", `tracking.memory: recent`" if memory else "")
    promise = "`gap`; no object is called `tracking` there, and each is found again in its own"
    record_fault(FaultRow(14, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_MS / 1000))
