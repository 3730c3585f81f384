"""After a look in vain nobody looks again for some frames, unless more is to be seen: each is a pass of the
decoder."""

from __future__ import annotations

from dataclasses import dataclass, field

REST = 2
"""Frames without a look behind one in vain."""
MORE = 1.5
"""Times as much that has to show to look at once."""


@dataclass(slots=True)
class LooksInVain:
    """Of one object, over its frames; they are numbered by key, ascending."""

    history: int
    """Frames that may be looked at anew."""
    _shown: dict[int, float] = field(default_factory=dict)
    """By the frames on which a look was in vain, how much showed there."""

    def rests(self, key: int, shown: float = 1.0) -> bool:
        """Whether nobody looks on a frame on which so much shows, in any unit."""
        last = max((index for index in self._shown if key - REST <= index < key), default=None)
        return last is not None and shown < MORE * self._shown[last]

    def note(self, key: int, shown: float = 1.0) -> None:
        """A look on a frame was in vain."""
        self._shown[key] = shown
        self._shown = {index: one for index, one in self._shown.items() if index > key - self.history - REST}

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on: it will be looked at again."""
        self._shown = {index: one for index, one in self._shown.items() if index < key}
