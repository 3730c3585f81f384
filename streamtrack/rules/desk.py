"""One stream's rules as everyone meets them: the consumer that feeds them, the API that changes them, the
picture that shows them. Any thread may call any method."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import LineRule, RulesConfig, ZoneRule
from streamtrack.config.rules import names_fault
from streamtrack.errors import ConfigError, DuplicateRuleError, FixedRuleError, PromptError, UnknownRuleError
from streamtrack.frame import Event, FrameResult, Update
from streamtrack.rules.book import RuleBook
from streamtrack.rules.geometry import outside_fault
from streamtrack.rules.kept import KeptRules
from streamtrack.rules.state import DrawnRule, RuleState
from streamtrack.rules.store import read_rules, write_rules
from streamtrack.rules.thumbnail import thumbnail

IDLE_NS = 2 * NS_PER_S
"""Streams of one picture a second are not idle."""

OnChange = Callable[[tuple[RuleState, ...]], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and where it comes from."""

    rule: ZoneRule | LineRule
    origin: Literal["config", "file", "memory"]
    """config: the config file, and changed there only. file: made over HTTP and kept in `rules.file`. memory:
    made over HTTP, and gone with the process."""
    state: RuleState


class RulesDesk:
    """Keeps the rules, and asks them about every frame."""

    def __init__(self, stream: str, config: RulesConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """
        Raises:
            ConfigError: the file of rules cannot be read, or has a name that the config has too.
        """
        self._stream = stream
        self._config = config
        self._clock = clock
        self._seen_ns: int | None = None
        """When the newest frame was taken; None before the first."""
        self._fixed: tuple[ZoneRule | LineRule, ...] = (*config.zones, *config.lines)
        self._made: tuple[ZoneRule | LineRule, ...] = ()
        if config.file is not None:
            self._made = read_rules(config.file)
            fault = names_fault((*self._fixed, *self._made))
            if fault is not None:
                raise ConfigError(f"{config.file} and the config's rules of stream {stream}: {fault}")
        self._lock = threading.Lock()
        self._book = RuleBook(config.scale)
        self._book.set_rules((*self._fixed, *self._made))
        self._states = self._book.states()
        self._listeners: tuple[OnChange, ...] = ()
        self._redraw: Callable[[], None] = lambda: None
        self._resumed: tuple[KeptRules, int] | None = None
        """What the process before kept, and the monotonic moment at which it did; None once frames come."""

    # -- what outlives the process ----------------------------------------------------------------------

    def kept(self) -> KeptRules:
        """Counts, and who is where."""
        with self._lock:
            return self._book.kept()

    def resume(self, kept: KeptRules, age_s: float) -> None:
        """Go on with what the process before kept so long ago; before the first frame."""
        with self._lock:
            self._resumed = kept, self._clock.monotonic_ns() - int(age_s * NS_PER_S)
            self._book.resume(kept, int(age_s * NS_PER_S))
            self._states = self._book.states()

    def _resume_now(self) -> None:
        """The first frame has come; the lock is held."""
        if self._resumed is not None:
            kept, kept_ns = self._resumed
            self._resumed = None
            self._book.resume(kept, self._clock.monotonic_ns() - kept_ns)

    # -- what the stream sees --------------------------------------------------------------------------

    def take(self, update: Update) -> tuple[Event, ...]:
        """Look at an update; what the rules tell of it, each with the object's picture."""
        result = update.result
        with self._lock:
            if result is not None:
                self._resume_now()
            events = [told for event in update.events for told in self._book.note(event)]
            if result is not None and not update.revises:
                events += self._book.take(result)
                self._seen_ns = self._clock.monotonic_ns()
        self._note_states()
        return tuple(self._with_picture(event, result) for event in events)

    def idle(self) -> tuple[Event, ...]:
        """Called now and then: where no frame came for a while, whoever has been away for too long has
        left."""
        with self._lock:
            if self._seen_ns is None:
                return ()
            elapsed_ns = self._clock.monotonic_ns() - self._seen_ns
            events = self._book.wait(elapsed_ns) if elapsed_ns >= IDLE_NS else []
        self._note_states()
        return tuple(events)

    def _note_states(self) -> None:
        """Keep the answers of this moment, and tell who listens where a count changed."""
        with self._lock:
            before, self._states = self._states, self._book.states()
            states, listeners = self._states, self._listeners
        if _counts(before) != _counts(states):
            for listener in listeners:
                listener(states)

    def _with_picture(self, event: Event, result: FrameResult | None) -> Event:
        item = None if result is None or event.object_id is None else result.objects.get(event.object_id)
        if result is None or item is None or not item.area_px:
            return event
        picture = thumbnail(result.frame.image, item.box, self._config.thumbnail_px)
        return event if picture is None else replace(event, detail={**event.detail, "thumbnail": picture})

    # -- what is asked ---------------------------------------------------------------------------------

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """H, W of the newest frame; None before the first."""
        return self._book.frame_size

    @property
    def stored(self) -> bool:
        """Whether rules that are made over HTTP outlive the process."""
        return self._config.file is not None

    def states(self) -> tuple[RuleState, ...]:
        """Every rule's answers at this moment. Waits for nobody."""
        return self._states

    def rules(self) -> tuple[Rule, ...]:
        """Every rule, those of the config first."""
        with self._lock:
            states = {state.name: state for state in self._states}
            made: Literal["file", "memory"] = "file" if self._config.file is not None else "memory"
            fixed = [Rule(rule, "config", states[rule.name]) for rule in self._fixed]
            return (*fixed, *(Rule(rule, made, states[rule.name]) for rule in self._made))

    def rule(self, name: str) -> Rule:
        """One rule.

        Raises:
            UnknownRuleError: there is none of that name.
        """
        rules = self.rules()
        for rule in rules:
            if rule.rule.name == name:
                return rule
        raise UnknownRuleError(self._stream, name, [rule.rule.name for rule in rules])

    def drawn(self) -> tuple[DrawnRule, ...]:
        """Every rule in force as the picture shows it; none before the first frame."""
        with self._lock:
            size, states = self._book.frame_size, self._states
            rules = (*self._fixed, *self._made)
        if size is None:
            return ()
        known = {state.name: state for state in states}
        return tuple(_drawn(rule, known[rule.name], size) for rule in rules if known[rule.name].fault is None)

    def listen(self, listener: OnChange) -> None:
        """Tell `listener` every rule's answers whenever a count changed, from whatever thread changed it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def when_changed(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever a rule was made, changed or removed."""
        self._redraw = tell

    # -- what is changed -------------------------------------------------------------------------------

    def add(self, rule: ZoneRule | LineRule) -> Rule:
        """A new rule, from the next frame on.

        Raises:
            DuplicateRuleError: there is one of that name.
            PromptError: it lies outside the picture, or there are too many.
            PublishError: the file cannot be written; the rule is not in force.
        """
        with self._lock:
            if any(known.name == rule.name for known in (*self._fixed, *self._made)):
                raise DuplicateRuleError(f"{self._stream}: there is a rule {rule.name!r} already")
            self._check(rule)
            listeners = self._keep((*self._made, rule))
        return self._told(rule.name, listeners)

    def put(self, name: str, rule: ZoneRule | LineRule) -> Rule:
        """Another rule in the place of one; its counts begin anew, unless it is as it was.

        Raises:
            UnknownRuleError: there is none of that name.
            FixedRuleError: it is the config file's.
            DuplicateRuleError: its new name is another's.
            PromptError, PublishError: as `add`.
        """
        with self._lock:
            self._require_made(name)
            others = [known.name for known in (*self._fixed, *self._made) if known.name != name]
            if rule.name in others:
                raise DuplicateRuleError(f"{self._stream}: there is a rule {rule.name!r} already")
            self._check(rule)
            listeners = self._keep(tuple(rule if known.name == name else known for known in self._made))
        return self._told(rule.name, listeners)

    def remove(self, name: str) -> None:
        """A rule less.

        Raises:
            UnknownRuleError, FixedRuleError, PublishError: as `put`.
        """
        with self._lock:
            self._require_made(name)
            listeners = self._keep(tuple(known for known in self._made if known.name != name))
        self._tell(listeners)

    def _require_made(self, name: str) -> None:
        if any(known.name == name for known in self._fixed):
            raise FixedRuleError(f"{self._stream}: rule {name!r} is the config file's, change it there")
        if not any(known.name == name for known in self._made):
            names = [known.name for known in (*self._fixed, *self._made)]
            raise UnknownRuleError(self._stream, name, names)

    def _check(self, rule: ZoneRule | LineRule) -> None:
        size = self._book.frame_size
        fault = None if size is None else outside_fault(rule, size)
        if fault is not None:
            raise PromptError(f"{self._stream}: {fault}")

    def _keep(self, made: tuple[ZoneRule | LineRule, ...]) -> Sequence[OnChange]:
        """Write, then use; the lock is held. Returns whom to tell."""
        fault = names_fault((*self._fixed, *made))
        if fault is not None:
            raise PromptError(f"{self._stream}: {fault}")
        if self._config.file is not None:
            write_rules(self._config.file, made)
        self._made = made
        self._book.set_rules((*self._fixed, *made))
        self._states = self._book.states()
        return self._listeners

    def _told(self, name: str, listeners: Sequence[OnChange]) -> Rule:
        self._tell(listeners)
        return self.rule(name)

    def _tell(self, listeners: Sequence[OnChange]) -> None:
        states = self.states()
        for listener in listeners:
            listener(states)
        self._redraw()


def _counts(states: Sequence[RuleState]) -> list[tuple[object, ...]]:
    """What of the states is worth telling: not the dwell, which changes with every frame."""
    return [
        (one.name, one.fault, len(one.inside), one.entered, one.left, one.forward, one.backward)
        for one in states
    ]


def _drawn(rule: ZoneRule | LineRule, state: RuleState, size: tuple[int, int]) -> DrawnRule:
    height, width = size
    points = rule.points
    if rule.unit == "px":
        points = tuple((x / width, y / height) for x, y in points)
    if isinstance(rule, ZoneRule):
        return DrawnRule(rule.name, points, True, f"{len(state.inside)}", bool(state.inside))
    text = f"{rule.forward} {state.forward}  {rule.backward} {state.backward}"
    return DrawnRule(rule.name, points, False, text, False)
