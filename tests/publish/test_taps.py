"""Readers over HTTP: bounded, told what they missed, and nobody is waited for."""

from __future__ import annotations

import asyncio

import pytest

from streamtrack.frame import Event, EventKind
from streamtrack.mailbox import MailboxClosed
from streamtrack.publish.taps import EVENTS_HELD, MASKS_HELD, Taps
from tests.support.video import result


def test_slow_reader_gets_the_newest_masks_every_event_and_the_number_of_what_was_dropped() -> None:
    async def read() -> None:
        taps = Taps()
        with taps.messages("cam") as messages:
            for number in range(10):
                taps.told_masks("cam", result(number), "nano", b"masks%d" % number)
                taps.told_event("cam", Event(EventKind.LOST, number), b"event%d" % number)
            taken = [await messages.get() for _ in range(MASKS_HELD + 10)]
        assert [message for message, _ in taken if message.startswith(b"event")] == [
            b"event%d" % n for n in range(10)
        ]
        assert [message for message, _ in taken if message.startswith(b"masks")] == [b"masks8", b"masks9"]
        assert sum(dropped for _, dropped in taken) == 10 - MASKS_HELD

    asyncio.run(read())


def test_events_are_bounded_too() -> None:
    async def read() -> None:
        taps = Taps()
        with taps.messages("cam") as messages:
            for number in range(EVENTS_HELD + 5):
                taps.told_event("cam", Event(EventKind.LOST, number), b"%d" % number)
            assert await messages.get() == (b"5", 5)

    asyncio.run(read())


def test_end_of_a_stream_ends_its_readers_once_they_have_read_all() -> None:
    async def read() -> None:
        taps = Taps()
        with taps.messages("cam") as messages, taps.results("cam") as results, taps.events("cam") as events:
            taps.told_masks("cam", result(1), "nano", b"m")
            taps.end("cam")
            assert await messages.get() == (b"m", 0)
            assert (await results.get_async()).result.frame_idx == 1
            for ended in (messages.get, results.get_async, events.get_async):
                with pytest.raises(MailboxClosed):
                    await ended()
        assert taps.newest("cam") is None
        taps.told_masks("cam", result(2), "nano", b"m")
        newest = taps.newest("cam")
        assert newest is not None
        assert (newest.run, newest.version) == (1, 1)

    asyncio.run(read())


def test_reader_of_nothing_leaves_nothing() -> None:
    async def read() -> None:
        taps = Taps()
        with taps.events("never"):
            pass
        with taps.events("never"):
            taps.end("never")
        assert taps._taps == {}

    asyncio.run(read())
