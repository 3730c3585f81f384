"""Slows down whoever tries tokens: a few wrong ones from one client, then each takes twice as long as the one
before. Pure; times are of one monotonic clock, in seconds.

Who shows the id of a key that there is has a count of his own, apart from that of others behind the same
address: somebody who guesses beside him does not keep him out. No wait is longer than MAX_WAIT_S, and what is
counted is forgiven with time.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

GUESSES_AT_ONCE = 10
"""Different wrong tokens that one client may try before it has to wait; more than a person mistypes."""
SECONDS_PER_GUESS = 2.0
"""The first wait; each further guess doubles it."""
MAX_WAIT_S = 60.0
FORGIVEN_EVERY_S = 60.0
"""A guess of a client is forgotten in so many seconds."""
GUESSES_OF_ALL = 2_000
"""Likewise for all addresses together, for tokens of no key that there is."""
GUESSES_OF_KEY = 50
"""Likewise for one key's id, from all addresses."""
MAX_SHARED_WAIT_S = 10.0
SHARED_FORGIVEN_EVERY_S = 1.0
CLIENTS_KEPT = 1_024
"""Clients remembered; of more, those that guessed longest ago are forgotten."""
KNOWN_GUESSES = 16
"""Wrong tokens remembered of one client: a page that still holds an old token does not guess."""
REPORT_PERIOD_S = 60.0
"""A client's guesses are reported once in so many seconds."""
_ALL = "all"


@dataclass(slots=True)
class _Count:
    """Wrong tokens, and how long nobody is listened to after them."""

    at_once: int = GUESSES_AT_ONCE
    max_wait_s: float = MAX_WAIT_S
    forgiven_every_s: float = FORGIVEN_EVERY_S
    guesses: int = 0
    counted_at_s: float = 0.0
    free_at_s: float = 0.0

    def add(self, now_s: float) -> None:
        if now_s < self.free_at_s:
            return  # it was under way when the wait began
        forgiven = int((now_s - self.counted_at_s) / self.forgiven_every_s)
        self.guesses = max(0, self.guesses - forgiven) + 1
        self.counted_at_s = now_s
        if self.guesses >= self.at_once:
            doublings = min(self.guesses - self.at_once, 16)
            self.free_at_s = now_s + min(SECONDS_PER_GUESS * 2**doublings, self.max_wait_s)


@dataclass(slots=True)
class _Client(_Count):
    known: list[bytes] = field(default_factory=list)
    unreported: int = 0
    reported_at_s: float | None = None


class Attempts:
    """What each client has guessed, each key's guesses, and those of all."""

    def __init__(self) -> None:
        self._clients: OrderedDict[tuple[str, str], _Client] = OrderedDict()
        self._shared: OrderedDict[str, _Count] = OrderedDict()

    def must_wait_s(self, peer: str, now_s: float, key_id: str = "") -> float:
        """How long a client has to wait before a token of it is looked at; 0 where it need not.

        Args:
            key_id: of the key that the token names, where there is such a key.
        """
        counts = self._clients.get((peer, key_id)), self._shared.get(key_id or _ALL)
        return max(0.0, *(count.free_at_s - now_s for count in counts if count is not None), 0.0)

    def note(self, peer: str, guess: str, now_s: float, key_id: str = "") -> int:
        """Count a wrong token; returns how many are to be reported now, mostly 0."""
        client = self._client(peer, key_id)
        digest = hashlib.sha256(guess.encode()).digest()
        if digest not in client.known:
            client.add(now_s)
            client.known = [*client.known[-KNOWN_GUESSES + 1 :], digest]
            self._count_of_all(key_id).add(now_s)
        return self.report(peer, now_s, key_id)

    def report(self, peer: str, now_s: float, key_id: str = "") -> int:
        """Count one more request that was refused; returns how many are to be reported now, mostly 0."""
        client = self._client(peer, key_id)
        client.unreported += 1
        if client.reported_at_s is not None and now_s - client.reported_at_s < REPORT_PERIOD_S:
            return 0
        client.reported_at_s = now_s
        count, client.unreported = client.unreported, 0
        return count

    def _client(self, peer: str, key_id: str) -> _Client:
        client = self._clients.setdefault((peer, key_id), _Client())
        self._clients.move_to_end((peer, key_id))
        while len(self._clients) > CLIENTS_KEPT:
            self._clients.popitem(last=False)
        return client

    def _count_of_all(self, key_id: str) -> _Count:
        at_once = GUESSES_OF_KEY if key_id else GUESSES_OF_ALL
        new = _Count(at_once, MAX_SHARED_WAIT_S, SHARED_FORGIVEN_EVERY_S)
        # Keys are few: the table is as long as the key file, and the one of all stays.
        return self._shared.setdefault(key_id or _ALL, new)
