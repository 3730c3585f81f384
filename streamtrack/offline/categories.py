"""Labels as the numbered classes of a data set, in the order in which they first come."""

from __future__ import annotations

from typing import Any

UNLABELLED = "object"
"""The class of an object without a label."""


class Categories:
    """Numbers for labels."""

    def __init__(self, first: int) -> None:
        """`first`: the first number; COCO counts from 1, YOLO from 0."""
        self._first = first
        self._numbers: dict[str, int] = {}

    def number(self, label: str) -> int:
        """The class of a label."""
        return self._numbers.setdefault(label.strip() or UNLABELLED, self._first + len(self._numbers))

    def names(self) -> dict[int, str]:
        """Every label that came, by its number."""
        return {number: label for label, number in self._numbers.items()}

    def coco(self) -> list[dict[str, Any]]:
        """As COCO's `categories`."""
        return [
            {"id": number, "name": label, "supercategory": "object"} for number, label in self.names().items()
        ]
