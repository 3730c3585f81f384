"""The model card says what was measured."""

from __future__ import annotations

from training.report import CARD, CURVE, filled, load


def test_card_holds_the_tables_that_the_results_give() -> None:
    text = CARD.read_text(encoding="utf-8")

    assert filled(text) == text, "run python -m training.report"
    assert text.count("<!-- nano:") == 3
    assert CURVE.is_file()


def test_one_round_is_shipped_and_it_is_the_last() -> None:
    rounds = load("rounds")

    assert [bool(entry.get("shipped")) for entry in rounds] == [False] * (len(rounds) - 1) + [True]
