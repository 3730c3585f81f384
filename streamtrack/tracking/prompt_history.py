"""What was said of an object on the frames that are kept, and in which order: what a replay repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamtrack.engine.found import Offered
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.errors import PromptError

MAX_ON_A_FRAME = 64
"""Prompts of one object on one frame; more than any person clicks, and a replay repeats each."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A prompt on a key frame."""

    prompt: CheckedPrompt
    """With the points that were given before on the same frame."""
    serial: int
    """Rises from prompt to prompt of the object."""
    at_frame: int
    """The frame that it was given for; the key frame may lie before it."""


class PromptHistory:
    """An object's prompts on kept key frames, and the masks that the network offered for them."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[Given, ...]] = {}
        self._offered: dict[int, Offered] = {}
        self._next_serial = 0

    @property
    def keys(self) -> list[int]:
        """Key frames with prompts, ascending."""
        return sorted(self._given)

    @property
    def newest(self) -> tuple[int, Given] | None:
        """The prompt that was given last, and its key frame."""
        all_given = [(key, given[-1]) for key, given in self._given.items()]
        return max(all_given, key=lambda one: one[1].serial, default=None)

    def on(self, key: int) -> tuple[Given, ...]:
        """The prompts on a key frame, in the order in which they were given."""
        return self._given.get(key, ())

    def checked(self, key: int) -> list[CheckedPrompt]:
        """The same, as the engine takes them."""
        return [given.prompt for given in self.on(key)]

    def by_key(self) -> Mapping[int, list[CheckedPrompt]]:
        """All of them, for a replay."""
        return {key: self.checked(key) for key in self._given}

    def next_on(self, key: int, prompt: CheckedPrompt, at_frame: int) -> Given:
        """A prompt as it counts after those before it on the same frame; not noted yet.

        Raises:
            PromptError: the frame has too many.
        """
        before = self.on(key)
        if len(before) >= MAX_ON_A_FRAME:
            raise PromptError(
                f"at_frame is {at_frame}, where the object has {len(before)} prompts, expected fewer: "
                "clear them or start the object over"
            )
        self._next_serial += 1
        joined = before[-1].prompt.followed_by(prompt) if before else prompt
        return Given(joined, self._next_serial, at_frame)

    def set(self, key: int, given: tuple[Given, ...]) -> None:
        """The prompts on a key frame from now on."""
        gone = {one.serial for one in self.on(key)} - {one.serial for one in given}
        for serial in gone:
            self._offered.pop(serial, None)
        self._given[key] = given
        if not given:
            del self._given[key]

    def note_offered(self, given: Given, offered: Offered | None) -> None:
        """Which masks the network offered for a prompt."""
        if offered is None:
            self._offered.pop(given.serial, None)
        else:
            self._offered[given.serial] = offered

    def offered(self, given: Given) -> Offered | None:
        """The masks that the network offered for a prompt; None where it knew but one."""
        return self._offered.get(given.serial)

    def forget_before(self, key: int) -> None:
        """Drop prompts on frames that are no longer kept."""
        for old in [index for index in self._given if index < key]:
            self.set(old, ())
