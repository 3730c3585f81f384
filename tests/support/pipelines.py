"""A real tracker, publisher and pipeline for tests, and sessions whose steps are slow or fail on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from numpy.typing import ArrayLike

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import (
    ModelConfig,
    SceneAutoprompt,
    SourceConfig,
    StreamConfig,
    SupervisionConfig,
    TrackingConfig,
    ZmqConfig,
)
from streamtrack.control.commands import Answer, AnyCommand, RleMask
from streamtrack.errors import StreamTrackError
from streamtrack.frame import BoolMask, Frame, FrameResult
from streamtrack.ingest import make_scene, prompts_from_masks
from streamtrack.pipeline import Pipeline, Turns
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.stream_outputs import attach_outputs
from streamtrack.telemetry import Telemetry
from streamtrack.tracking import Session, Tracker
from tests.support.waiting import SOON_S as SOON_S
from tests.support.waiting import wait_until as wait_until

SCENE = "leave"
"""Two balls that stay in view for three seconds and that nano follows well."""
STILL = f"synthetic:{SCENE}?frames=3"
"""A recording of three frames: tracked in a moment, then commands work on what is kept."""
LAST = 2
"""frame_idx of STILL's last frame."""
OBJECT = 2
TRUTH = make_scene(SCENE).render(LAST)[1][OBJECT]
PROMPT = prompts_from_masks({OBJECT: TRUTH})[0]
BOX = PROMPT.box
OTHER_TRUTH = next(mask for key, mask in make_scene(SCENE).render(LAST)[1].items() if key != OBJECT)


def as_prompt(mask: BoolMask) -> RleMask:
    """A prompt that is taken as it is, on whatever picture."""
    height, width = mask.shape
    counts = encode_rle(mask, (0, 0, width, height), (height, width))
    return RleMask(size=(height, width), counts=counts.decode())


MASK, OTHER_MASK = as_prompt(TRUTH), as_prompt(OTHER_TRUTH)
NO_RESTART = SupervisionConfig(restart_initial_ms=600_000, restart_max_ms=600_000)


@cache
def nano() -> Tracker:
    """One thread: the machine is shared with whatever else the test starts."""
    return Tracker.from_config(ModelConfig(name="nano", device="cpu", threads=1))


class ChangedTracker:
    """A tracker whose sessions run `before_step` in front of every step: to be slow, or to fail."""

    def __init__(self, tracker: Tracker, before_step: Callable[[int], None]) -> None:
        self._tracker = tracker
        self._before_step = before_step
        self.name = tracker.name

    def new_session(self, config: TrackingConfig | None = None, clock: Clock = SYSTEM_CLOCK) -> Session:
        session = self._tracker.new_session(config, clock)
        step = session.step

        def changed_step(frame: Frame | ArrayLike) -> FrameResult:
            self._before_step(session.newest_frame_idx + 1)
            return step(frame)

        session.step = changed_step  # type: ignore[method-assign]
        return session


def zmq_config() -> ZmqConfig:
    return ZmqConfig(masks_address="tcp://127.0.0.1:*", control_address="tcp://127.0.0.1:*")


def stream_config(
    url: str = STILL, name: str = "cam", pace: str = "every_frame", **changes: Any
) -> StreamConfig:
    """A stream of a scene whose objects are followed, in the whole picture unless `changes` say otherwise: a
    window for each of them would double what a step takes."""
    source = SourceConfig.model_validate({"url": url, "pace": pace})
    defaults = {"autoprompt": SceneAutoprompt(), "tracking": TrackingConfig(window="off")}
    return StreamConfig(name=name, source=source, **{**defaults, **changes})


@contextmanager
def publishing() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    telemetry = Telemetry()
    with ZmqPublisher(zmq_config(), telemetry) as publisher:
        yield publisher, telemetry


@contextmanager
def running(
    config: StreamConfig,
    publisher: ZmqPublisher,
    telemetry: Telemetry,
    *,
    tracker: Tracker | ChangedTracker | None = None,
    turns: Turns | None = None,
) -> Iterator[Pipeline]:
    pipeline = Pipeline(config, telemetry)
    attach_outputs(pipeline, config, publisher)
    pipeline.start(tracker or nano(), turns or Turns())  # type: ignore[arg-type]
    try:
        yield pipeline
    finally:
        assert pipeline.stop(SOON_S), "a thread was left behind"


def newest(pipeline: Pipeline) -> int:
    return pipeline.status().newest_frame_idx


def ask(pipeline: Pipeline, command: AnyCommand) -> Answer:
    async def execute() -> Answer:
        async with asyncio.timeout(SOON_S):
            return await pipeline.execute(command)

    return asyncio.run(execute())


def refuse(pipeline: Pipeline, command: AnyCommand, kind: type[StreamTrackError]) -> str:
    with pytest.raises(kind) as refused:
        ask(pipeline, command)
    return str(refused.value)


def iou(mask: BoolMask, truth: BoolMask) -> float:
    """Overlap of two masks; 0 where both are empty."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))
