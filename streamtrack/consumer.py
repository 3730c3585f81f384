"""Whoever takes what a stream tells: a publisher, a picture for viewers, a detector, an exporter.

A live stream calls `take` from a thread of the consumer's own, so that a slow one never delays a step; an
offline job calls it in its own thread, frame by frame.
"""

from __future__ import annotations

from typing import Protocol

from streamtrack.frame import Update


class Consumer(Protocol):
    """Takes updates, one at a time and in order."""

    @property
    def name(self) -> str:
        """Names it in logs, thread names and drop counts; one word."""
        ...

    def take(self, update: Update) -> None:
        """Take one update. What it raises ends this consumer's part of the update, never the stream's."""
        ...

    def close(self) -> None:
        """No update will come any more; called once, after the last `take`, from the same thread."""
        ...
