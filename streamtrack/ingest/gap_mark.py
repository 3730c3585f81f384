"""Which frame carries the mark that time was lost before it. Pure."""

from __future__ import annotations


class GapMark:
    """Repeats the mark until a marked frame was taken for sure.

    A frame that waits in the mailbox may be pushed out, and its mark with it. A consumer that sees the mark
    twice loses nothing.
    """

    def __init__(self) -> None:
        self._is_due = False
        self._was_put = False

    def set(self) -> None:
        """The next frame comes after a gap."""
        self._is_due, self._was_put = True, False

    def next_is_marked(self, last_was_taken: bool) -> bool:
        """Whether the next frame carries the mark; `last_was_taken`: the one before cannot be pushed out."""
        if self._was_put and last_was_taken:
            self._is_due = False
        self._was_put = self._is_due
        return self._is_due
