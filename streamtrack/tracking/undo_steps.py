"""The newest changes of a session's prompts, and what it takes to take each of them back. Bounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from streamtrack.tracking.prompt_history import Given
from streamtrack.tracking.tracked_object import TrackedObject

MAX_STEPS = 32
"""Changes that can be taken back."""
MAX_REPLACING = 4
"""Of those, how many keep whole objects: each costs an object's slots."""


@dataclass(slots=True, eq=False)
class Step:
    """A change of one object's prompts."""

    object_id: int
    what: str
    """start, correct, clear, choose, start_over or merge."""
    key: int = -1
    """The key frame whose prompts changed; of start_over and merge the first that the objects did not see any
    more; -1 while it waits for the next frame."""
    at_frame: int = -1
    """The frame that it was for; -1 while it waits."""
    former: tuple[Given, ...] = ()
    """That key frame's prompts before."""
    replaced: tuple[TrackedObject, ...] = ()
    """Objects as they were before they were started over or merged."""
    order: tuple[int, ...] = ()
    """All objects, where some were replaced, in the order in which they stood."""

    @property
    def waits(self) -> bool:
        """Whether it is a first prompt that waits for the next frame."""
        return self.at_frame < 0

    def concerns(self, object_ids: Collection[int]) -> bool:
        """Whether it changed one of these objects."""
        return self.object_id in object_ids or any(one.object_id in object_ids for one in self.replaced)


def keys_of(objects: Iterable[TrackedObject]) -> set[int]:
    """Keys that objects began on or remember for good."""
    return {key for one in objects for key in (one.from_key, *one.slot.conditioning)}


class UndoSteps:
    """Steps in the order in which they came. An object's steps go with it."""

    def __init__(self, close: Callable[[TrackedObject], None]) -> None:
        """`close` is given objects that nobody will bring back any more."""
        self._close = close
        self._steps: list[Step] = []

    @property
    def lasting_keys(self) -> set[int]:
        """Keys that objects that may come back began on or remember for good."""
        return keys_of(one for step in self._steps for one in step.replaced)

    def note(self, step: Step) -> None:
        """Something was changed just now."""
        self._steps.append(step)
        if len(self._steps) > MAX_STEPS:
            self._drop_until(self._steps[0])
        replacing = [one for one in self._steps if one.replaced]
        if len(replacing) > MAX_REPLACING:
            self._drop_until(replacing[0])

    def last(self, object_id: int | None = None) -> Step | None:
        """The newest change, of an object or of all; None where none is known any more."""
        steps = (step for step in reversed(self._steps) if object_id in (None, step.object_id))
        return next(steps, None)

    def taken_back(self, step: Step) -> None:
        """A change is no more; what it replaced is in use again."""
        self._steps.remove(step)

    def came(self, object_id: int, key: int, at_frame: int) -> None:
        """A first prompt that waited found its frame."""
        for step in self._steps:
            if step.object_id == object_id and step.waits:
                step.key, step.at_frame = key, at_frame

    def forget(self, object_id: int) -> None:
        """An object is gone, and with it what could be taken back of it."""
        for step in self._steps[::-1]:
            if step.object_id == object_id and step in self._steps:
                (self._drop_until if step.replaced else self._drop)(step)
            elif step.concerns({object_id}):
                return  # what is older was done to another object that had its id

    def _drop_until(self, last: Step) -> None:
        """Drop a step, and those before it that could only be taken back after it."""
        touched = {last.object_id, *(one.object_id for one in last.replaced)}
        for step in self._steps[: self._steps.index(last) + 1]:
            if step.concerns(touched):
                self._drop(step)

    def _drop(self, step: Step) -> None:
        self._steps.remove(step)
        for one in step.replaced:
            self._close(one)
