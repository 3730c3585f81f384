"""One zone: who is inside, since when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import ZoneRule
from streamtrack.frame import Event, EventKind
from streamtrack.rules.geometry import INNER_SHARE, ZoneShape
from streamtrack.rules.kept import KeptRule, KeptVisitor, digest_of
from streamtrack.rules.seen import Seen
from streamtrack.rules.settling import Settling
from streamtrack.rules.state import Inside, Moment, RuleState
from streamtrack.rules.tally import Tally

SHARE_MARGIN = 0.1
"""With `test: mask`, how far behind `share` the share must be before the answer is clear."""


@dataclass(slots=True)
class _Visitor:
    """An object that the zone has seen."""

    label: str
    class_name: str
    last_seen: Moment
    entered: Moment | None = None
    """Since when it is inside; None: it is not."""
    settling: Settling | None = None
    """The other answer, while it must hold."""
    speed_mps: float | None = None
    is_hidden: bool = False
    has_loitered: bool = False
    was_outside: bool = False
    """Whether it was ever seen outside."""


@dataclass
class ZoneWatch:
    """Looks at every frame. Pure: time comes with the frame."""

    rule: ZoneRule
    shape: ZoneShape
    _visitors: dict[int, _Visitor] = field(default_factory=dict)
    _tally: Tally = field(default_factory=Tally)

    def see(self, seen: Seen, now: Moment) -> Iterator[Event]:
        """An object that is visible on this frame."""
        object_id = seen.item.object_id
        visitor = self._visitors.get(object_id)
        if visitor is None:
            visitor = self._visitors[object_id] = _Visitor(seen.item.label, seen.class_name, now)
        else:
            yield from self._end_long_absence(object_id, visitor, now)
        visitor.label, visitor.class_name = seen.item.label, seen.class_name
        visitor.speed_mps, visitor.is_hidden, visitor.last_seen = seen.speed_mps, False, now
        is_inside, is_clear = self._look(seen)
        visitor.was_outside = visitor.was_outside or not is_inside
        yield from self._settle(object_id, visitor, is_inside, is_clear, now)
        yield from self._loiter(object_id, visitor, now)

    def miss(self, object_id: int, now: Moment) -> Iterator[Event]:
        """An object that is followed, and hidden on this frame: it neither enters nor leaves."""
        visitor = self._visitors.get(object_id)
        if visitor is not None:
            visitor.is_hidden, visitor.speed_mps = True, None
            yield from self._end_long_absence(object_id, visitor, now)
            yield from self._loiter(object_id, visitor, now)

    def end(self, object_id: int, how: str | None) -> Iterator[Event]:
        """An object that is no longer followed, or that the zone is not for any more; None tells nothing."""
        visitor = self._visitors.pop(object_id, None)
        if visitor is not None and visitor.entered is not None and how is not None:
            yield self._left(object_id, visitor, visitor.last_seen, how)

    def state(self, now: Moment) -> RuleState:
        """Who is inside, and the counts."""
        inside = tuple(
            Inside(object_id, one.label, one.class_name, self._dwell_s(one, now), one.speed_mps)
            for object_id, one in self._visitors.items()
            if one.entered is not None
        )
        entered, left = self._tally.total("entered"), self._tally.total("left")
        return RuleState(self.rule.name, "zone", None, inside, entered, left, by_class=self._tally.by_class())

    def kept(self, now: Moment) -> KeptRule:
        """What is to outlive the process."""
        visitors = [
            KeptVisitor(
                object_id,
                one.label,
                one.class_name,
                max(0, now.time_ns - one.last_seen.time_ns),
                None if one.entered is None else max(0, now.time_ns - one.entered.time_ns),
                one.has_loitered,
                one.was_outside,
            )
            for object_id, one in self._visitors.items()
        ]
        return KeptRule(self.rule.name, digest_of(self.rule), self._tally.by_class(), visitors)

    def resume(self, kept: KeptRule, now: Moment) -> None:
        """Count on, and know whoever was known at `now`."""
        self._tally = Tally(kept.tally)
        for one in kept.visitors:
            entered_ns = one.entered_ago_ns
            self._visitors[one.object_id] = _Visitor(
                one.label,
                one.class_name,
                Moment(now.frame_idx, now.time_ns - one.seen_ago_ns),
                None if entered_ns is None else Moment(now.frame_idx, now.time_ns - entered_ns),
                is_hidden=True,
                has_loitered=one.has_loitered,
                was_outside=one.was_outside,
            )

    def _look(self, seen: Seen) -> tuple[bool, bool]:
        """Whether an object is inside, and whether that is clear."""
        if self.rule.test == "mask":
            share, asked = self.shape.share_of(seen.item), self.rule.share
            if share >= asked:
                return True, share >= min(1.0, asked + SHARE_MARGIN)
            return False, share <= max(asked - SHARE_MARGIN, asked / 2)
        point = seen.point_for(self.rule)
        margin_px = seen.margin_for(self.rule)
        if self.rule.margin_px is None:
            margin_px = min(margin_px, INNER_SHARE * self.shape.inradius_px)
        return self.shape.holds(point), self.shape.distance_px(point) >= margin_px

    def _settle(
        self, object_id: int, visitor: _Visitor, is_inside: bool, is_clear: bool, now: Moment
    ) -> Iterator[Event]:
        if is_inside == (visitor.entered is not None):
            visitor.settling = None
            return
        settling = visitor.settling = visitor.settling or Settling(now)
        settling.hold(is_clear)
        if not settling.has_held(now, self.rule.hold_frames, self.rule.hold_ms, patient=True):
            return
        visitor.settling = None
        if is_inside:
            visitor.entered, visitor.has_loitered = settling.since, False
            yield self._entered(object_id, visitor, settling.since)
        else:
            yield self._left(object_id, visitor, settling.since, "went")
            visitor.entered = None

    def _end_long_absence(self, object_id: int, visitor: _Visitor, now: Moment) -> Iterator[Event]:
        """Whoever nobody saw for longer than the limit has left when it was last seen."""
        if now.time_ns - visitor.last_seen.time_ns <= self.rule.hidden_ms * NS_PER_MS:
            return
        visitor.settling = None
        if visitor.entered is not None:
            yield self._left(object_id, visitor, visitor.last_seen, "lost")
            visitor.entered = None
            visitor.was_outside = False

    def _loiter(self, object_id: int, visitor: _Visitor, now: Moment) -> Iterator[Event]:
        limit_ms = self.rule.loiter_ms
        if limit_ms is None or visitor.entered is None or visitor.has_loitered:
            return
        # Until the leaving that settles is believed, the stay is as long as it was when that began.
        until = visitor.settling.since if visitor.settling is not None else now
        if until.time_ns - visitor.entered.time_ns >= limit_ms * NS_PER_MS:
            visitor.has_loitered = True
            detail = {"dwell_s": self._dwell_s(visitor, until)}
            yield self._event(EventKind.LOITERING, object_id, visitor, now, detail)

    def _entered(self, object_id: int, visitor: _Visitor, when: Moment) -> Event:
        self._tally.add("entered", visitor.class_name)
        how = "came" if visitor.was_outside else "appeared"
        return self._event(EventKind.ENTERED, object_id, visitor, when, {"how": how})

    def _left(self, object_id: int, visitor: _Visitor, when: Moment, how: str) -> Event:
        self._tally.add("left", visitor.class_name)
        detail = {"how": how, "dwell_s": self._dwell_s(visitor, when)}
        return self._event(EventKind.LEFT, object_id, visitor, when, detail)

    def _dwell_s(self, visitor: _Visitor, until: Moment) -> float:
        assert visitor.entered is not None
        return round(max(0, until.time_ns - visitor.entered.time_ns) / NS_PER_S, 3)

    def _event(
        self, kind: EventKind, object_id: int, visitor: _Visitor, when: Moment, detail: dict[str, Any]
    ) -> Event:
        fields = {
            "rule": self.rule.name,
            "rule_kind": "zone",
            "label": visitor.label,
            "class": visitor.class_name,
            "time_s": round(when.time_ns / NS_PER_S, 3),
            "speed_mps": visitor.speed_mps,
            "hidden": visitor.is_hidden,
            **detail,
        }
        return Event(kind, when.frame_idx, object_id, fields)
