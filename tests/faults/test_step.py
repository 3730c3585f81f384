"""Row 13: the model's step raises, finds no memory, gives no numbers or hangs, in one stream of two."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from typing import Any

import pytest

from streamtrack.config import StreamConfig, SupervisionConfig
from streamtrack.frame import Event, EventKind, ObjectState, Update
from streamtrack.pipeline import Pipeline, Turns, step_watch
from streamtrack.pipeline.step_watch import MIN_PATIENCE_S, WARM_STEPS
from tests.faults.injectors.step import FaultyStep, StepFault
from tests.faults.table import FaultRow, record_fault
from tests.support.pipelines import SCENE, newest, publishing, running, stream_config, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

FPS = 5
TIMEOUT_MS = 400
QUICK = SupervisionConfig(step_timeout_ms=TIMEOUT_MS, restart_initial_ms=200)
STAYS_S = 1.0
"""How long the cause lasts after it was told."""
FOLLOWED = frozenset({ObjectState.TRACKING, ObjectState.UNCERTAIN, ObjectState.OCCLUDED, ObjectState.LOST})


class Watch:
    """A consumer that notes when each frame came, and each event."""

    name = "watch"

    def __init__(self) -> None:
        self.frames: list[tuple[float, bool]] = []
        """When, and whether the network said something of every object."""
        self.captured_s: list[float] = []
        """Of the same frames."""
        self.events: list[tuple[float, Event]] = []
        self._lock = threading.Lock()

    def take(self, update: Update) -> None:
        now_s = time.monotonic()
        with self._lock:
            self.events += [(now_s, event) for event in update.events]
            if update.result is not None and not update.revises:
                self.captured_s.append(update.result.frame.capture_monotonic_ns / 1e9)
                objects = update.result.objects.values()
                self.frames.append((now_s, bool(objects) and all(one.state in FOLLOWED for one in objects)))

    def close(self) -> None:
        pass

    def told_s(self, kind: EventKind, since_s: float) -> float | None:
        """Seconds from the moment until the event; None where it was not told."""
        with self._lock:
            times = [at_s - since_s for at_s, event in self.events if event.kind is kind and at_s >= since_s]
        return times[0] if times else None

    def followed_s(self, since_s: float) -> float | None:
        """Seconds from the moment until a frame on which every object was looked at."""
        with self._lock:
            times = [at_s - since_s for at_s, followed in self.frames if followed and at_s >= since_s]
        return times[0] if times else None

    def oldest_after(self, since_s: float) -> float:
        """When the oldest of the frames that came since the moment was captured."""
        with self._lock:
            return min(
                captured_s
                for captured_s, (at_s, _) in zip(self.captured_s, self.frames, strict=True)
                if at_s >= since_s
            )

    def longest_pause_s(self, since_s: float, until_s: float) -> float:
        """Between two frames of that time."""
        with self._lock:
            times = [since_s, *(at_s for at_s, _ in self.frames if since_s <= at_s <= until_s), until_s]
        return max(after - before for before, after in itertools.pairwise(times))


def live(name: str) -> StreamConfig:
    url = f"synthetic:{SCENE}?fps={FPS}&width=320&height=180"
    return stream_config(url, name, pace="newest", supervision=QUICK)


def ids(pipeline: Pipeline) -> list[int]:
    return [found.object_id for found in pipeline.status().objects]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> FaultyStep:
    monkeypatch.setattr(step_watch, "USUAL_TIMES", 3)  # a hang of a second is enough to be told
    return FaultyStep(monkeypatch, "bad")


@pytest.mark.parametrize(
    ("fault", "kind", "state", "metric"),
    [
        (StepFault.RAISE, EventKind.FAILED, "failed", "failed"),
        (StepFault.OUT_OF_MEMORY, EventKind.FAILED, "failed", "failed"),
        (StepFault.NAN, EventKind.NOT_FINITE, "online", "not_finite"),
        (StepFault.HANG, EventKind.STALLED, "stalled", "stalled"),
    ],
)
def test_step_that_goes_wrong_is_told_and_its_stream_comes_back_with_its_objects(
    fault: StepFault,
    kind: EventKind,
    state: str,
    metric: str,
    faulty: FaultyStep,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    turns, bad_watch, good_watch = Turns(), Watch(), Watch()
    with (
        publishing() as (publisher, telemetry),
        running(live("bad"), publisher, telemetry, turns=turns) as bad,
        running(live("good"), publisher, telemetry, turns=turns) as good,
    ):
        bad.attach(bad_watch, capacity=64)
        good.attach(good_watch, capacity=64)
        wait_until(
            lambda: min(newest(bad), newest(good)) > WARM_STEPS + 2, "steps that teach how long one takes"
        )
        followed = ids(bad)
        caplog.clear()
        before_s = time.monotonic()
        wait_until(lambda: len(good_watch.frames) > 8, "the other's usual pauses")
        usual_s = good_watch.longest_pause_s(before_s, time.monotonic())

        began_s = time.monotonic()
        with faulty.wrong(fault):
            wait_until(lambda: bad_watch.told_s(kind, began_s) is not None, f"{kind} of {fault}")
            told_state = bad.status().state
            unseen = {one.state for one in bad.status().objects} == {ObjectState.UNSEEN}
            over_s = time.monotonic() + STAYS_S
            wait_until(lambda: time.monotonic() > over_s, "the end of the cause")
        ended_s = time.monotonic()
        wait_until(lambda: bad_watch.followed_s(ended_s) is not None, "the return of every object")
        wait_until(lambda: bad.state == "online", "a stream that is online")
        pause_s = good_watch.longest_pause_s(began_s, ended_s)
        counted = _counted(telemetry.registry, metric)
        same = ids(bad) == followed
        fresh = faulty.hung_s is None or bad_watch.oldest_after(ended_s) > faulty.hung_s
        sane = {bad.state, good.state} == {"online"}
    detect_s, recover_s = bad_watch.told_s(kind, began_s), bad_watch.followed_s(ended_s)
    logged = any("bad" in record.getMessage() for record in caplog.records)
    # One pause is longer by the patience with the neighbour. A busy machine triples any of them.
    undisturbed = pause_s < MIN_PATIENCE_S + 3 * max(usual_s, 1 / FPS)
    checks = {
        f"state {told_state}, expected {state}": told_state == state,
        "its objects do not read unseen": unseen,
        f"no metric counts {metric}": counted >= 1,
        "no line in the log": logged,
        "other objects than before": same,
        f"the other stream stood for {pause_s:.2f} s, usually {usual_s:.2f} s": undisturbed,
        "not both are online": sane,
        "masks of the frame whose step hung were published": fresh,
    }
    failed = [words for words, held in checks.items() if not held]
    lost = f"the time itself; beside it the longest pause was {pause_s:.2f} s, {usual_s:.2f} s before"
    record_fault(
        FaultRow(
            13,
            f"the network {fault.value}",
            "event, state, metric and log tell; objects read `unseen`; back by itself with the same objects",
            detect_s,
            recover_s,
            "; ".join((lost, *failed)),
            held=not failed,
            timeout_s=TIMEOUT_MS / 1000,
        )
    )


def _counted(registry: Any, what: str) -> float:
    """Failures and events of a kind that metrics tell of the bad stream."""
    names = {
        "streamtrack_stream_failures_total": {"stream": "bad", "what": what},
        "streamtrack_events_total": {"stream": "bad", "kind": what},
    }
    return sum(registry.get_sample_value(name, labels) or 0.0 for name, labels in names.items())
