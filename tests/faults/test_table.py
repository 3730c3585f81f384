from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.table import (
    FOLDER_VARIABLE,
    PAGE,
    FaultRow,
    filled,
    kept_rows,
    merged,
    read_rows,
    record_fault,
    render,
)

ROW = FaultRow(1, "a cable is cut", "others go on", 1.0, 0.5, "nothing", held=True, timeout_s=1.0)


def test_row_is_kept_for_the_table_as_it_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "rows"))
    record_fault(ROW)

    assert read_rows(tmp_path / "rows") == [ROW]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"held": False}, "promised: others go on"),
        ({"detect_s": 3.1}, r"told after 3.1 s, expected 3 x 1.0 s at most"),
        ({"detect_s": None}, "told after None"),
        ({"recover_s": 5.1}, "back after 5.1 s"),
    ],
)
def test_promise_that_was_broken_fails_and_is_kept(
    changes: dict[str, object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    row = replace(ROW, **changes)  # type: ignore[arg-type]

    with pytest.raises(AssertionError, match=says):
        record_fault(row)

    assert read_rows(tmp_path) == [row]
    assert "| no |" in render([row])
    assert "0 of 1 held" in render([row])


def test_new_row_takes_the_place_of_the_one_it_repeats() -> None:
    other, again = replace(ROW, number=2), replace(ROW, detect_s=0.1)

    assert merged([other, ROW], [again]) == [again, other]


def test_table_stands_between_its_markers_alone() -> None:
    page = filled("before\n<!-- faults -->\nformer\n<!-- /faults -->\nafter", [ROW])

    assert page.startswith("before\n<!-- faults -->\n| #")
    assert page.endswith("\n<!-- /faults -->\nafter")
    assert "former" not in page
    assert "| 1.00 s of 3 | 0.50 s |" in page


def test_page_is_that_of_the_kept_rows() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert filled(page, kept_rows()) == page, "run python -m tests.faults.table"
