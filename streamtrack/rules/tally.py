"""Counts of one rule: what happened, by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Tally:
    """How often each thing happened."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """`counts`: as `by_class` gave them."""
        self._counts = {what: Counter(by_class) for what, by_class in (counts or {}).items()}

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
