from __future__ import annotations

import threading

from streamtrack.clock import SYSTEM_CLOCK, FakeClock
from streamtrack.ingest.retry_wait import RetryWait
from tests.support.ingest import wait_until


def test_wait_says_how_long_it_takes_and_is_ended_by_another_thread() -> None:
    wait = RetryWait(SYSTEM_CLOCK, threading.Event())
    thread = threading.Thread(target=wait.wait, args=(60_000,))
    assert wait.left_s is None
    thread.start()
    wait_until(lambda: wait.left_s is not None, "it waits")

    assert 50 < (wait.left_s or 0) <= 60
    wait.end()
    thread.join(5)
    assert not thread.is_alive()
    assert wait.left_s is None


def test_who_stops_does_not_wait() -> None:
    stopping = threading.Event()
    stopping.set()

    RetryWait(FakeClock(), stopping).wait(1e9)  # returns
