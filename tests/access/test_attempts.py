from __future__ import annotations

from streamtrack.access.attempts import (
    CLIENTS_KEPT,
    GUESSES_AT_ONCE,
    REPORT_PERIOD_S,
    SECONDS_PER_GUESS,
    Attempts,
)


def guessed(guesses: Attempts, count: int, now_s: float = 0.0, peer: str = "a") -> None:
    for index in range(count):
        guesses.note(peer, f"guess {now_s} {index}", now_s)


def test_a_few_guesses_are_free_and_then_each_takes_its_time() -> None:
    guesses = Attempts()
    guessed(guesses, GUESSES_AT_ONCE - 1)
    assert guesses.must_wait_s("a", 0.0) == 0
    guessed(guesses, 1, 0.0)
    guesses.note("a", "one more", 0.0)
    assert 0 < guesses.must_wait_s("a", 0.0) <= SECONDS_PER_GUESS
    assert guesses.must_wait_s("b", 0.0) == 0
    assert guesses.must_wait_s("a", SECONDS_PER_GUESS) == 0
    guessed(guesses, 1, SECONDS_PER_GUESS)
    assert guesses.must_wait_s("a", SECONDS_PER_GUESS) > 0


def test_page_that_holds_an_old_token_does_not_guess() -> None:
    guesses = Attempts()
    for now_s in range(100):
        guesses.note("a", "the old token", float(now_s))
    assert guesses.must_wait_s("a", 100.0) == 0


def test_client_is_reported_once_in_a_while_with_all_it_tried() -> None:
    guesses = Attempts()
    reported = [guesses.note("a", f"{index}", 0.01 * index) for index in range(100)]
    assert reported == [1] + [0] * 99
    assert guesses.report("a", REPORT_PERIOD_S + 1) == 100


def test_clients_that_are_remembered_are_bounded() -> None:
    guesses = Attempts()
    guessed(guesses, GUESSES_AT_ONCE + 1, peer="first")
    assert guesses.must_wait_s("first", 0.0) > 0
    for index in range(CLIENTS_KEPT):
        guesses.note(f"peer {index}", "x", 0.0)
    assert guesses.must_wait_s("first", 0.0) == 0
