"""Streams whose step hangs or fails, in the real network: told, isolated, and back with their objects."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streamtrack.client import EventSubscriber
from streamtrack.config import StreamConfig, SupervisionConfig
from streamtrack.control.commands import (
    AddCommand,
    LabelCommand,
    ReplayCommand,
    RestartCommand,
)
from streamtrack.control.status import READY_STATES
from streamtrack.errors import StreamOfflineError
from streamtrack.frame import Event, EventKind, Update
from streamtrack.mailbox import Mailbox
from streamtrack.pipeline import Pipeline, Turns, step_watch
from streamtrack.pipeline.step_watch import MIN_PATIENCE_S, WARM_STEPS
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.support.pipelines import (
    BOX,
    LAST,
    SCENE,
    SOON_S,
    STILL,
    ask,
    nano,
    newest,
    publishing,
    refuse,
    running,
    stream_config,
    wait_until,
)

FPS = 5
QUICK = SupervisionConfig(step_timeout_ms=400, restart_initial_ms=300)


@pytest.fixture
def doors() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    with publishing() as both:
        yield both


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    monkeypatch.setattr(step_watch, "USUAL_TIMES", 3)  # a hang of a second is enough to be told
    return Fault(monkeypatch)


class Fault:
    """What the network does in one stream's thread: nothing, hang, or raise once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.thread_name = "track-bad"
        self.raises: BaseException | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.reached = threading.Event()
        network = type(nano()._model.network)
        follow: Callable[..., Any] = network.follow

        def faulty_follow(*arguments: Any, **keys: Any) -> Any:
            if threading.current_thread().name == self.thread_name:
                self.happen()
            return follow(*arguments, **keys)

        monkeypatch.setattr(network, "follow", faulty_follow)

    def happen(self) -> None:
        if not self.goes_on.is_set():
            self.reached.set()
            assert self.goes_on.wait(SOON_S)
        error, self.raises = self.raises, None
        if error is not None:
            raise error

    @contextmanager
    def hanging(self) -> Iterator[None]:
        self.goes_on.clear()
        try:
            assert self.reached.wait(SOON_S)
            yield
        finally:
            self.goes_on.set()


class Times:
    """A consumer that notes when each frame came."""

    name = "times"

    def __init__(self) -> None:
        self.taken: list[float] = []

    def take(self, update: Update) -> None:
        if update.result is not None and not update.revises:
            self.taken.append(time.monotonic())

    def gaps_s(self, first: int) -> list[float]:
        """Pauses between the frames from a number on."""
        taken = self.taken[first:]
        return [after - before for before, after in itertools.pairwise(taken)]

    def close(self) -> None:
        pass


def live(name: str, **changes: Any) -> StreamConfig:
    url = f"synthetic:{SCENE}?fps={FPS}&width=320&height=180"
    return stream_config(url, name, pace="newest", **{"supervision": QUICK, **changes})


def warm(pipeline: Pipeline) -> None:
    wait_until(lambda: newest(pipeline) >= WARM_STEPS + 1, "steps that teach how long one takes")


def next_event(events: Mailbox[Event], kind: EventKind) -> Event:
    deadline = time.monotonic() + SOON_S
    seen = []
    while time.monotonic() < deadline:
        event = events.get(0.1)
        if event is not None:
            seen.append(event.kind)
            if event.kind is kind:
                return event
    raise AssertionError(f"no {kind} in {SOON_S} s, only {seen}")


def ids(pipeline: Pipeline) -> list[int]:
    return [found.object_id for found in pipeline.status().objects]


def test_step_that_hangs_is_told_and_the_other_stream_goes_on(
    doors: tuple[ZmqPublisher, Telemetry], fault: Fault
) -> None:
    publisher, telemetry = doors
    turns = Turns()
    with (
        EventSubscriber(publisher.address, "bad") as wire,
        running(live("bad"), publisher, telemetry, turns=turns) as bad,
        running(live("good"), publisher, telemetry, turns=turns) as good,
        bad.watch_events() as events,
    ):
        times = Times()
        good.attach(times, capacity=64)
        warm(bad)
        warm(good)
        wait_until(lambda: len(times.gaps_s(0)) >= 5, "the other's usual pauses")
        usual_s = max(times.gaps_s(0))
        followed = ids(bad)
        with fault.hanging():
            seen = len(times.taken)
            stalled = next_event(events, EventKind.STALLED)
            assert "a step has taken" in stalled.detail["reason"]
            status = bad.status()
            assert status.state == "stalled"
            assert status.state not in READY_STATES
            assert (status.fps, status.latency_ms.p95) == (0, 0)
            assert {found.state for found in status.objects} == {"unseen"}
            assert "stalled" in refuse(bad, AddCommand(stream="bad", box=BOX), StreamOfflineError)
            # Long enough that the hang is given up meanwhile, and its successor hangs as well.
            wait_until(lambda: len(times.taken) >= seen + 16, "the other's frames")
            # One pause is longer by the patience with the neighbour. A busy machine triples any of them.
            assert max(times.gaps_s(seen - 1)) < MIN_PATIENCE_S + 3 * usual_s
        restarted = next_event(events, EventKind.RESTARTED)
        # Which of the two depends on whether it was given up before the network went on.
        assert re.fullmatch(r"a step has taken .* s, and (ended|was given up)", restarted.detail["reason"])
        wait_until(lambda: bad.state == "online", "the return")
        assert next_event(events, EventKind.GAP).detail["reason"] == "stalled"
        assert ids(bad) == followed
        sent: set[str] = set()
        while not {"stalled", "restarted"} <= sent:
            message = wire.receive(int(SOON_S * 1000))
            assert message is not None, sent
            sent.add(str(message.kind))
        value = telemetry.registry.get_sample_value
        # On a busy machine a slow step may be told as another hang, which ends as well.
        wait_until(lambda: value("streamtrack_stream_up", {"stream": "bad"}) == 1, "the figure of the return")
    failures = value("streamtrack_stream_failures_total", {"stream": "bad", "what": "stalled"})
    assert failures is not None
    assert failures >= 1, "the run that followed may have hung as well"


def test_stream_that_ran_out_of_memory_is_back_with_its_objects(
    doors: tuple[ZmqPublisher, Telemetry], fault: Fault
) -> None:
    with running(live("bad"), *doors) as pipeline, pipeline.watch_events() as events:
        warm(pipeline)
        followed, before = ids(pipeline), newest(pipeline)
        ask(pipeline, LabelCommand(stream="bad", object_id=followed[0], label="keeper"))
        fault.raises, began = MemoryError(), time.monotonic()
        failed = next_event(events, EventKind.FAILED)
        assert failed.detail["reason"] == "tracking failed: MemoryError: the machine has no memory left"
        assert failed.detail["retry_in_s"] == 0.3
        restarted = next_event(events, EventKind.RESTARTED)
        assert time.monotonic() - began < 5, "0.3 s and a start; no hang's patience is waited for"
        assert restarted.detail["objects"] == followed
        wait_until(lambda: newest(pipeline) > before + 1, "a frame after the restart")
        first = next_event(events, EventKind.GAP)
        assert (first.detail["reason"], first.frame_idx > before) == ("restarted", True), "numbers go on"
        assert next_event(events, EventKind.TRACKING).object_id in followed, "uncertain until confirmed"
        status = pipeline.status()
        assert (status.objects[0].object_id, status.objects[0].label) == (followed[0], "keeper")
        assert [found.object_id for found in status.objects] == followed
        assert "unseen" not in {found.state for found in status.objects}
        expired = AddCommand(stream="bad", box=BOX, at_frame=0)
        assert "expected a kept frame from" in refuse(pipeline, expired, Exception)  # type: ignore[arg-type]
    assert doors[1].registry.get_sample_value("streamtrack_stream_restarts_total", {"stream": "bad"}) == 1


def test_restart_by_command_gives_up_a_step_that_hangs_and_keeps_the_objects(
    doors: tuple[ZmqPublisher, Telemetry], fault: Fault
) -> None:
    with running(live("bad"), *doors) as pipeline, pipeline.watch_events() as events:
        warm(pipeline)
        followed = ids(pipeline)
        with fault.hanging():
            next_event(events, EventKind.STALLED)
            fault.thread_name = "nobody"  # the next run is sound
            answer = ask(pipeline, RestartCommand(stream="bad"))
            assert [found.object_id for found in answer.objects] == followed
            stood_at = newest(pipeline)
            wait_until(lambda: newest(pipeline) > stood_at + 2, "frames of the new run")
        told = newest(pipeline)
        wait_until(lambda: newest(pipeline) > told + 2, "frames after the old run's end")
        assert ids(pipeline) == followed
        assert pipeline.state == "online"
        again = ask(pipeline, RestartCommand(stream="bad"))
        assert [found.object_id for found in again.objects] == followed, "a sound stream is restarted, too"


def test_file_that_ended_is_played_again_with_its_objects(doors: tuple[ZmqPublisher, Telemetry]) -> None:
    with running(stream_config(STILL), *doors) as pipeline, pipeline.watch_events() as events:
        wait_until(lambda: pipeline.state == "ended" and newest(pipeline) == LAST, "the end")
        followed = ids(pipeline)
        ask(pipeline, ReplayCommand(stream="cam"))
        gap = next_event(events, EventKind.GAP)
        assert (gap.frame_idx, gap.detail["reason"]) == (LAST + 1, "replayed")
        wait_until(lambda: newest(pipeline) == 2 * LAST + 1, "the end again")
        assert ids(pipeline) == followed
        assert pipeline.report().counts.frames_tracked == 2 * (LAST + 1)
    with running(live("bad"), *doors) as pipeline:
        wait_until(lambda: pipeline.state == "online", "the first frame")
        refused = refuse(pipeline, ReplayCommand(stream="bad"), StreamOfflineError)
        assert refused == "bad: the source is online, expected a file that has ended"
