"""One line: who crosses it, and which way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import LineRule
from streamtrack.frame import Event, EventKind
from streamtrack.rules.geometry import LineShape
from streamtrack.rules.kept import KeptRule, KeptWalker, digest_of
from streamtrack.rules.seen import Seen
from streamtrack.rules.settling import Settling
from streamtrack.rules.state import Moment, Point, RuleState
from streamtrack.rules.tally import Tally


@dataclass(slots=True)
class _Walker:
    """An object's way."""

    at: Point
    last_seen: Moment
    crossings: int = 0
    """From left to right, less those back, since the last one that was believed."""
    settling: Settling | None = None
    """The crossing, while it must hold."""
    over_hidden: bool = False
    """Whether it crossed while nobody saw it."""


@dataclass
class LineWatch:
    """Looks at every frame. Pure: time comes with the frame."""

    rule: LineRule
    shape: LineShape
    _walkers: dict[int, _Walker] = field(default_factory=dict)
    _tally: Tally = field(default_factory=Tally)

    def see(self, seen: Seen, now: Moment) -> Iterator[Event]:
        """An object that is visible on this frame."""
        object_id, at = seen.item.object_id, seen.point_for(self.rule)
        walker = self._walkers.get(object_id)
        if walker is None or self._is_long_ago(walker, now):
            self._walkers[object_id] = _Walker(at, now)
            return
        # A mask that trembles on the line crosses it back and forth: what counts is the sum.
        new = self.shape.crossings(walker.at, at)
        walker.crossings += new
        if new:
            walker.over_hidden = now.frame_idx - walker.last_seen.frame_idx > 1
        walker.at, walker.last_seen = at, now
        if walker.crossings == 0:
            walker.settling = None
            return
        settling = walker.settling = walker.settling or Settling(now)
        settling.hold(self._is_clear(seen, at))
        if settling.has_held(now, self.rule.hold_frames, self.rule.hold_ms, patient=False):
            yield self._crossed(seen, walker, settling.since)
            walker.crossings, walker.settling = 0, None

    def miss(self, object_id: int, now: Moment) -> Iterator[Event]:
        """An object that is followed, and hidden on this frame: its way goes on where it is seen again."""
        return iter(())

    def end(self, object_id: int, how: str | None) -> Iterator[Event]:
        """An object that is no longer followed, or that the line is not for any more."""
        self.forget_way(object_id)
        return iter(())

    def forget_way(self, object_id: int) -> None:
        """An object's way begins anew where it is seen next."""
        self._walkers.pop(object_id, None)

    def restart(self) -> None:
        """Every way begins anew; the counts stay."""
        self._walkers.clear()

    def state(self, now: Moment) -> RuleState:
        """The counts."""
        forward, backward = self._tally.total("forward"), self._tally.total("backward")
        return RuleState(
            self.rule.name, "line", forward=forward, backward=backward, by_class=self._tally.by_class()
        )

    def kept(self, now: Moment) -> KeptRule:
        """What is to outlive the process."""
        walkers = [
            KeptWalker(object_id, one.at, max(0, now.time_ns - one.last_seen.time_ns), one.crossings)
            for object_id, one in self._walkers.items()
        ]
        return KeptRule(self.rule.name, digest_of(self.rule), self._tally.by_class(), walkers=walkers)

    def resume(self, kept: KeptRule, now: Moment) -> None:
        """Count on, and know where everybody was at `now`."""
        self._tally = Tally(kept.tally)
        for one in kept.walkers:
            seen = Moment(now.frame_idx, now.time_ns - one.seen_ago_ns)
            self._walkers[one.object_id] = _Walker(one.at, seen, one.crossings)

    def _is_long_ago(self, walker: _Walker, now: Moment) -> bool:
        return now.time_ns - walker.last_seen.time_ns > self.rule.hidden_ms * NS_PER_MS

    def _is_clear(self, seen: Seen, at: Point) -> bool:
        if self.rule.test == "mask":
            return not self.shape.touches(seen.item)
        return self.shape.distance_px(at) >= seen.margin_for(self.rule)

    def _crossed(self, seen: Seen, walker: _Walker, when: Moment) -> Event:
        way = "forward" if walker.crossings > 0 else "backward"
        self._tally.add(way, seen.class_name)
        detail = {
            "rule": self.rule.name,
            "rule_kind": "line",
            "label": seen.item.label,
            "class": seen.class_name,
            "time_s": round(when.time_ns / NS_PER_S, 3),
            "speed_mps": seen.speed_mps,
            "hidden": walker.over_hidden,
            "direction": self.rule.forward if way == "forward" else self.rule.backward,
            "way": way,
        }
        return Event(EventKind.CROSSED, when.frame_idx, seen.item.object_id, detail)
