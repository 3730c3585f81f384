"""Calls side by side: each on one core, in order, and nothing of them stays."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
import torch

from streamtrack.model.side_by_side import SideBySide
from tests.support.waiting import wait_until

NAME = "streamtrack-object"
WAIT_S = 20


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


def ours() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(NAME)]


def test_calls_run_at_the_same_time_and_answer_in_order() -> None:
    beside, met = SideBySide(2), threading.Barrier(2)

    def call(number: int) -> int:
        met.wait(WAIT_S)
        return 10 * number

    assert list(beside.map(call, range(6))) == [0, 10, 20, 30, 40, 50]


def test_each_computes_on_one_core_and_nobody_else_is_told_to() -> None:
    beside = SideBySide(2)
    assert list(beside.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert torch.get_num_threads() == 3
    found: list[int] = []
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join(WAIT_S)
    assert found == [3]


def test_error_of_a_call_comes_once_all_are_done() -> None:
    beside, done = SideBySide(2), []

    def call(number: int) -> None:
        if number == 0:
            raise ValueError("the first")
        done.append(number)

    with pytest.raises(ValueError, match=r"^the first$"):
        beside.map(call, range(5))
    assert sorted(done) == [1, 2, 3, 4]
    assert list(beside.map(str, [7])) == ["7"], "and it goes on"


def test_threads_begin_with_the_first_call_and_end_with_their_owner() -> None:
    gc.collect()
    wait_until(lambda: not ours(), "the end of others' threads", WAIT_S)
    beside = SideBySide(2)
    assert ours() == []
    beside.map(str, range(3))
    beside.map(str, range(9))
    assert len(ours()) == 2
    del beside
    gc.collect()
    wait_until(lambda: not ours(), "the end of the threads", WAIT_S)
