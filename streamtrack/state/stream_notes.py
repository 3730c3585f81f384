"""What is noted of a stream while it is tracked, for another thread to write down.

Noting costs a step next to nothing: results are immutable and only referred to. An object's memory has to
be copied where its session is owned, between two steps; that is done for one object at a time, not more often
than asked for, and in all for no more than SHARE of the time that steps take. To encode and write the copies
is the other thread's work.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streamtrack.clock import NS_PER_MS, Clock
from streamtrack.frame import Event, EventKind, FrameResult, ObjectMask
from streamtrack.state.documents import MAX_LABELS
from streamtrack.tracking.memory_file import MemoryFile, ModelFacts

SHARE = 0.02
"""Of the time that steps take, how much copying may take on average."""
MAX_SAVED_NS = 20 * NS_PER_MS
"""Copying time that steps may leave for later ones, and that a new object may take in advance."""


class Owner(Protocol):
    """Whose objects are kept; asked where its session is owned."""

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects that are followed."""
        ...

    def copied(self, object_id: int, facts: ModelFacts) -> MemoryFile | None:
        """A copy of an object's memory; None while it waits for its first frame."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """What people and programs made of a stream."""

    highest_id: int = 0
    """The highest object id that was ever given."""
    prompted: tuple[int, ...] = ()
    """Ids of the config's own prompts that were applied."""
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Born:
    """How an object came, where it started by itself."""

    by: str
    class_name: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """An object's memory at one moment."""

    file: MemoryFile
    at_ns: int
    """Monotonic."""
    number: int
    """Counts the copies of the stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Noted:
    """A stream at one moment."""

    number: int
    """Differs where anything does."""
    frame_idx: int
    objects: Mapping[int, ObjectMask]
    said: Said
    born: Mapping[int, Born] = field(default_factory=dict)
    gone: tuple[tuple[int, str], ...] = ()
    """Ids and labels of objects that are followed no more, oldest first."""
    copies: Mapping[int, Copy] = field(default_factory=dict)


class StreamNotes:
    """Noted by the tracker thread, taken by the writer's."""

    def __init__(self, clock: Clock, every_ns: int) -> None:
        """`every_ns`: how often an object's memory is copied at most."""
        self._clock = clock
        self._every_ns = every_ns
        self._lock = threading.Lock()
        self._facts: ModelFacts | None = None
        self._noted: Noted | None = None
        self._number = 0
        self._budget_ns = 0.0
        self._copies: dict[int, Copy] = {}
        self._born: dict[int, Born] = {}
        self._gone: OrderedDict[int, str] = OrderedDict()
        self.steps_ns = 0
        """Time that steps took, of those that were noted."""
        self.copying_ns = 0
        """Time that noting and copying took, in the steps' thread."""
        self.when_given: Callable[[], None] = lambda: None
        """Called when an id is given that is higher than any before."""

    def begin(
        self,
        facts: ModelFacts,
        gone: Mapping[int, str] | None = None,
        born: Mapping[int, Born] | None = None,
    ) -> None:
        """Note from now on, for a model.

        Args:
            gone: labels that were kept before of objects that are no more.
            born: how objects came that go on.
        """
        self._gone, self._born = OrderedDict(gone or {}), dict(born or {})
        self._facts = facts

    def note(self, owner: Owner, result: FrameResult, said: Said, step_ns: int = 0) -> None:
        """The stream has got so far; from the thread that owns the session.

        Args:
            step_ns: how long the step took that led here; 0: it was a command.
        """
        facts = self._facts
        if facts is None:
            return
        begun_ns = self._clock.monotonic_ns()
        self._learn(result.events)
        self._let_go(result)
        self._budget_ns = min(MAX_SAVED_NS, self._budget_ns + SHARE * step_ns)
        self._copy(owner, result, facts)
        self._number += 1
        noted = Noted(
            self._number,
            result.frame_idx,
            result.objects,
            said,
            dict(self._born),
            tuple(self._gone.items()),
            dict(self._copies),
        )
        with self._lock:
            before, self._noted = self._noted, noted
        if before is None or before.said.highest_id < said.highest_id:
            self.when_given()
        self.steps_ns += step_ns
        self.copying_ns += self._clock.monotonic_ns() - begun_ns

    @property
    def noted(self) -> Noted | None:
        """The newest; None before the first frame. Any thread."""
        with self._lock:
            return self._noted

    def label_of(self, object_id: int) -> str:
        """What an object was called that is gone; empty where nobody knows."""
        return self._gone.get(object_id, "")

    # -- inside ------------------------------------------------------------------------------------------

    def _copy(self, owner: Owner, result: FrameResult, facts: ModelFacts) -> None:
        """Copy new objects, and those whose copy is oldest while the budget lasts."""
        now_ns = self._clock.monotonic_ns()
        followed = [object_id for object_id in owner.object_ids if object_id in result.objects]
        fresh = [object_id for object_id in followed if object_id not in self._copies]
        due = [
            object_id
            for object_id in followed
            if object_id in self._copies and now_ns - self._copies[object_id].at_ns >= self._every_ns
        ]
        due.sort(key=lambda object_id: self._copies[object_id].at_ns)
        for object_id in (*fresh, *due):
            if object_id in self._copies and self._budget_ns <= 0:
                return
            begun_ns = self._clock.monotonic_ns()
            file = owner.copied(object_id, facts)
            took_ns = self._clock.monotonic_ns() - begun_ns
            self._budget_ns = max(-MAX_SAVED_NS, self._budget_ns - took_ns)
            if file is not None:
                self._copies[object_id] = Copy(file, begun_ns, self._number)

    def _learn(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.kind is EventKind.ADDED and event.object_id is not None and "by" in event.detail:
                detail = event.detail
                self._born[event.object_id] = Born(
                    str(detail["by"])[:128],
                    str(detail.get("class") or "")[:128],
                    min(1.0, max(0.0, float(detail.get("score") or 0.0))),
                )

    def _let_go(self, result: FrameResult) -> None:
        """Objects that are followed no more, or were until a moment ago."""
        before = self._noted
        for object_id, mask in () if before is None else before.objects.items():
            if object_id in result.objects:
                continue
            self._copies.pop(object_id, None)
            self._born.pop(object_id, None)
            if mask.label:
                self._gone[object_id] = mask.label
                self._gone.move_to_end(object_id)
        for object_id in result.objects:
            self._gone.pop(object_id, None)
        while len(self._gone) > MAX_LABELS:
            self._gone.popitem(last=False)
