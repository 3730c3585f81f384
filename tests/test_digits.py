from __future__ import annotations

import pytest

from streamtrack.digits import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_ascii_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "+1", "-1", "1.0", "1_0", "²", "٣", "9" * 19, "9" * 5_000])
def test_everything_else_is_none(text: str) -> None:
    assert whole_number(text) is None
