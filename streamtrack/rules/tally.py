"""Counts of one rule: what happened, by class."""

from __future__ import annotations

from collections import Counter


class Tally:
    """How often each thing happened."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, what: str, class_name: str) -> int:
        """Count once more; how often it happened so far."""
        self._counts.setdefault(what, Counter())[class_name] += 1
        return self.total(what)

    def total(self, what: str) -> int:
        """How often it happened."""
        return sum(self._counts.get(what, Counter()).values())

    def by_class(self) -> dict[str, dict[str, int]]:
        """A copy."""
        return {what: dict(counts) for what, counts in self._counts.items()}
