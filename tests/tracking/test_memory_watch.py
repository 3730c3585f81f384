"""Which frames are remembered, and who is found again: numbers alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.engine.appearance import Appearance, alike
from streamtrack.tracking.gallery import GALLERY
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_rules import MOTION_WEIGHT, MemoryRules, Sight, make_memory_rules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.past import HIDDEN_FRAMES, LONG_HIDDEN

SIZE = (100, 200)
RULES = MemoryRules(found_similarity=0.5, found_frames=2)


def look(angle: float) -> Appearance:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


SELF, OTHER = look(0.0), look(2.0)


def seen(
    x: float = 50.0,
    *,
    iou: float = 0.9,
    score: float = 0.99,
    rival: float = 1.0,
    area: int = 800,
    appearance: Appearance | None = SELF,
) -> Sight:
    known = None if appearance is None else KnownLook(appearance)
    return Sight(score, iou, rival, known, (x, 20.0, x + 20.0, 60.0), area, SIZE)


HIDDEN = Sight(0.01, 0.2, 1.0, KnownLook(SELF), None, 0, SIZE)


def watch_of(frames: int = 20, rules: MemoryRules = RULES, step: float = 2.0) -> tuple[MemoryWatch, int]:
    """One that has seen an object go right, and the next key."""
    watch = MemoryWatch(rules, history=32)
    watch.judge(0, seen(), prompted=True)
    for key in range(1, frames):
        assert watch.judge(key, seen(50 + step * key)).remember
    return watch, frames


def test_recent_has_no_rules_and_the_others_differ_in_motion_and_anchors() -> None:
    assert make_memory_rules(TrackingConfig(memory="recent")) is None
    assert make_memory_rules(TrackingConfig()) is None
    by_motion = make_memory_rules(TrackingConfig(memory="motion_aware", found_frames=4))
    by_anchors = make_memory_rules(TrackingConfig(memory="distractor_aware", found_similarity=0.25))
    assert by_motion is not None
    assert by_anchors is not None
    assert (by_motion.motion_weight, by_motion.anchors, by_motion.found_frames) == (MOTION_WEIGHT, False, 4)
    assert (by_anchors.motion_weight, by_anchors.anchors, by_anchors.found_similarity) == (0.0, True, 0.25)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(seen(88, iou=0.4), id="quality"),
        pytest.param(seen(88, score=0.3), id="visibility"),
        pytest.param(replace(seen(88), contested=True), id="another claims it"),
        pytest.param(replace(seen(88), fit=False), id="damaged"),
        pytest.param(HIDDEN, id="hidden"),
    ],
)
def test_a_frame_is_remembered_only_if_visibility_quality_and_motion_agree(bad: Sight) -> None:
    watch, key = watch_of()
    assert not watch.judge(key, bad).remember
    assert watch.judge(key + 1, seen(50 + 2 * (key + 1))).remember


def test_what_jumps_is_not_remembered_until_motion_has_caught_up() -> None:
    watch, key = watch_of()
    assert not watch.judge(key, seen(170)).remember
    remembered = [watch.judge(key + later, seen(170)).remember for later in range(1, 20)]
    assert remembered == sorted(remembered)
    assert remembered[-1]


def test_motion_counts_only_once_it_is_known() -> None:
    watch, key = watch_of(RULES.stable_frames - 1)
    assert watch.expected(key, SIZE) is None
    assert watch.judge(key, seen(170)).remember  # jumped, as far as anyone knows


def test_it_is_expected_where_it_goes_in_pixels_of_the_picture() -> None:
    watch, key = watch_of(25)
    expected = watch.expected(key, SIZE)
    assert expected is not None
    assert expected.weight == MOTION_WEIGHT
    assert expected.box == pytest.approx((100, 20, 120, 60), abs=1.5)
    assert watch.expected(key, (200, 400)) is None  # pixels of another size


def test_bad_estimates_end_what_is_known_of_motion() -> None:
    watch, key = watch_of(25)
    watch.judge(key, seen(100, iou=0.2))
    assert watch.expected(key + 1, SIZE) is None


def test_a_short_blink_needs_no_confirmation() -> None:
    watch, key = watch_of()
    for gone in range(HIDDEN_FRAMES - 1):
        assert watch.judge(key + gone, HIDDEN).confirmed
    assert watch.judge(key + HIDDEN_FRAMES - 1, seen(92)).confirmed


def hide(watch: MemoryWatch, key: int, frames: int = 10) -> int:
    for gone in range(frames):
        assert not watch.judge(key + gone, HIDDEN).remember
    return key + frames


def test_it_is_known_for_how_long_it_was_hidden() -> None:
    watch, key = watch_of()
    assert watch.hidden(key) == 0
    gone = hide(watch, key, 4)
    assert watch.hidden(gone) == 4
    assert watch.hidden(key + 2) == 2
    watch.note_cut(gone)
    assert watch.hidden(gone) == 0, "of another scene nothing is known"


def test_who_comes_back_is_confirmed_by_look_and_place_on_some_frames_in_a_row() -> None:
    watch, key = watch_of()
    key = hide(watch, key)
    first = watch.judge(key, seen(100))
    assert (first.confirmed, first.same, first.remember) == (False, True, False)
    assert watch.judge(key + 1, seen(102)).confirmed
    assert watch.judge(key + 2, seen(104)).remember


def test_another_is_never_found_again() -> None:
    watch, key = watch_of()
    key = hide(watch, key)
    for later in range(40):
        verdict = watch.judge(key + later, seen(100, appearance=OTHER))
        assert (verdict.confirmed, verdict.same, verdict.remember) == (False, False, False)
    # And the object itself still is.
    watch.judge(key + 40, seen(100))
    assert watch.judge(key + 41, seen(100)).confirmed


def test_nobody_is_found_further_off_than_it_can_have_come() -> None:
    watch, key = watch_of(step=0.0)
    key = hide(watch, key, HIDDEN_FRAMES)
    assert not watch.judge(key, seen(210)).same  # 160 pixels in 3 frames, of 40 pixels' length


def test_a_prompt_confirms_and_begins_anew() -> None:
    watch, key = watch_of()
    key = hide(watch, key)
    assert watch.judge(key, seen(180, appearance=OTHER), prompted=True).confirmed
    assert watch.judge(key + 1, seen(180, appearance=OTHER)).remember
    newest = watch.newest
    assert newest is not None
    assert max(alike(OTHER, one.features) for one in newest[1].gallery) == pytest.approx(1.0)


def test_a_cut_wants_confirmation_wherever_it_shows() -> None:
    watch, key = watch_of()
    watch.note_cut(key)
    assert watch.expected(key, SIZE) is None
    assert not watch.judge(key, seen(170)).confirmed
    assert watch.judge(key + 1, seen(170)).confirmed


ANCHORING = replace(RULES, anchors=True, motion_weight=0.0)


@pytest.mark.parametrize(
    ("sight", "anchor"),
    [
        (seen(90, rival=0.5), True),
        (seen(90, rival=0.75), False),
        (seen(90, rival=0.5, iou=0.75), False),
        (seen(90, rival=0.5, area=1000), False),
        (seen(90, rival=0.5, area=600), False),
    ],
)
def test_an_anchor_is_a_sure_frame_on_which_a_look_alike_was_told_apart(sight: Sight, anchor: bool) -> None:
    watch, key = watch_of(rules=ANCHORING)
    assert watch.judge(key, sight).anchor is anchor


def test_anchors_keep_their_distance() -> None:
    watch, key = watch_of(rules=ANCHORING)
    anchors = [key + n for n in range(14) if watch.judge(key + n, seen(90 + 2 * n, rival=0.4)).anchor]
    assert anchors == [key, key + 6, key + 12]


def test_set_back_it_stands_as_it_stood() -> None:
    watch, key = watch_of()
    before = watch.expected(key, SIZE)
    hide(watch, key)
    watch.restart(key)
    assert watch.expected(key, SIZE) == before
    assert watch.judge(key, seen(90)).remember


def test_it_keeps_no_more_than_it_needs_over_thousands_of_frames() -> None:
    watch, key = watch_of()
    for later in range(2_000):
        watch.judge(key + later, seen(50 + later % 50, appearance=look(later / 1000)))
        watch.note_cut(key + later + 1) if later % 100 == 0 else None
    newest = watch.newest
    assert newest is not None
    assert len(newest[1].gallery) == GALLERY
    assert len(newest[1].areas) <= 10
    assert len(watch._past) <= 33
    assert len(watch._cuts) <= 33


def test_who_was_hidden_for_hours_is_found_again() -> None:
    watch, _ = watch_of()
    newest = watch.newest
    assert newest is not None
    key, past = newest
    hours = 100_000
    watch.resume(key + hours, replace(past, hidden=hours, unfit=hours))
    for later in range(1, 4):
        verdict = watch.judge(key + hours + later, seen(100))
    assert verdict.same


def test_who_looked_always_the_same_must_look_so_again() -> None:
    watch, key = watch_of(1)
    for key in range(1, 60):
        watch.judge(key, seen(50 + 2 * key, appearance=look(0.0)))
    key = hide(watch, 60)
    nearly, hardly = look(0.2), look(0.3)  # cosines 0.980 and 0.955; its own are all 1
    assert not watch.judge(key, seen(100, appearance=hardly)).same
    assert watch.judge(key + 1, seen(100, appearance=nearly)).same
    wide = MemoryWatch(replace(RULES, found_margin=2.0), 32)
    newest = watch.newest
    assert newest is not None
    wide.resume(*newest)
    assert wide.judge(key + 2, seen(100, appearance=hardly)).same


def test_who_was_gone_for_long_is_not_somebody_of_other_colours_or_several() -> None:
    bands = np.eye(3, 288, dtype=np.float32)
    others = np.roll(bands, 5, axis=1)
    watch = MemoryWatch(RULES, history=32)
    watch.judge(0, replace(seen(), look=KnownLook(SELF, bands)), prompted=True)
    for key in range(1, 1 + LONG_HIDDEN):
        assert not watch.is_unlike(key, others, 800), "it may be half hidden"
        watch.judge(key, HIDDEN)
    key = 1 + LONG_HIDDEN
    assert watch.is_unlike(key, others, 800)
    assert watch.is_unlike(key, bands, 4 * 800), "of several"
    assert not watch.is_unlike(key, bands, 2 * 800), "it may have come nearer"
    assert not watch.is_unlike(key, None, 800)
