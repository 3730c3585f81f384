"""Who may use the model next, also where somebody hangs."""

from __future__ import annotations

import threading

import pytest

from streamtrack.clock import FakeClock
from streamtrack.pipeline import Turns
from tests.support.pipelines import SOON_S, wait_until

PATIENT_S = 1000.0


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, order, threads = Turns(), [], []

    def take(number: int) -> None:
        with turns.turn(PATIENT_S):
            order.append(number)

    with turns.turn(PATIENT_S):
        for number in range(8):
            thread = threading.Thread(target=take, args=(number,))
            thread.start()
            threads.append(thread)
            wait_until(lambda: turns.num_waiting == len(threads), "the asking")
    for thread in threads:
        thread.join(SOON_S)
    assert order == list(range(8))


def test_turn_is_given_back_when_its_holder_raises() -> None:
    turns = Turns()
    with pytest.raises(RuntimeError), turns.turn(PATIENT_S):
        raise RuntimeError
    with turns.turn(PATIENT_S):
        pass


def test_holder_that_hangs_is_passed_over_after_its_patience_and_takes_no_turn_away() -> None:
    clock = FakeClock()
    turns, order = Turns(clock), []
    hangs, second_has_it, end_second = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        with turns.turn(0.5):
            hangs.wait(SOON_S)

    def second() -> None:
        with turns.turn(PATIENT_S):
            second_has_it.set()
            end_second.wait(SOON_S)
            order.append("second")

    def third() -> None:
        with turns.turn(PATIENT_S):
            order.append("third")

    first = threading.Thread(target=hang)
    first.start()
    others = [threading.Thread(target=second), threading.Thread(target=third)]
    for count, thread in enumerate(others, 1):
        thread.start()
        wait_until(lambda count=count: turns.num_waiting == count, "the asking")  # type: ignore[misc]
    clock.advance_ms(499)
    assert not second_has_it.wait(0.12), "two looks of those who wait"
    clock.advance_ms(2)
    assert second_has_it.wait(SOON_S)
    hangs.set()
    first.join(SOON_S)
    assert turns.num_waiting == 1, "the end of one that was passed over gives nobody's turn away"
    end_second.set()
    for thread in others:
        thread.join(SOON_S)
    assert order == ["second", "third"]
