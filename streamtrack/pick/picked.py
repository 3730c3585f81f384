"""What was picked so far: objects with their labels, and what was said of each on which frame. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from streamtrack.errors import PromptError
from streamtrack.prompt import MAX_OBJECT_ID, Prompt, check_label, check_object_id

FIRST_OBJECT_ID = 1
MAX_UNDO = 200
"""Steps that can be taken back; the oldest are forgotten."""
MAX_OBJECTS = 256
"""More than anyone clicks; bounds what a page can ask for."""

Key = tuple[int, int]
"""frame_idx, object_id."""
Check = Callable[[Prompt, bool], None]
"""Given a prompt, and whether it is the only one of its object."""


@dataclass(frozen=True, slots=True)
class Picks:
    """Objects and prompts at one moment."""

    labels: Mapping[int, str] = field(default_factory=dict)
    """What each object is called, by id, in the order in which they came; may be empty."""
    prompts: Mapping[Key, Prompt] = field(default_factory=dict)
    """One for each frame and object that something was said of; its label is empty."""

    def with_prompt(self, prompt: Prompt) -> Picks:
        """Another prompt for its object and frame, in place of the one there was."""
        key = (prompt.at_frame or 0, prompt.object_id)
        labels = {**self.labels, prompt.object_id: self.labels.get(prompt.object_id, "")}
        return Picks(MappingProxyType(labels), MappingProxyType({**self.prompts, key: prompt}))

    def without(self, keys: Iterable[Key]) -> Picks:
        """Without some prompts; an object that has none left is gone, too."""
        gone = set(keys)
        prompts = {key: prompt for key, prompt in self.prompts.items() if key not in gone}
        left = {object_id for _, object_id in prompts}
        labels = {object_id: label for object_id, label in self.labels.items() if object_id in left}
        return Picks(MappingProxyType(labels), MappingProxyType(prompts))

    def in_order(self) -> tuple[Prompt, ...]:
        """All prompts with their objects' labels, by frame, then by object."""
        return tuple(
            replace(prompt, label=self.labels[prompt.object_id]) for _, prompt in sorted(self.prompts.items())
        )


class Picked:
    """The picks of now, and those before them."""

    def __init__(self, prompts: Iterable[Prompt] = (), check: Check | None = None) -> None:
        """Begin with prompts that were given beforehand; they cannot be undone, but removed.

        Args:
            check: refuses a prompt that does not fit the film.
        Raises:
            PromptError, ShapeError: what `check` raises for one of those.
        """
        self._check = check
        picks = Picks()
        for prompt in sorted(prompts, key=lambda one: one.at_frame or 0):
            if check is not None:
                check(prompt, prompt.object_id not in picks.labels)
            picks = picks.with_prompt(_plain(prompt, prompt.at_frame or 0))
            if prompt.label:
                picks = replace(picks, labels={**picks.labels, prompt.object_id: prompt.label})
        self._now = picks
        self._before: list[Picks] = []
        self.revision = 0
        """Counts what was done."""

    @property
    def now(self) -> Picks:
        """The picks of this moment."""
        return self._now

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._before)

    def add_point(self, frame_idx: int, x: float, y: float, *, on: bool, object_id: int | None) -> Prompt:
        """Say that a pixel is on an object, or off it; returns all that is said of it on the frame now.

        Args:
            object_id: None: a new object.
        Raises:
            PromptError: no such object, there are too many, or the prompt does not fit.
        """
        known = self._object(object_id)
        before = self._now.prompts.get((frame_idx, known))
        if before is None or before.mask is not None:
            points, labels, box = [], [], None
        else:
            points, labels, box = before.points.tolist(), before.labels.tolist(), before.box
        return self._add(Prompt(known, [*points, [x, y]], [*labels, int(on)], box, at_frame=frame_idx))

    def add_box(
        self, frame_idx: int, box: tuple[float, float, float, float], *, object_id: int | None
    ) -> Prompt:
        """Say where an object is; what was said of it on the frame before is forgotten, as SAM 2 does."""
        return self._add(Prompt(self._object(object_id), box=box, at_frame=frame_idx))

    def clear(self, object_id: int, frame_idx: int) -> None:
        """Forget what was said of an object on a frame.

        Raises:
            PromptError: nothing was.
        """
        self._require(object_id)
        if (frame_idx, object_id) not in self._now.prompts:
            raise PromptError(f"object {object_id}: frame {frame_idx} has no prompt, expected one that has")
        self._do(self._now.without([(frame_idx, object_id)]))

    def remove(self, object_id: int) -> None:
        """Forget an object.

        Raises:
            PromptError: there is no such object.
        """
        self._require(object_id)
        self._do(self._now.without([key for key in self._now.prompts if key[1] == object_id]))

    def rename(self, object_id: int, label: str) -> None:
        """Call an object something.

        Raises:
            PromptError: there is no such object, or that is no text.
        """
        self._require(object_id)
        label = check_label(label, f"object {object_id}")
        self._do(replace(self._now, labels={**self._now.labels, object_id: label}))

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        if not self._before:
            return False
        self._now = self._before.pop()
        self.revision += 1
        return True

    def _add(self, prompt: Prompt) -> Prompt:
        if self._check is not None:
            others = (key for key in self._now.prompts if key != (prompt.at_frame, prompt.object_id))
            self._check(prompt, all(key[1] != prompt.object_id for key in others))
        self._do(self._now.with_prompt(prompt))
        return prompt

    def _do(self, picks: Picks) -> None:
        self._before.append(self._now)
        del self._before[:-MAX_UNDO]
        self._now = picks
        self.revision += 1

    def _require(self, object_id: int) -> None:
        if check_object_id(object_id) not in self._now.labels:
            known = ", ".join(map(str, self._now.labels)) or "none"
            raise PromptError(f"object {object_id} is not picked, expected one of: {known}")

    def _object(self, object_id: int | None) -> int:
        """The id of an object, which may be new."""
        if object_id is not None:
            self._require(object_id)
            return object_id
        if len(self._now.labels) >= MAX_OBJECTS:
            raise PromptError(f"{MAX_OBJECTS} objects are picked, expected fewer than that")
        # One that was used before is not given to another: what was removed may come back by an undo.
        used = [max(picks.labels, default=0) for picks in (*self._before, self._now)]
        return min(max((*used, FIRST_OBJECT_ID - 1)) + 1, MAX_OBJECT_ID)


def _plain(prompt: Prompt, frame_idx: int) -> Prompt:
    """A prompt for a frame, without its label."""
    points, labels = prompt.points, prompt.labels
    return Prompt(prompt.object_id, points, labels, prompt.box, prompt.mask, at_frame=frame_idx)
