"""Whoever is attached to a stream: what they are told, also while nobody looks, and what their failure
does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streamtrack.client import MaskSubscriber
from streamtrack.control.commands import PauseCommand, RemoveCommand, ResumeCommand
from streamtrack.frame import EventKind, ObjectState, Update
from streamtrack.pipeline import Pipeline, Turns
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.support.pipelines import (
    SCENE,
    SOON_S,
    ask,
    nano,
    newest,
    publishing,
    running,
    stream_config,
    wait_until,
)

LIVE = f"synthetic:{SCENE}?fps=10&width=320&height=180"


@pytest.fixture
def doors() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    with publishing() as both:
        yield both


class Counting:
    """A consumer as anybody may write one."""

    name = "counting"

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.seqs: list[int] = []
        self.kinds: list[EventKind] = []
        self.closed = False

    def take(self, update: Update) -> None:
        self.kinds += [event.kind for event in update.events]
        if update.result is not None and not update.revises:
            self.frames.append(update.result.frame_idx)
            self.seqs.append(update.result.frame.seq)

    def close(self) -> None:
        self.closed = True


def test_attached_consumer_sees_every_frame_and_event_in_order(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    frames, counting = 5, Counting()
    config = stream_config(f"synthetic:{SCENE}?frames={frames}")
    pipeline = Pipeline(config, doors[1])
    pipeline.attach(counting, capacity=1, drop_reason="uncounted", every_frame=True)
    pipeline.start(nano(), Turns())
    wait_until(lambda: pipeline.state == "ended" and newest(pipeline) == frames - 1, "the end")
    object_id = pipeline.status().objects[0].object_id
    ask(pipeline, PauseCommand(stream="cam"))
    ask(pipeline, RemoveCommand(stream="cam", object_id=object_id))
    ask(pipeline, ResumeCommand(stream="cam"))
    assert pipeline.stop(SOON_S)
    assert counting.frames == list(range(frames))
    assert counting.kinds[-3:] == [EventKind.PAUSED, EventKind.REMOVED, EventKind.RESUMED]
    assert counting.closed
    assert pipeline.report().counts.dropped == {}


def test_objects_of_a_paused_stream_are_unseen_everywhere(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    publisher, telemetry = doors
    with (
        MaskSubscriber(publisher.address, "cam") as subscriber,
        running(stream_config(LIVE, pace="newest"), publisher, telemetry) as pipeline,
    ):
        wait_until(lambda: newest(pipeline) >= 3, "some frames")
        assert pipeline.status().fps > 0
        ask(pipeline, PauseCommand(stream="cam"))
        status = pipeline.status()
        assert {found.state for found in status.objects} == {ObjectState.UNSEEN}
        assert (status.fps, status.latency_ms.p50) == (0, 0)
        states = {ObjectState.TRACKING.value}
        while states != {"unseen"}:
            message = subscriber.receive(int(SOON_S * 1000))
            assert message is not None
            states = {str(mask.state) for mask in message.objects.values()}
        ask(pipeline, ResumeCommand(stream="cam"))
        seen_at = newest(pipeline)
        wait_until(lambda: newest(pipeline) > seen_at, "a frame after the pause")
        assert "unseen" not in {found.state for found in pipeline.status().objects}
        by_hand = [past.kind for past in pipeline.past_events() if past.kind in ("paused", "resumed")]
        assert by_hand == ["paused", "resumed"]


def test_masks_that_cannot_be_published_fail_the_stream_until_they_can(
    doors: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, telemetry = doors
    publish = publisher.publish

    def broken(*arguments: Any) -> int:
        raise OSError("no buffer space")

    monkeypatch.setattr(publisher, "publish", broken)
    config = stream_config(LIVE, pace="newest")
    with running(config, publisher, telemetry) as pipeline:
        wait_until(lambda: pipeline.state == "failed", "the failure")
        assert pipeline.status().detail == "masks failed: OSError: no buffer space"
        monkeypatch.setattr(publisher, "publish", publish)
        wait_until(lambda: pipeline.state == "online", "the return")
        wait_until(lambda: told(pipeline) >= {"failed", "restarted"}, "both events")


def told(pipeline: Pipeline) -> set[str]:
    return {event.kind for event in pipeline.past_events()}


def test_live_frame_that_waits_for_its_turn_gives_way_to_a_newer_one(
    doors: tuple[ZmqPublisher, Telemetry],
) -> None:
    telemetry, counting, turns = doors[1], Counting(), Turns()
    url = f"synthetic:{SCENE}?fps=60&width=320&height=180"
    pipeline = Pipeline(stream_config(url, pace="newest"), telemetry)
    pipeline.attach(counting, capacity=1000)

    def count(what: str, **labels: str) -> float:
        return telemetry.registry.get_sample_value(what, {"stream": "cam", **labels}) or 0.0

    with turns.turn(600):  # another stream's step
        pipeline.start(nano(), turns)
        wait_until(lambda: turns.num_waiting == 1, "a frame that waits for its turn")
        came = count("streamtrack_frames_in_total")
        wait_until(lambda: count("streamtrack_frames_in_total") >= came + 3, "newer frames")
    wait_until(lambda: bool(counting.seqs), "the first tracked frame")
    assert pipeline.stop(SOON_S)
    first = counting.seqs[0]
    assert first > came, "the frame that was taken up was tracked, expected the newest"
    superseded = count("streamtrack_frames_dropped_total", reason="superseded")
    assert superseded >= first, "not every frame that was left out was counted"
