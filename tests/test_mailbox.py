"""The bounded hand-off: what wins, what is dropped, who is woken."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from streamtrack.mailbox import Mailbox, MailboxClosed

SOON_S = 5.0
"""Longer than any hand-off takes on a busy machine; only a defect waits for it."""


def test_newest_wins_and_the_producer_is_handed_what_was_pushed_out() -> None:
    mailbox: Mailbox[int] = Mailbox(2)
    assert [mailbox.put(item) for item in (1, 2, 3)] == [None, None, 1]
    assert [mailbox.get(0), mailbox.get(0), mailbox.get(0)] == [2, 3, None]
    statistics = mailbox.statistics()
    assert (statistics.held, statistics.capacity) == (0, 2)
    assert (statistics.put_total, statistics.superseded_total) == (3, 1)


def test_peek_leaves_the_item_where_a_newer_one_can_still_push_it_out() -> None:
    mailbox: Mailbox[int] = Mailbox(1)
    assert mailbox.peek() is None
    mailbox.put(1)
    assert mailbox.peek() == 1
    assert mailbox.put(2) == 1
    assert mailbox.peek() == mailbox.get(0) == 2


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="mailbox capacity is 0, expected 1 or more"):
        Mailbox(0)


def test_closed_mailbox_gives_what_it_holds_then_raises() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.close()
    assert mailbox.put(2) == 2, "a closed mailbox hands the item back"
    assert mailbox.get(0) == 1
    with pytest.raises(MailboxClosed):
        mailbox.get(0)


def test_put_wait_waits_for_room_and_gives_up_in_time() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.put_wait(1, 0)
    started = time.monotonic()
    assert not mailbox.put_wait(2, 0.05)
    assert time.monotonic() - started >= 0.05
    taker = threading.Timer(0.05, mailbox.get, (0,))
    taker.start()
    assert mailbox.put_wait(2, SOON_S)
    taker.join(SOON_S)
    assert mailbox.get(0) == 2


def test_put_wait_ends_when_the_mailbox_is_closed() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    closer = threading.Timer(0.05, mailbox.close)
    closer.start()
    assert not mailbox.put_wait(2, SOON_S)
    closer.join(SOON_S)


def test_wake_ends_a_wait_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    waker = threading.Timer(0.05, mailbox.wake)
    waker.start()
    started = time.monotonic()
    assert mailbox.get(SOON_S) is None
    assert time.monotonic() - started < SOON_S / 2
    waker.join(SOON_S)
    assert mailbox.get(0.01) is None
    mailbox.wake()
    mailbox.put(1)
    assert mailbox.get(0) == 1, "an item comes before a wake"


async def test_task_of_an_event_loop_takes_what_a_thread_puts() -> None:
    mailbox: Mailbox[int] = Mailbox(4)

    def produce() -> None:
        for item in range(3):
            mailbox.put(item)
        mailbox.close()

    producer = threading.Thread(target=produce)
    async with asyncio.timeout(SOON_S):
        first = asyncio.create_task(mailbox.get_async())
        await asyncio.sleep(0)  # it waits before anything is there
        producer.start()
        assert [await first, await mailbox.get_async(), await mailbox.get_async()] == [0, 1, 2]
        with pytest.raises(MailboxClosed):
            await mailbox.get_async()
    producer.join(SOON_S)


async def test_wait_of_an_event_loop_that_timed_out_leaves_the_mailbox_usable() -> None:
    mailbox: Mailbox[int] = Mailbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await mailbox.get_async()
    mailbox.put(1)
    async with asyncio.timeout(SOON_S):
        assert await mailbox.get_async() == 1
