"""Every rule of one stream over every tracked frame. Pure: frames and their times in, events out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from streamtrack.coco import COCO_CLASSES
from streamtrack.config import LineRule, ScaleConfig, ZoneRule
from streamtrack.frame import Event, EventKind, FrameResult, ObjectMask
from streamtrack.rules.geometry import LineShape, ZoneShape, outside_fault, pixel_points
from streamtrack.rules.ground import Ground, SpeedTrack
from streamtrack.rules.kept import KeptRule, KeptRules, digest_of
from streamtrack.rules.line_watch import LineWatch
from streamtrack.rules.seen import Seen, concerns, foot_of, is_seen
from streamtrack.rules.state import Moment, RuleState
from streamtrack.rules.tally import Tally
from streamtrack.rules.zone_watch import ZoneWatch
from streamtrack.tracking.stream_time import StreamTime

Watch = ZoneWatch | LineWatch
TAKEN_BACK = frozenset({"merge", "undo"})
"""How an object may go without having gone anywhere: it was never there, or is part of another."""
COCO = frozenset(COCO_CLASSES)


class RuleBook:
    """Zones and lines of one stream, and what it knows of its objects. One thread at a time."""

    def __init__(self, scale: ScaleConfig | None = None) -> None:
        """`scale`: from pixels to metres; None: no speeds."""
        self._scale = scale
        self._rules: tuple[ZoneRule | LineRule, ...] = ()
        self._watches: dict[str, Watch] = {}
        self._faults: dict[str, str] = {}
        self._frame_size: tuple[int, int] | None = None
        self._ground: Ground | None = None
        self._time = StreamTime(2)
        self._num_frames = 0
        self._now = Moment(-1, 0)
        self._classes: dict[int, str] = {}
        self._tracks: dict[int, SpeedTrack] = {}
        self._present: set[int] = set()
        self._expired: set[int] = set()
        """Of the process before, and not gone on with; told with the first frame."""
        self._kept: dict[str, KeptRule] = {}
        """Of the process before: those whose rule has met no frame yet."""
        self._kept_size: tuple[int, int] | None = None
        self._away_ns = 0

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """H, W of the newest frame; None before the first."""
        return self._frame_size

    def set_rules(self, rules: Sequence[ZoneRule | LineRule]) -> None:
        """These hold from the next frame on. One that is as it was keeps its counts and who is inside."""
        kept = {rule.name: rule for rule in self._rules}
        self._rules = tuple(rules)
        self._watches = {
            rule.name: self._watches[rule.name]
            for rule in rules
            if kept.get(rule.name) == rule and rule.name in self._watches
        }
        self._build()

    def kept(self) -> KeptRules:
        """What is to outlive the process."""
        rules = [watch.kept(self._now) for watch in self._watches.values()]
        known = {rule.name for rule in rules}
        rules += [one for name, one in self._kept.items() if name not in known]
        return KeptRules(rules, list(self._classes.items()), self._frame_size or self._kept_size)

    def resume(self, kept: KeptRules, away_ns: int) -> None:
        """Go on with what the process before kept. Before the first frame; may be called again.

        Args:
            away_ns: how long ago it was kept.
        """
        self._kept, self._away_ns = {rule.name: rule for rule in kept.rules}, away_ns
        self._kept_size, self._classes = kept.frame_size, dict(kept.classes)
        # Whoever is not among the objects of the first frame has left.
        self._present = {one.object_id for rule in kept.rules for one in rule.visitors}

    def note(self, event: Event) -> list[Event]:
        """Something that the stream told; events that follow from it."""
        if event.kind is EventKind.SCENE_CUT:
            for watch in self._watches.values():
                if isinstance(watch, LineWatch):
                    watch.restart()
        if event.object_id is None:
            return []
        if event.kind is EventKind.ADDED and isinstance(event.detail.get("class"), str):
            self._classes[event.object_id] = event.detail["class"]
        if event.kind is EventKind.EXPIRED:
            self._classes.pop(event.object_id, None)
            self._expired.add(event.object_id)
        if event.kind is EventKind.REMOVED:
            taken_back = event.detail.get("how") in TAKEN_BACK
            return self._end(event.object_id, None if taken_back else "removed")
        if event.kind is EventKind.CORRECTED:
            # Its mask jumps to where it always was: nobody walked there.
            self._tracks.pop(event.object_id, None)
            for watch in self._watches.values():
                if isinstance(watch, LineWatch):
                    watch.forget_way(event.object_id)
        return []

    def take(self, result: FrameResult) -> list[Event]:
        """The next tracked frame; what happened on it."""
        frame = result.frame
        self._time.advance(frame)
        self._num_frames += 1
        self._now = Moment(result.frame_idx, self._time.at(self._num_frames - 1))
        if self._frame_size != (frame.height_px, frame.width_px):
            self._frame_size = (frame.height_px, frame.width_px)
            self._watches = {name: self._reshaped(watch) for name, watch in self._watches.items()}
            self._ground = None if self._scale is None else Ground(self._scale, self._frame_size)
            self._build()
        events = [
            event
            for gone in sorted(self._expired)  # its id may be another object's by now
            for watch in self._watches.values()
            for event in watch.end(gone, "removed")
        ]
        self._present -= self._expired
        self._expired.clear()
        for gone in self._present - result.objects.keys():
            events += self._end(gone, "removed")
        self._present = set(result.objects)
        for item in result.objects.values():
            events += self._look(item)
        return [_without_nothing(event) for event in events]

    def wait(self, elapsed_ns: int) -> list[Event]:
        """So much time passed since the newest frame, and nobody looked; what follows from it alone."""
        now = Moment(self._now.frame_idx, self._now.time_ns + elapsed_ns)
        events = [
            event
            for object_id in sorted(self._present)
            for watch in self._watches.values()
            for event in watch.miss(object_id, now)
        ]
        return [_without_nothing(event) for event in events]

    def states(self) -> tuple[RuleState, ...]:
        """Every rule at this moment, in their order."""
        return tuple(self._state(rule) for rule in self._rules)

    def _state(self, rule: ZoneRule | LineRule) -> RuleState:
        watch = self._watches.get(rule.name)
        if watch is not None:
            return watch.state(self._now)
        kept = self._kept_of(rule)
        counts = Tally({} if kept is None else kept.tally)
        return RuleState(
            rule.name,
            rule.kind,
            self._faults.get(rule.name),
            entered=counts.total("entered"),
            left=counts.total("left"),
            forward=counts.total("forward"),
            backward=counts.total("backward"),
            by_class=counts.by_class(),
        )

    def _kept_of(self, rule: ZoneRule | LineRule) -> KeptRule | None:
        """What was kept of a rule, if it is as it was."""
        kept = self._kept.get(rule.name)
        return kept if kept is not None and kept.digest == digest_of(rule) else None

    def _build(self) -> None:
        """A watch for each rule that fits the picture."""
        if self._frame_size is None:
            return
        self._faults = {}
        for rule in self._rules:
            fault = outside_fault(rule, self._frame_size)
            if fault is not None:
                self._faults[rule.name] = fault
                self._watches.pop(rule.name, None)
            elif rule.name not in self._watches:
                self._watches[rule.name] = watch = _new_watch(rule, self._frame_size)
                kept = self._kept_of(rule)
                if kept is not None:
                    watch.resume(kept, Moment(self._now.frame_idx, self._now.time_ns - self._away_ns))
                if isinstance(watch, LineWatch) and self._kept_size != self._frame_size:
                    watch.restart()  # places on the former pictures are none on these
                self._kept.pop(rule.name, None)
        self._watches = {
            rule.name: self._watches[rule.name] for rule in self._rules if rule.name in self._watches
        }

    def _reshaped(self, watch: Watch) -> Watch:
        """The same watch over pictures of another size."""
        assert self._frame_size is not None
        fresh = _new_watch(watch.rule, self._frame_size)
        if isinstance(watch, ZoneWatch) and isinstance(fresh, ZoneWatch):
            watch.shape = fresh.shape
        elif isinstance(watch, LineWatch) and isinstance(fresh, LineWatch):
            watch.shape = fresh.shape
            watch.restart()  # places on the former pictures are none on these
        return watch

    def _look(self, item: ObjectMask) -> Iterator[Event]:
        class_name = self._class_of(item)
        if not is_seen(item):
            for watch in self._watches.values():
                yield from watch.miss(item.object_id, self._now)
            return
        foot = foot_of(item)
        seen = Seen(item, class_name, foot, self._speed(item.object_id, foot))
        for watch in self._watches.values():
            if concerns(watch.rule, item.label, class_name):
                yield from watch.see(seen, self._now)
            else:
                yield from watch.end(item.object_id, "relabelled")

    def _class_of(self, item: ObjectMask) -> str:
        known = self._classes.get(item.object_id)
        if known is not None:
            return known
        return item.label if item.label in COCO else ""

    def _speed(self, object_id: int, foot: tuple[float, float]) -> float | None:
        if self._ground is None or self._scale is None:
            return None
        track = self._tracks.setdefault(object_id, SpeedTrack(self._scale.window_ms))
        track.note(self._now.time_ns, self._ground.metres(foot))
        speed_mps = track.speed_mps()
        return None if speed_mps is None else round(speed_mps, 2)

    def _end(self, object_id: int, how: str | None) -> list[Event]:
        self._classes.pop(object_id, None)
        self._tracks.pop(object_id, None)
        self._present.discard(object_id)
        events = [event for watch in self._watches.values() for event in watch.end(object_id, how)]
        return [_without_nothing(event) for event in events]


def _new_watch(rule: ZoneRule | LineRule, frame_size: tuple[int, int]) -> Watch:
    points = pixel_points(rule.points, rule.unit, frame_size)
    if isinstance(rule, ZoneRule):
        return ZoneWatch(rule, ZoneShape(points, frame_size))
    return LineWatch(rule, LineShape(points, frame_size))


def _without_nothing(event: Event) -> Event:
    """The event without the keys that have no value."""
    detail: dict[str, Any] = {key: value for key, value in event.detail.items() if value is not None}
    return replace(event, detail=detail)
