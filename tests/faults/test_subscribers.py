"""Row 12: a subscriber that stalls, a publisher that starts anew, one who joins late, a wrong CURVE key."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from streamtrack.client import ClientKeys, MaskSubscriber
from streamtrack.config import CurveConfig
from streamtrack.publish.message import MaskMessage
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from tests.faults.table import FaultRow, record_fault
from tests.support.masks import TIMEOUT_MS, disc, keypair, make_curve, make_publisher, make_result
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

STREAM = "cam1"
PERIOD_S = 0.05
MASKS = {number: disc(number, 360, 640) for number in (1, 2, 3)}
MAX_STALE = 64
"""Messages that a stalled subscriber may find when it reads again: a second or two of a camera."""
LATE_S = 5.0
"""The worst that a message may take to a subscriber that reads on a busy machine."""


class Publishing:
    """A stream that publishes in a thread of its own, and how long each call took."""

    def __init__(self, publisher: ZmqPublisher) -> None:
        self.publisher = publisher
        self.calls_s: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._result = make_result(0, MASKS)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(PERIOD_S):
            result = replace(self._result, frame_idx=len(self.calls_s))
            begun_s = time.monotonic()
            self.publisher.publish(STREAM, result, "nano")
            self.calls_s.append(time.monotonic() - begun_s)

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)


@contextmanager
def publishing(
    address: str = "tcp://127.0.0.1:0", telemetry: Telemetry | None = None, curve: CurveConfig | None = None
) -> Iterator[Publishing]:
    with make_publisher(address, telemetry=telemetry, curve=curve) as publisher:
        run = Publishing(publisher)
        try:
            yield run
        finally:
            run.close()


class Reading:
    """A subscriber that reads all that comes, in a thread of its own."""

    def __init__(self, address: str, keys: ClientKeys | None = None) -> None:
        self.masks = MaskSubscriber(address, STREAM, keys=keys)
        self.came: list[tuple[float, MaskMessage]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            message = self.masks.receive(50)
            if message is not None:
                self.came.append((time.monotonic(), message))

    def wait(self, since_s: float, epoch: int | None = None) -> float:
        """Seconds from the moment until a message."""

        def found() -> list[float]:
            return [
                at_s - since_s
                for at_s, message in tuple(self.came)
                if at_s >= since_s and epoch in (None, message.epoch)
            ]

        wait_until(lambda: bool(found()), "a message")
        return found()[0]

    @property
    def worst_s(self) -> float:
        """The longest that a message was under way."""
        return max(at_s - message.publish_monotonic_ns / 1e9 for at_s, message in self.came)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self.masks.close()


def test_stalled_subscriber_is_counted_and_costs_nobody_else_anything() -> None:
    telemetry = Telemetry()

    def behind() -> float:
        labels = {"stream": STREAM, "reason": "slow_subscriber"}
        return telemetry.registry.get_sample_value("streamtrack_frames_dropped_total", labels) or 0.0

    with publishing(telemetry=telemetry) as run, Reading(run.publisher.address) as good:
        good.wait(0.0)
        with MaskSubscriber(run.publisher.address, STREAM) as stalled:
            assert stalled.receive(TIMEOUT_MS) is not None
            began_s = time.monotonic()
            wait_until(lambda: behind() > 0, "a subscriber that is told to be slow")
            detect_s = time.monotonic() - began_s
            told_at = len(good.came)
            wait_until(lambda: len(good.came) >= told_at + 5, "messages beside it")
            ended_s, stale = time.monotonic(), 0
            newest = good.came[-1][1].seq
            while (message := stalled.receive(TIMEOUT_MS)) is not None and message.seq <= newest:
                stale += 1
            recover_s = time.monotonic() - ended_s
            held = stalled.missed
        missed, worst_s = good.masks.missed, good.worst_s
    record_fault(
        FaultRow(
            12,
            "a subscriber stops reading",
            "nobody waits for it: a reading one misses nothing; the slow one is counted",
            detect_s,
            recover_s,
            f"its own {held} messages, told by `seq`; {stale} old ones to read; beside it {missed} missed, "
            f"the worst {1000 * worst_s:.0f} ms under way",
            held=missed == 0 and worst_s < LATE_S and stale <= MAX_STALE and max(run.calls_s) < LATE_S,
        )
    )


def test_publisher_that_starts_anew_is_heard_again_and_told_by_its_epoch() -> None:
    with publishing() as first:
        address = first.publisher.address
        reading = Reading(address)
        reading.wait(0.0)
        epoch = first.publisher.epoch
    with reading:
        time.sleep(0.01)  # another epoch is another millisecond
        began_s = time.monotonic()
        with publishing(address) as second:
            recover_s = reading.wait(began_s, second.publisher.epoch)
            new_epoch = second.publisher.epoch
        restarts, missed = reading.masks.restarts, reading.masks.missed
        first_seq = next(message.seq for _, message in reading.came if message.epoch == new_epoch)
    record_fault(
        FaultRow(
            12,
            "the publisher starts anew",
            "subscribers connect again by themselves, and see the restart by its epoch, not as lost messages",
            None,
            recover_s,
            f"what was published before it was heard: {first_seq} messages",
            held=restarts == 1 and missed == 0 and new_epoch != epoch,
        )
    )


def test_late_joiner_has_every_object_at_once_and_misses_nothing_from_there() -> None:
    with publishing() as run:
        wait_until(lambda: len(run.calls_s) > 5, "messages that he was not there for")
        began_s = time.monotonic()
        with Reading(run.publisher.address) as late:
            recover_s = late.wait(began_s)
            wait_until(lambda: len(late.came) > 5, "messages after that")
            whole = set(late.came[0][1].objects) == set(MASKS)
            missed = late.masks.missed
    record_fault(
        FaultRow(
            12,
            "a subscriber joins late",
            "the first message holds every object whole",
            None,
            recover_s,
            "events told before; `GET /streams/NAME/events` has the newest",
            held=whole and missed == 0,
        )
    )


def test_wrong_curve_key_gets_nothing_is_told_and_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    curve, (keys,) = make_curve()
    public, secret = keypair()
    stranger = ClientKeys(keys.server_public_key, public, secret)

    def told() -> bool:
        return any("its key is not on the list" in record.getMessage() for record in caplog.records)

    with publishing(curve=curve) as run, Reading(run.publisher.address, keys) as good:
        good.wait(0.0)
        began_s = time.monotonic()
        with Reading(run.publisher.address, stranger) as refused:
            wait_until(told, "a line in the log")
            detect_s, told_at = time.monotonic() - began_s, len(good.came)
            wait_until(lambda: len(good.came) >= told_at + 5, "messages beside it")
            heard = len(refused.came)
        ended_s = time.monotonic()
        with Reading(run.publisher.address, keys) as right:
            recover_s = right.wait(ended_s)
        missed, worst_s = good.masks.missed, good.worst_s
    shown = public in caplog.text or secret in caplog.text
    record_fault(
        FaultRow(
            12,
            "a subscriber with a wrong CURVE key",
            "it gets nothing, the log tells without its key; with the right one it is heard at once",
            detect_s,
            recover_s,
            f"nothing; beside it {missed} missed, the worst {1000 * worst_s:.0f} ms under way",
            held=heard == 0 and not shown and missed == 0 and worst_s < LATE_S,
        )
    )
