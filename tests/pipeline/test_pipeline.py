"""One stream with a real source, session and sockets: prompts, pauses, drops, failures."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from streamtrack.client import EventSubscriber, MaskSubscriber
from streamtrack.config import PromptConfig, TrackingConfig
from streamtrack.control.commands import (
    AddCommand,
    PauseCommand,
    ResumeCommand,
)
from streamtrack.errors import CapacityError, StreamOfflineError
from streamtrack.frame import FrameResult
from streamtrack.ingest import make_scene, prompts_from_masks
from streamtrack.pipeline import Pipeline, Turns
from streamtrack.pipeline import pipeline as stream_module
from streamtrack.publish.message import MaskMessage
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.support.pipelines import (
    BOX,
    LAST,
    MASK,
    NO_RESTART,
    OTHER_MASK,
    SCENE,
    SOON_S,
    STILL,
    ChangedTracker,
    ask,
    iou,
    nano,
    newest,
    publishing,
    refuse,
    running,
    stream_config,
    wait_until,
)


@pytest.fixture
def doors() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    with publishing() as both:
        yield both


def test_scene_prompts_its_objects_and_every_frame_is_published_and_scored(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    publisher, telemetry = doors
    frames = 6
    scene = make_scene(SCENE)
    with (
        MaskSubscriber(publisher.address, "cam") as subscriber,
        running(stream_config(f"synthetic:{SCENE}?frames={frames}"), publisher, telemetry) as pipeline,
    ):
        received: dict[int, MaskMessage] = {}
        while len(received) < frames:
            message = subscriber.receive(int(SOON_S * 1000))
            assert message is not None
            received[message.frame_idx] = message
        wait_until(lambda: pipeline.state == "ended", "the end of the recording")
    report = pipeline.report()
    assert report.counts.frames_tracked == frames
    assert report.counts.dropped == {}
    stages = {"queue", "step", "publish", "capture_to_publish"}
    assert stages <= report.counts.latency_ms.keys()
    truths = {index: scene.render(index)[1] for index in received}
    ious = [
        iou(mask.mask, truths[index][object_id])
        for index, message in received.items()
        for object_id, mask in message.objects.items()
    ]
    # The very numbers that a subscriber would compute from the same masks; rounding is all that differs.
    assert report.mean_iou == pytest.approx(np.mean(ious), abs=0.01)
    assert report.mean_iou is not None
    # nano follows these two balls at 0.9; masks of another frame, or of each other, would give 0.3 or less.
    assert report.mean_iou > 0.6
    assert f"mean IoU {report.mean_iou:.3f}" in report.line()
    assert pipeline.totals.frames_tracked == frames


def test_more_objects_than_the_bound_are_refused(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    config = stream_config(autoprompt=None, tracking=TrackingConfig(max_objects=1))
    with running(config, *doors) as pipeline:
        wait_until(lambda: newest(pipeline) == LAST, "the last frame")
        ask(pipeline, AddCommand(stream="cam", box=BOX))
        refuse(pipeline, AddCommand(stream="cam", box=BOX), CapacityError)
        assert len(pipeline.status().objects) == 1


def test_prompt_of_the_config_that_does_not_fit_costs_the_prompt_and_not_the_stream(
    doors: tuple[ZmqPublisher, Telemetry], caplog: pytest.LogCaptureFixture
) -> None:
    prompts = (
        PromptConfig(object_id=7, points=((9000, 9000),)),
        PromptConfig(object_id=8, box=BOX),
        PromptConfig(object_id=9, points=((1, 9000),)),
    )
    with running(stream_config(autoprompt=None, prompts=prompts), *doors) as pipeline:
        wait_until(lambda: newest(pipeline) == LAST, "the last frame")
        assert [found.object_id for found in pipeline.status().objects] == [8]
        assert ask(pipeline, AddCommand(stream="cam", mask=OTHER_MASK)).object_id == 10
    refused = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert len(refused) == 2
    assert "object 7: point 0 is (9000, 9000)" in refused[0]


def test_pause_drops_live_frames_by_name_and_resume_tells_of_the_gap(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    publisher, telemetry = doors
    config = stream_config(f"synthetic:{SCENE}", pace="newest", autoprompt=None)
    with (
        EventSubscriber(publisher.address, "cam") as events,
        running(config, publisher, telemetry) as pipeline,
    ):
        wait_until(lambda: newest(pipeline) >= 0, "the first frame")
        assert ask(pipeline, PauseCommand(stream="cam")).paused
        stood_at = newest(pipeline)
        wait_until(lambda: "paused" in pipeline.report().counts.dropped, "a dropped frame")
        assert newest(pipeline) == stood_at
        assert pipeline.status().paused
        clicked = ask(pipeline, AddCommand(stream="cam", mask=MASK))
        assert clicked.frame_idx == stood_at, "a click on a paused stream applies to what is on the screen"
        assert not ask(pipeline, ResumeCommand(stream="cam")).paused
        wait_until(lambda: newest(pipeline) > stood_at, "a frame after the pause")
        kinds: list[str] = []
        while "gap" not in kinds:
            message = events.receive(int(SOON_S * 1000))
            assert message is not None, f"only {kinds} came"
            kinds.append(str(message.kind))
    assert [kind for kind in kinds if kind in ("paused", "resumed", "gap")] == ["paused", "resumed", "gap"]
    assert message is not None
    assert message.detail["reason"] == "paused", "nobody says that the camera was away"
    assert message.detail["seconds"] >= 0


def test_paused_recording_waits_and_loses_nothing(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    frames, held = 12, 3
    begun, asked = threading.Event(), threading.Event()

    def hold(frame_idx: int) -> None:
        if frame_idx == held:
            begun.set()
            asked.wait(SOON_S)

    async def pause(pipeline: Pipeline) -> None:
        async with asyncio.timeout(SOON_S):
            pausing = asyncio.create_task(pipeline.execute(PauseCommand(stream="cam")))
            await asyncio.sleep(0)  # now it waits for the end of the step
            asked.set()
            await pausing

    with running(
        stream_config(f"synthetic:{SCENE}?frames={frames}"), *doors, tracker=ChangedTracker(nano(), hold)
    ) as pipeline:
        assert begun.wait(SOON_S)
        asyncio.run(pause(pipeline))
        assert newest(pipeline) == held
        time.sleep(0.3)  # some steps' time
        assert newest(pipeline) == held
        ask(pipeline, ResumeCommand(stream="cam"))
        wait_until(lambda: newest(pipeline) == frames - 1, "the last frame")
        assert pipeline.report().counts.dropped == {}


def test_command_waits_for_the_first_frame_and_gives_up_in_time(
    doors: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(stream_config(), doors[1])  # not started, as while the model loads
    monkeypatch.setattr(stream_module, "COMMAND_TIMEOUT_S", 0.1)
    message = refuse(pipeline, AddCommand(stream="cam", box=BOX), StreamOfflineError)
    assert message == "cam: 'add' was not begun in 0.1 s, no frame came"
    assert pipeline.state == "loading"
    pipeline.start(nano(), Turns())
    wait_until(lambda: newest(pipeline) == LAST, "the last frame")
    # What was given up must not happen later: only the scene's own objects are there.
    assert {found.object_id for found in pipeline.status().objects} == set(make_scene(SCENE).render(0)[1])
    assert pipeline.stop(SOON_S)
    assert "stopped" in refuse(pipeline, AddCommand(stream="cam", box=BOX), StreamOfflineError)


def test_command_for_a_source_that_never_came_is_refused_at_once(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    config = stream_config("rtsp://127.0.0.1:9/none", pace="auto", autoprompt=None)
    with running(config, *doors) as pipeline:
        wait_until(lambda: pipeline.state == "offline", "the refused connection")
        started = time.monotonic()
        message = refuse(pipeline, AddCommand(stream="cam", box=BOX), StreamOfflineError)
        assert time.monotonic() - started < stream_module.COMMAND_TIMEOUT_S / 2
        assert "offline" in message
        assert pipeline.status().detail


def test_stream_whose_step_fails_says_so_and_leaves_the_others_alone(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    publisher, telemetry = doors

    def fail_at_2(frame_idx: int) -> None:
        if frame_idx == 2:
            raise RuntimeError("out of memory\nwith a long story")

    turns = Turns()
    failing = ChangedTracker(nano(), fail_at_2)
    bad = stream_config(f"synthetic:{SCENE}", "bad", pace="newest", supervision=NO_RESTART)
    good = stream_config(f"synthetic:{SCENE}?frames=6", "good")
    with (
        EventSubscriber(publisher.address, "bad") as events,
        running(
            bad,
            publisher,
            telemetry,
            tracker=failing,
            turns=turns,
        ) as broken,
        running(good, publisher, telemetry, turns=turns) as sound,
    ):
        wait_until(lambda: broken.state == "failed", "the failure")
        wait_until(lambda: newest(sound) == 5, "the other stream's last frame")
        assert broken.status().detail == "tracking failed: RuntimeError: out of memory with a long story"
        assert "out of memory" in refuse(broken, AddCommand(stream="bad", box=BOX), StreamOfflineError)
        assert newest(broken) == 1
        kinds: list[str] = []
        while "failed" not in kinds:
            message = events.receive(int(SOON_S * 1000))
            assert message is not None, f"only {kinds} came"
            kinds.append(str(message.kind))


def test_result_that_waited_too_long_for_the_publisher_is_late_and_its_events_are_not_lost(
    doors: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, telemetry = doors
    publish = publisher.publish
    blocked = threading.Event()

    def slow_publish(stream: str, result: FrameResult, *rest: Any) -> int:
        if result.frame_idx == 0:
            blocked.wait(SOON_S)
        return publish(stream, result, *rest)

    monkeypatch.setattr(publisher, "publish", slow_publish)
    config = stream_config(f"synthetic:{SCENE}", pace="newest", autoprompt=None)
    with (
        EventSubscriber(publisher.address, "cam") as events,
        running(config, publisher, telemetry) as pipeline,
    ):
        wait_until(lambda: newest(pipeline) >= 1, "the second frame")
        added = ask(pipeline, AddCommand(stream="cam", mask=MASK))
        stood_at = newest(pipeline)
        wait_until(lambda: newest(pipeline) >= stood_at + 5, "five more frames")
        blocked.set()
        # Of five frames and the click's own masks two wait and one is being sent.
        assert pipeline.report().counts.dropped["late"] >= 3
        told: list[int | None] = []
        while added.object_id not in told:
            message = events.receive(int(SOON_S * 1000))
            assert message is not None, f"no event of object {added.object_id}, only of {told}"
            told.append(message.object_id)


@pytest.mark.parametrize(
    ("seconds", "share"),
    [
        # Of forty steps a busy machine stretches some, and their frames with them: against the longer ones.
        (4, 0.95),
        pytest.param(60, 0.5, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
    ],
)
def test_overloaded_stream_stays_fresh_and_counts_what_it_leaves_out(
    seconds: int, share: float, doors: tuple[ZmqPublisher, Telemetry]
) -> None:
    # A source six times as fast as the tracker: the step takes 100 ms and what nano needs.
    begun: list[float] = []

    def slow(frame_idx: int) -> None:
        begun.append(time.monotonic())
        time.sleep(0.1)

    config = stream_config(f"synthetic:{SCENE}?fps=60&width=320&height=180", pace="newest")
    publisher, telemetry = doors
    with running(config, publisher, telemetry, tracker=ChangedTracker(nano(), slow)) as pipeline:
        wait_until(lambda: newest(pipeline) >= 3, "the first frames")  # allocation and warm-up are no load
        pipeline.report()
        begun.clear()
        time.sleep(seconds)
        report = pipeline.report()
    counts = report.counts
    # A frame always waits, so that a step ends where the next one begins.
    steps_ms = sorted(1e3 * float(step) for step in np.diff(begun))
    step_ms, latency_ms = steps_ms[int(share * len(steps_ms))], report.latency_ms[1]
    print(
        f"{counts.frames_in / counts.seconds:.0f} fps in, {counts.fps:.1f} tracked for {seconds} s: step "
        f"{step_ms:.0f} ms, capture-to-publish p95 {latency_ms:.0f} ms = {latency_ms / step_ms:.2f} steps"
    )
    # A frame waits for the step under way, then takes its own: two steps, and a half for hand-overs.
    assert latency_ms < 2.5 * step_ms
    assert set(counts.dropped) == {"superseded"}
    # One waits, one is under way, at the start and at the end.
    assert counts.frames_tracked + counts.dropped["superseded"] == pytest.approx(counts.frames_in, abs=3)
    assert counts.dropped["superseded"] > counts.frames_tracked


def test_bytes_of_the_session_are_told(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    config = stream_config(STILL)
    with running(config, *doors) as pipeline:
        wait_until(lambda: newest(pipeline) == LAST, "the last frame")
    session = nano().new_session(config.tracking)
    for prompt in prompts_from_masks(make_scene(SCENE).render(0)[1]):
        session.add(prompt.object_id, points=prompt.points or None, labels=prompt.labels, box=prompt.box)
    session.step(make_scene(SCENE).render(0)[0])
    value = doors[1].registry.get_sample_value("streamtrack_tracker_bytes", {"stream": "cam"})
    assert value == session.num_bytes > 0
