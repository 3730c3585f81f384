"""Server-sent events of one stream: its state, at most ten times a second, and each event as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from streamtrack.control.status import StreamBoard
from streamtrack.errors import UnknownStreamError
from streamtrack.frame import Event
from streamtrack.mailbox import Mailbox, MailboxClosed

STATE_PERIOD_S = 0.1
KEEP_ALIVE_S = 0.3
"""A comment is sent after this long without a change: a watcher that is gone is noticed, and a watcher
notices within a second that the server is gone."""
KEEP_ALIVE = b": " + b"still here " * 18 + b"\n\n"
"""200 bytes: a watcher that does not read lets its socket fill, and is noticed, within two minutes also where
nothing changes."""
LAST_WORDS_S = 2.0
"""How long the end of a stream that was removed is waited for."""
END = '{"reason": "the stream has ended"}'
RETRY_MS = 1_000
"""How long a browser waits before it asks again after the server went away."""


async def live_stream(board: StreamBoard, stream: str) -> AsyncIterator[bytes]:
    """`text/event-stream` blocks until the stream stops.

    What a slow reader misses is replaced: the state is read when it is sent, and the waiting events are
    bounded.
    """
    loop = asyncio.get_running_loop()
    yield f"retry: {RETRY_MS}\n\n".encode()
    sent_state, sent_at, next_state = "", loop.time(), loop.time()
    with board.watch_events(stream) as events:
        while True:
            if loop.time() >= next_state:
                try:
                    state = board.status(stream).model_dump_json()
                except UnknownStreamError:  # it was removed
                    async for block in _last_words(events):
                        yield block
                    return
                if state != sent_state:
                    sent_state, sent_at = state, loop.time()
                    yield _block("state", state)
                elif loop.time() - sent_at > KEEP_ALIVE_S:
                    sent_at = loop.time()
                    yield KEEP_ALIVE
                next_state = loop.time() + STATE_PERIOD_S
            try:
                async with asyncio.timeout_at(next_state):
                    event = await events.get_async()
            except TimeoutError:
                continue
            except MailboxClosed:
                yield _block("end", END)
                return
            yield _block("event", event_json(event))


async def _last_words(events: Mailbox[Event]) -> AsyncIterator[bytes]:
    """What was told before the stream's end, and that it has ended."""
    with suppress(TimeoutError, MailboxClosed):
        async with asyncio.timeout(LAST_WORDS_S):
            while True:
                yield _block("event", event_json(await events.get_async()))
    yield _block("end", END)


def event_json(event: Event) -> str:
    """{kind, frame_idx, object_id, detail}; a number that is none (NaN) becomes null."""
    told = {
        "kind": event.kind.value,
        "frame_idx": event.frame_idx,
        "object_id": event.object_id,
        "detail": dict(event.detail),
    }
    return msgspec.json.encode(told).decode()


def _block(event: str, data: str) -> bytes:
    return f"event: {event}\ndata: {data}\n\n".encode()
