"""Signals: at once where there is nothing to finish, in order where there is."""

from __future__ import annotations

import os
import signal

import pytest

from streamtrack.cli.stopping import StoppedError, exit_code, signal_name, signals_stop


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGHUP, "SIGHUP", 129)]
)
def test_signal_ends_at_once_what_has_nothing_to_finish(number: int, name: str, code: int) -> None:
    with pytest.raises(StoppedError) as caught, signals_stop():
        send(number)
    assert (signal_name(caught.value.number), exit_code(caught.value.number)) == (name, code)


def test_first_signal_is_asked_for_and_the_second_ends_at_once() -> None:
    with signals_stop() as stopping:
        stopping.in_order = True
        assert not stopping.asked()
        send(signal.SIGTERM)
        assert stopping.asked()
        with pytest.raises(StoppedError):
            send(signal.SIGINT)
        assert stopping.number == signal.SIGTERM


def test_handlers_are_those_of_before_when_the_block_ends() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals_stop():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
