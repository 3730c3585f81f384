"""Whole numbers in texts that others wrote.

`str.isdigit` and `str.isdecimal` say yes to digits of other scripts and to superscripts. `int` refuses some
of those, and everything of more than 4,300 digits, with an error that nobody expects there.
"""

from __future__ import annotations

MAX_DIGITS = 18
"""Such a number fits 64 bits."""


def whole_number(text: str, max_digits: int = MAX_DIGITS) -> int | None:
    """The number that ASCII digits alone write; None where the text is anything else, or is longer."""
    if not 0 < len(text) <= max_digits or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
