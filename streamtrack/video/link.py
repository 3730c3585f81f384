"""What one viewer's network carries, by what the viewer tells, and what the shared encode makes of it. Pure.

An encode is shared by all who watch it, so it can follow none of them alone. It follows the slowest of those
who carry at least half of what the viewer in the middle carries. Who carries less than that, and less than
what is sent at this moment, is sent keyframes only until it fits again: a picture every few seconds for him,
and nothing lost for the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from streamtrack.clock import NS_PER_MS, NS_PER_S

SENT_WINDOW_NS = NS_PER_S
"""Over this long the rate that was really sent is measured."""
FELL, OVERUSED = 0.97, 0.95
"""A limit that falls, below what is sent, says that the network is full. Any other says little: receivers
begin with a low guess, and from a still scene on they raise it by a few hundredths a second, however much
more comes."""
HIGH_LOSS, LOW_LOSS = 0.10, 0.02
"""Shares of packets lost that lower and that raise the estimate (draft-ietf-rmcat-gcc-02, section 6)."""
LOSS_SPACING_NS = 500 * NS_PER_MS
"""Losses that are told sooner than that after others may be the same."""
GROWTH_A_SECOND = 0.08
"""Of the estimate while all goes well (the same draft, section 5.5)."""
FOLLOWED_SHARE = 0.5
"""Of what the viewer in the middle carries: who carries less is not followed."""
BACK_SHARE, BACK_ROOM = 0.7, 1.3
"""Of the same, and of what is sent: either is enough for one that is sent keyframes only to get all again."""
MIN_THIN_NS, MAX_THIN_NS = 10 * NS_PER_S, 160 * NS_PER_S
"""How long one is sent keyframes only, at first and at most: doubled each time it did not last."""
HOLDS_NS = 60 * NS_PER_S
"""Who was followed for so long begins with the short time again."""
KEYFRAMES_AT_ONCE, KEYFRAME_REFILL_NS = 3, 2_000 * NS_PER_MS
"""Keyframes that one viewer may ask of everybody's encode in a row, and how soon he may ask for another. One
whose network loses packets all the time would else turn the stream into keyframes for everybody."""


class Link:
    """One viewer's network. Not thread-safe: its owner has a lock."""

    def __init__(self, ceiling_bps: int, floor_bps: int) -> None:
        self._ceiling_bps, self._floor_bps = ceiling_bps, floor_bps
        self.capacity_bps = float(ceiling_bps)
        """What it carries, as far as is known; full until the viewer tells otherwise."""
        self.loss = 0.0
        """Share of packets lost, as last told."""
        self._sent: deque[tuple[int, int]] = deque()
        self._sent_bytes = 0
        self._told_ns: int | None = None
        self._limit_bps: int | None = None
        self._loss_ns: int | None = None

    def sent(self, num_bytes: int, now_ns: int) -> None:
        """A picture was handed over."""
        self._sent.append((now_ns, num_bytes))
        self._sent_bytes += num_bytes
        self._forget(now_ns)

    def told_limit(self, limit_bps: int, now_ns: int) -> None:
        """The viewer's estimate (REMB) of what it can take."""
        before_bps, self._limit_bps = self._limit_bps, limit_bps
        fell = before_bps is not None and limit_bps < FELL * before_bps
        if fell and limit_bps < OVERUSED * self.sent_bps(now_ns):
            self._set(min(self.capacity_bps, limit_bps), now_ns)
        else:
            self._grow(now_ns)

    def told_loss(self, share: float, now_ns: int) -> None:
        """A receiver report's share of packets lost since the one before."""
        self.loss = share
        if share > HIGH_LOSS:
            if self._loss_ns is None or now_ns - self._loss_ns >= LOSS_SPACING_NS:
                self._loss_ns = now_ns
                self._set(self.capacity_bps * (1 - 0.5 * share), now_ns)
        elif share < LOW_LOSS:
            self._grow(now_ns)

    def sent_bps(self, now_ns: int) -> float:
        """Bits a second over the last second."""
        self._forget(now_ns)
        return self._sent_bytes * 8 * NS_PER_S / SENT_WINDOW_NS

    def _grow(self, now_ns: int) -> None:
        last_ns, self._told_ns = self._told_ns, now_ns
        if last_ns is not None:
            seconds = min(1.0, (now_ns - last_ns) / NS_PER_S)
            grown = self.capacity_bps * (1 + GROWTH_A_SECOND * seconds)
            self.capacity_bps = min(float(self._ceiling_bps), grown)

    def _set(self, capacity_bps: float, now_ns: int) -> None:
        self._told_ns = now_ns
        self.capacity_bps = max(self._floor_bps / 2, capacity_bps)

    def _forget(self, now_ns: int) -> None:
        while self._sent and self._sent[0][0] <= now_ns - SENT_WINDOW_NS:
            self._sent_bytes -= self._sent.popleft()[1]


class ThinStay:
    """How long one viewer is sent keyframes only: the longer, the sooner he fell behind again."""

    def __init__(self) -> None:
        self.thin = False
        self._since_ns = 0
        self._stay_ns = MIN_THIN_NS

    def judge(self, capacity_bps: float, middle_bps: float, sent_bps: float, now_ns: int) -> bool:
        """Whether keyframes only are sent from now on.

        Args:
            middle_bps: what the viewer in the middle carries; sent_bps: what is sent to the others.
        """
        if not self.thin:
            if capacity_bps < FOLLOWED_SHARE * middle_bps and capacity_bps < sent_bps:
                held = now_ns - self._since_ns >= HOLDS_NS
                self._stay_ns = MIN_THIN_NS if held else min(2 * self._stay_ns, MAX_THIN_NS)
                self.thin, self._since_ns = True, now_ns
        elif now_ns - self._since_ns >= self._stay_ns and (
            capacity_bps >= BACK_SHARE * middle_bps or capacity_bps >= BACK_ROOM * sent_bps
        ):
            self.thin, self._since_ns = False, now_ns
        return self.thin


class KeyframeBudget:
    """How often one viewer may ask everybody's encode for a keyframe."""

    def __init__(self) -> None:
        self._tokens = float(KEYFRAMES_AT_ONCE)
        self._last_ns: int | None = None

    def spend(self, now_ns: int) -> bool:
        """Whether one more may be asked for now."""
        if self._last_ns is not None:
            gained = (now_ns - self._last_ns) / KEYFRAME_REFILL_NS
            self._tokens = min(float(KEYFRAMES_AT_ONCE), self._tokens + gained)
        self._last_ns = now_ns
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def middle_of(capacities: Sequence[float]) -> float:
    """The upper median; 0.0 of none."""
    ordered = sorted(capacities)
    return ordered[len(ordered) // 2] if ordered else 0.0


def shared_rate(carried: Sequence[float], middle_bps: float, ceiling_bps: int, floor_bps: int) -> int:
    """Bits a second that everybody who is followed can take, within the bounds of the config; the lower bound
    where nobody is.

    Args:
        carried: what the networks carry of those who get every picture.
    """
    followed = [one for one in carried if one >= FOLLOWED_SHARE * middle_bps]
    return int(min(ceiling_bps, max(floor_bps, min(followed, default=floor_bps))))
