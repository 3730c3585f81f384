"""Whether a second look at pictures can be believed: some cameras are never strictly right. Pure."""

from __future__ import annotations

MAX_FALSE_ALARMS = 25
"""Alarms in a row about pictures that the decoder finds sound; then the look misjudges the stream."""


class Alarms:
    """Counts the alarms of one look."""

    def __init__(self) -> None:
        self._num = 0
        self._is_proven = False
        self.is_misled = False
        """Whether the look is wrong about this stream, for good."""

    def passed(self) -> None:
        """A picture was found sound."""
        self._is_proven, self._num = True, 0

    def raised(self, numbers: set[int]) -> set[int]:
        """The pictures to believe damaged: the same, unless no picture was ever found sound, or too few."""
        self._num += len(numbers)
        self.is_misled = self.is_misled or self._num > MAX_FALSE_ALARMS
        return numbers if self._is_proven and not self.is_misled else set()
