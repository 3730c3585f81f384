"""Slows down whoever tries tokens: a few wrong ones from one client, then one every few seconds. Pure."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

GUESSES_AT_ONCE = 10
"""Different wrong tokens that one client may try before it has to wait; more than a person mistypes."""
SECONDS_PER_GUESS = 2.0
"""After those, one guess in so many seconds."""
CLIENTS_KEPT = 1_024
"""Clients remembered; of more, those that guessed longest ago are forgotten."""
KNOWN_GUESSES = 16
"""Wrong tokens remembered of one client: a page that still holds an old token does not guess."""
REPORT_PERIOD_S = 60.0
"""A client's guesses are reported once in so many seconds."""


@dataclass(slots=True)
class _Client:
    left: float = GUESSES_AT_ONCE
    counted_at_s: float = 0.0
    known: list[bytes] = field(default_factory=list)
    unreported: int = 0
    reported_at_s: float | None = None


class TokenGuesses:
    """What each client has guessed. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def must_wait_s(self, peer: str, now_s: float) -> float:
        """How long a client has to wait before any token of it is looked at; 0 where it need not."""
        client = self._clients.get(peer)
        if client is None:
            return 0.0
        self._refill(client, now_s)
        return 0.0 if client.left >= 1 else (1 - client.left) * SECONDS_PER_GUESS

    def note(self, peer: str, guess: str, now_s: float) -> int:
        """Count a wrong token; returns how many are to be reported now, mostly 0."""
        client = self._clients.setdefault(peer, _Client(counted_at_s=now_s))
        self._clients.move_to_end(peer)
        while len(self._clients) > CLIENTS_KEPT:
            self._clients.popitem(last=False)
        digest = hashlib.sha256(guess.encode()).digest()
        if digest not in client.known:
            self._refill(client, now_s)
            client.left = max(0.0, client.left - 1)
            client.known = [*client.known[-KNOWN_GUESSES + 1 :], digest]
        return self.report(peer, now_s)

    def report(self, peer: str, now_s: float) -> int:
        """Count one more request that was refused; returns how many are to be reported now, mostly 0."""
        client = self._clients.setdefault(peer, _Client(counted_at_s=now_s))
        client.unreported += 1
        if client.reported_at_s is not None and now_s - client.reported_at_s < REPORT_PERIOD_S:
            return 0
        client.reported_at_s = now_s
        count, client.unreported = client.unreported, 0
        return count

    @staticmethod
    def _refill(client: _Client, now_s: float) -> None:
        passed_s = max(0.0, now_s - client.counted_at_s)
        client.left = min(GUESSES_AT_ONCE, client.left + passed_s / SECONDS_PER_GUESS)
        client.counted_at_s = now_s
