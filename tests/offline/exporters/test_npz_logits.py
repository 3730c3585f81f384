"""Logits as arrays, read back by numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamtrack.errors import PublishError
from streamtrack.frame import Update
from tests.support.exports import BALL, GONE, export
from tests.support.recordings import update

LOGITS = np.linspace(-9, 9, 48, dtype=np.float32).reshape(6, 8)


def with_logits(index: int, **logits: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Update:
    one = update(index, objects=[BALL, GONE])
    assert one.result is not None
    by_id = {int(key[1:]): value for key, value in logits.items()}
    return replace(one, result=replace(one.result, logits=by_id or None))


def test_logits_are_exact_and_nan_where_there_are_none(tmp_path: Path) -> None:
    updates = (with_logits(0, o7=LOGITS), with_logits(1), with_logits(2, o7=LOGITS, o8=-LOGITS))
    export("npz-logits", tmp_path, *updates)
    with np.load(tmp_path / "logits.npz") as arrays:
        assert arrays["object_ids"].tolist() == [7, 8]
        first, missing, last = (arrays[f"frame_0000{index}"] for index in range(3))
    assert np.array_equal(last, [LOGITS, -LOGITS])
    assert np.array_equal(first[0], LOGITS)
    assert np.isnan(first[1]).all()
    assert missing.shape == (2, 6, 8)
    assert np.isnan(missing).all()


def test_run_that_keeps_no_logits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="--export npz-logits: a run with key frames keeps no logits"):
        export("npz-logits", tmp_path, with_logits(0))
