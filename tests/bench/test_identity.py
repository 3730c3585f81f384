"""Who is who at the end, by hand and from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import bench_identity
from bench.bench_identity import GONE, score_scene, told_in_time
from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.engine.preprocess import as_frame
from streamtrack.frame import BoolMask, FrameResult, ObjectMask, ObjectState, StageTimes
from tests.support.bench import run

PICTURE = np.zeros((20, 40, 3), np.uint8)


def square(x: int) -> BoolMask:
    mask: BoolMask = np.zeros((20, 40), np.bool_)
    mask[5:15, x : x + 10] = True
    return mask


def told(index: int, **at: tuple[int, ObjectState]) -> FrameResult:
    """A result whose objects a and b are at x, in a state."""
    objects = {
        1 + number: ObjectMask.from_mask(square(x), 1 + number, state=state)
        for number, (x, state) in enumerate(at.values())
    }
    frame = as_frame(PICTURE, index, SYSTEM_CLOCK)
    return FrameResult(index, frame, objects, StageTimes())


def test_those_who_changed_places_are_not_kept_and_are_foreign() -> None:
    truths = [{1: square(0), 2: square(25)}] * 8
    sure, unsure = ObjectState.TRACKING, ObjectState.UNCERTAIN
    good = score_scene([told(i, a=(0, sure), b=(25, sure)) for i in range(8)], truths)
    assert (good.kept, good.foreign, good.overlap) == ([True, True], 0, [1.0] * 16)
    bad = score_scene([told(i, a=(25, sure), b=(0, unsure)) for i in range(8)], truths)
    assert (bad.kept, bad.foreign) == ([False, False], 8)


def test_a_change_counts_once_it_lasts_and_within_three_frames() -> None:
    shown = [True] * 8 + [False] * 8 + [True] * 8
    assert told_in_time(shown, shown) == [True, True]
    late = [True] * 11 + [False] * 10 + [True] * 3
    assert told_in_time(shown, late) == [True, False]
    blink = [True] * 8 + [False] * (GONE - 1) + [True] * 8
    assert told_in_time(blink, blink) == []


def test_seeds_are_one_or_a_range() -> None:
    assert list(bench_identity.parse_seeds("3")) == [3]
    assert list(bench_identity.parse_seeds("0-2")) == [0, 1, 2]
    for wrong in ("x", "-1", "3-1", "1-y", ""):
        with pytest.raises(ValueError, match=f"--seeds is '{wrong}', expected one such as 3"):
            bench_identity.parse_seeds(wrong)


@pytest.mark.whole_bench
def test_quick_run_has_every_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_identity, tmp_path, monkeypatch)
    assert set(bench_identity.by_plan(result, "all")) == set(bench_identity.PLANS)
    assert "recent" in bench_identity.headline(result)
    assert "| motion_aware |" in table
    assert "HOTA" in table
