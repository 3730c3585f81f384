"""Commands on their way from the event loop to the tracker thread, and the answers on their way back.

Bounded, because a client that sends faster than frames are tracked would otherwise fill the memory with
clicks that nobody remembers making. A command that is not begun in time is withdrawn: whoever asked has
been told that it failed, so it must not happen later behind their back.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any

from streamtrack.control.commands import Answer, AnyCommand
from streamtrack.errors import CapacityError, StreamOfflineError

Outcome = Answer | Exception

FINISH_TIMEOUT_S = 60
"""A command that was begun ends within a fast-forward over the kept frames; with the largest model on a CPU
that takes many seconds, and longer than this means that the model hangs."""


class Ticket:
    """One command that waits for its answer."""

    def __init__(self, command: AnyCommand, note: Mapping[str, Any] | None = None) -> None:
        self.command = command
        self.note = note
        """Told in the detail of the events that the command leads to."""
        self.answered: Future[Answer] = Future()

    def answer(self, outcome: Outcome) -> None:
        """Give the answer, or the error, to whoever asked; from any thread."""
        with suppress(InvalidStateError):  # whoever asked went away
            if isinstance(outcome, Exception):
                self.answered.set_exception(outcome)
            else:
                self.answered.set_result(outcome)


class CommandInbox:
    """Commands of one stream, in the order in which they came."""

    def __init__(self, stream: str, capacity: int, wake: Callable[[], None]) -> None:
        """`wake` is called after each command that came, from the thread that left it."""
        self._stream = stream
        self._capacity = capacity
        self._wake = wake
        self._tickets: deque[Ticket] = deque()
        self._begun: Ticket | None = None
        """What was claimed last."""
        self._came = threading.Condition()
        self._refusal: str | None = None
        """Why nothing is taken now."""
        self._closed = False

    async def submit(self, command: AnyCommand, timeout_s: float) -> Answer:
        """The answer to a command, once the tracker thread has carried it out.

        Raises:
            CapacityError: too many commands wait.
            StreamOfflineError: the stream is closed, or did not begin within `timeout_s`.
            StreamTrackError: what carrying it out raised.
        """
        ticket = self._leave(Ticket(command))
        answered = asyncio.wrap_future(ticket.answered)
        try:
            await asyncio.wait((answered,), timeout=timeout_s)
            if not answered.done() and self._withdraw(ticket):
                raise self._not_begun(command, timeout_s)
            # It was begun: the caller learns what came of it.
            await asyncio.wait((answered,), timeout=FINISH_TIMEOUT_S)
            if not answered.done():
                raise self._not_ended(command)
            return answered.result()
        finally:
            answered.cancel()  # an answer that comes later finds nobody; no effect on one that came

    def submit_and_wait(
        self, command: AnyCommand, timeout_s: float, note: Mapping[str, Any] | None = None
    ) -> Answer:
        """As `submit`, for a thread; never the tracker's own."""
        ticket = self._leave(Ticket(command, note))
        try:
            try:
                return ticket.answered.result(timeout_s)
            except TimeoutError:
                if self._withdraw(ticket):
                    raise self._not_begun(command, timeout_s) from None
            try:
                return ticket.answered.result(FINISH_TIMEOUT_S)
            except TimeoutError:
                raise self._not_ended(command) from None
        except CancelledError:
            raise StreamOfflineError(f"{self._stream}: '{command.op}' was cancelled") from None

    def _leave(self, ticket: Ticket) -> Ticket:
        with self._came:
            if self._refusal is not None:
                raise StreamOfflineError(self._refusal)
            if len(self._tickets) >= self._capacity:
                raise CapacityError(
                    f"{self._stream}: {len(self._tickets)} commands wait already, expected fewer than "
                    f"{self._capacity}"
                )
            self._tickets.append(ticket)
            self._came.notify_all()
        self._wake()
        return ticket

    def _not_begun(self, command: AnyCommand, timeout_s: float) -> StreamOfflineError:
        return StreamOfflineError(
            f"{self._stream}: '{command.op}' was not begun in {timeout_s:g} s, no frame came"
        )

    def _not_ended(self, command: AnyCommand) -> StreamOfflineError:
        return StreamOfflineError(
            f"{self._stream}: '{command.op}' was begun and has not ended in {FINISH_TIMEOUT_S} s"
        )

    def claim(self, may_run: Callable[[AnyCommand], bool]) -> Ticket | None:
        """The next command, now begun; None where none waits or the next one may not run yet."""
        with self._came:
            while self._tickets and self._tickets[0].answered.cancelled():
                self._tickets.popleft()  # whoever asked went away
            if not self._tickets or not may_run(self._tickets[0].command):
                return None
            self._begun = self._tickets.popleft()
            return self._begun

    def wait(self, timeout_s: float) -> None:
        """Wait until a command came, at most `timeout_s`."""
        with self._came:
            if not self._tickets and not self._closed:
                self._came.wait(timeout_s)

    def refuse(self, reason: str) -> None:
        """Answer everything that waits, and everything that comes until `accept`, with a
        StreamOfflineError."""
        with self._came:
            if not self._closed:
                self._refusal = f"{self._stream}: {reason}"
            tickets, self._tickets = self._tickets, deque()
            self._came.notify_all()
        for ticket in tickets:
            ticket.answer(StreamOfflineError(f"{self._stream}: {reason}"))

    def accept(self) -> None:
        """Take commands again; no effect after `close`."""
        with self._came:
            if not self._closed:
                self._refusal = None

    def close(self, reason: str) -> None:
        """`refuse`, for good; nor does who waits for a command under way wait any longer."""
        self.refuse(reason)
        with self._came:
            self._closed = True
            begun, self._begun = self._begun, None
            self._came.notify_all()
        if begun is not None:
            begun.answer(StreamOfflineError(f"{self._stream}: {reason}"))

    def _withdraw(self, ticket: Ticket) -> bool:
        with self._came:
            try:
                self._tickets.remove(ticket)
            except ValueError:
                return False
            return True
