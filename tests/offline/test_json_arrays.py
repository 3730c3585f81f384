"""Documents of arrays that are valid JSON whatever the disk does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamtrack.offline.json_arrays import JsonArrays, gathered
from tests.support.disk import small_disk


def arrays(folder: Path) -> JsonArrays:
    return JsonArrays(lambda name: folder / name, "a.json", "big", ("small",))


def test_arrays_come_in_any_order_and_end_as_one_document(tmp_path: Path) -> None:
    document = arrays(tmp_path)
    for index in range(3):
        document.append("small", {"id": index})
        document.append("big", [index, "\udcff ü"])
    document.close({"rest": [1]})
    whole = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert whole["big"] == [[index, "\udcff ü"] for index in range(3)]
    assert whole["small"] == [{"id": index} for index in range(3)]
    assert whole["rest"] == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_full_disk_leaves_a_document_of_the_entries_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = arrays(tmp_path)
    with small_disk(tmp_path, monkeypatch, room=5_000):
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012
            for index in range(1000):
                document.append("small", "s" * 40)
                document.append("big", {"id": index, "text": "b" * 40})
        document.close({})
    whole = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(whole["small"]) >= len(whole["big"]) > 20


def test_gathered_texts_are_the_same_text() -> None:
    texts = ["ab" * 300_000, "c", "d" * 700_000, "e"]
    pieces = list(gathered(texts))
    assert "".join(pieces) == "".join(texts)
    assert len(pieces) == 2
