"""A plan's knowledge written down and gone on with; documents of others are refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamtrack.errors import PromptError
from streamtrack.tracking.memory_document import from_document, to_document
from streamtrack.tracking.memory_rules import MemoryRules
from streamtrack.tracking.memory_watch import MemoryWatch
from tests.tracking.test_memory_watch import HIDDEN, RULES, SIZE, hide, seen, watch_of


def written(watch: MemoryWatch, key: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(to_document(watch, key)))
    return document


def test_what_was_written_goes_on_alike_under_other_numbers() -> None:
    watch, key = watch_of(40)
    document = written(watch, key - 1)
    assert document["ago"] == 1
    again = from_document(document, RULES, 32, 99)
    for later in range(30):
        sight = HIDDEN if 5 < later < 12 else seen(50 + 2 * (key + later))
        assert again.expected(100 + later, SIZE) == watch.expected(key + later, SIZE)
        assert again.judge(100 + later, sight) == watch.judge(key + later, sight)


def test_it_is_small_and_whole() -> None:
    watch, key = watch_of(300)
    assert len(json.dumps(to_document(watch, key))) < 16_384
    key = hide(watch, key)
    assert from_document(written(watch, key), RULES, 32, key).newest is not None


def test_of_another_plan_or_of_nothing_a_fresh_one_begins() -> None:
    watch, key = watch_of()
    assert to_document(MemoryWatch(RULES, 32), 0) == {}
    assert from_document({}, RULES, 32, 0).newest is None
    assert from_document(written(watch, key), MemoryRules(name="distractor_aware"), 32, 0).newest is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 3),
        ("ago", "1"),
        ("stable", 1.5),
        ("frame_size", [1]),
        ("motion", [[1.0] * 5] * 3),
        ("motion", [[float("nan")] * 5] * 4),
        ("gallery", ["&"]),
        ("gallery", [[]]),
        ("where", {"pace": []}),
        ("where", 5),
        ("last_box", [0, 0, 1, 1e300]),
        ("motion", [[10**400] * 5] * 4),
        ("gallery", [["AACAfw=="]]),  # infinity
        ("gallery", [["AACAPw==", "AAA="]]),
        ("partly", None),
        ("where", {"pace": [1.0]}),
        ("areas", [1] * 1000),
        ("last_box", [0, 0, 1]),
        ("hidden", True),
    ],
)
def test_a_damaged_document_is_refused_in_one_line(key: str, value: object) -> None:
    watch, frame = watch_of()
    document = written(watch, frame) | {key: value}
    with pytest.raises(PromptError, match="memory plan: ") as refused:
        from_document(document, RULES, 32, 0)
    assert "\n" not in str(refused.value)
