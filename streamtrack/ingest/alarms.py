"""Whether a second look at pictures can be believed: some cameras are never strictly right. Pure."""

from __future__ import annotations

MAX_FALSE_ALARMS = 25
"""Alarms in a row after which the look misjudges the stream, where it found few pictures sound before."""
MAX_TRUST = 500
"""Pictures found sound that count: each lets one alarm more pass for a true one."""


class Alarms:
    """Counts the alarms of one look."""

    def __init__(self) -> None:
        self._num_raised = self._num_passed = 0
        self.is_misled = False
        """Whether the look is wrong about this stream, for good."""

    def passed(self) -> None:
        """A picture was found sound."""
        self._num_passed, self._num_raised = min(self._num_passed + 1, MAX_TRUST), 0

    def raised(self, numbers: set[int]) -> set[int]:
        """The pictures to believe damaged: the same, unless no picture was ever found sound, or too few."""
        self._num_raised += len(numbers)
        if self._num_raised > MAX_FALSE_ALARMS + self._num_passed:
            self.is_misled = True
        return numbers if self._num_passed and not self.is_misled else set()
