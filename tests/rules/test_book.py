"""Zones and lines over frames whose masks are known exactly."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from streamtrack.config import LineRule, ScaleConfig, ZoneRule
from streamtrack.config.rules import GroundConfig
from streamtrack.frame import Event, EventKind, ObjectState
from streamtrack.rules.book import RuleBook
from tests.support.walks import (
    FPS,
    HEIGHT,
    WIDTH,
    Place,
    box_mask,
    frame_at,
    kinds,
    result_at,
    straight,
    walk,
)

DOOR = LineRule(name="door", points=((160, 0), (160, HEIGHT)))
YARD = ZoneRule(name="yard", points=((100, 100), (220, 100), (220, 220), (100, 220)))
DOOR_TESTS = ("foot", "centre", "mask")


def book_of(*rules: Any, scale: ScaleConfig | None = None) -> RuleBook:
    book = RuleBook(scale)
    book.set_rules(rules)
    return book


def changed(rule: Any, **changes: Any) -> Any:
    return type(rule)(**{**rule.model_dump(), **changes})


@pytest.mark.parametrize("test", DOOR_TESTS)
@pytest.mark.parametrize("speed_px", [1, 3, 12, 40])
def test_every_crossing_of_a_known_scene_is_counted_once(test: str, speed_px: int) -> None:
    book = book_of(changed(DOOR, test=test))
    # Six go to the right and five to the left, each at a height of its own and later than the one before.
    frames = 240 // speed_px
    ways = {}
    for number in range(11):
        y, first = 60 + 16 * number, 3 * number
        ends = ((40, y), (280, y)) if number % 2 == 0 else ((280, y), (40, y))
        ways[number] = straight(ends[0], ends[1], frames, first)
    events = walk(book, ways, range(frames + 3 * 11 + 10))
    told = Counter((event.object_id, event.detail["direction"]) for event in events)
    # The line is drawn from top to bottom: its left side is on the right of the picture.
    assert told == {(number, "out" if number % 2 == 0 else "in"): 1 for number in range(11)}
    (state,) = book.states()
    assert (state.backward, state.forward) == (6, 5)


@pytest.mark.parametrize("test", DOOR_TESTS)
@pytest.mark.parametrize("period", [2, 5, 10, 25, 60])
@pytest.mark.parametrize("amplitude_px", [1, 3, 8])
def test_object_that_trembles_on_the_line_counts_none(test: str, period: int, amplitude_px: int) -> None:
    book = book_of(changed(DOOR, test=test))
    way = lambda index: (160.0 + amplitude_px * math.sin(2 * math.pi * index / period), 150.0)  # noqa: E731
    assert walk(book, {1: way}, range(400)) == []


def test_object_whose_mask_trembles_at_random_on_line_and_border_counts_none() -> None:
    rng = np.random.default_rng(3)
    border = ZoneRule(name="half", points=((160, 0), (WIDTH, 0), (WIDTH, HEIGHT), (160, HEIGHT)))
    book = book_of(DOOR, border)
    steps = rng.normal(0, 3, (1500, 2))
    way = lambda index: (160 + steps[index, 0], 150 + steps[index, 1])  # noqa: E731
    assert walk(book, {1: way}, range(1500)) == []


def test_there_and_back_again_is_two_crossings() -> None:
    out, back = straight((100, 150), (220, 150), 20), straight((220, 150), (100, 150), 20, 30)
    book = book_of(DOOR)
    events = walk(book, {1: lambda index: out(index) if index < 30 else back(index)}, range(70))
    assert [event.detail["way"] for event in events] == ["backward", "forward"]


def test_way_around_the_lines_end_is_no_crossing() -> None:
    short = changed(DOOR, points=((160, 100), (160, 180)))
    down, over = straight((120, 60), (120, 220), 20), straight((120, 220), (220, 220), 20, 20)
    up = straight((220, 220), (220, 140), 20, 40)
    way = lambda i: down(i) if i < 20 else over(i) if i < 40 else up(i)  # noqa: E731
    assert walk(book_of(short), {1: way}, range(80)) == []


def test_line_of_three_points_is_crossed_once_at_its_corner() -> None:
    bent = changed(DOOR, points=((60, 200), (160, 120), (260, 200)), test="centre")
    events = walk(book_of(bent), {1: straight((160, 60), (160, 230), 30)}, range(50))
    assert [event.detail["way"] for event in events] == ["forward"]


def test_event_names_the_frame_on_which_the_line_was_crossed() -> None:
    way = straight((102, 150), (222, 150), 24)
    (event,) = walk(book_of(changed(DOOR, hold_frames=5)), {1: way}, range(60))
    first = next(index for index in range(60) if way(index)[0] > 160)
    assert event.frame_idx == first
    assert event.detail["time_s"] == pytest.approx(first / FPS, abs=1e-3)


def test_object_that_crosses_behind_a_pillar_is_counted_once() -> None:
    way = straight((100, 150), (220, 150), 30)
    hidden = lambda index: None if 10 <= index < 22 else way(index)  # noqa: E731
    (event,) = walk(book_of(DOOR), {1: hidden}, range(60))
    assert event.detail["hidden"] is True
    assert event.frame_idx == 22


def test_object_that_was_hidden_for_too_long_begins_its_way_anew() -> None:
    way = straight((100, 150), (220, 150), 30)
    hidden = lambda index: None if 10 <= index < 22 else way(index)  # noqa: E731
    assert walk(book_of(changed(DOOR, hidden_ms=200)), {1: hidden}, range(60)) == []


@pytest.mark.parametrize("test", DOOR_TESTS)
@pytest.mark.parametrize("hold_frames", [1, 3, 12])
def test_dwell_is_that_of_the_exact_masks(test: str, hold_frames: int) -> None:
    rule = changed(YARD, test=test, hold_frames=hold_frames)
    way = straight((40, 170), (300, 170), 70)
    events = walk(book_of(rule), {1: way}, range(120))
    assert list(kinds(events)) == [("entered", 1), ("left", 1)]
    inside = [index for index in range(120) if truth(rule, way(index))]
    assert [event.frame_idx for event in events] == [inside[0], inside[-1] + 1]
    assert events[1].detail["dwell_s"] == pytest.approx(len(inside) / FPS, abs=1e-3)
    assert events[0].detail["how"] == "came"


def truth(rule: ZoneRule, foot: Place) -> bool:
    """Whether a box is in YARD, by its pixels."""
    mask = box_mask(foot)
    rows, columns = np.nonzero(mask)
    if rule.test == "mask":
        inside = (columns >= 100) & (columns < 220) & (rows >= 100) & (rows < 220)
        return bool(inside.mean() >= rule.share)
    x = columns.mean() + 0.5
    return bool(100 <= x <= 220)


def test_hidden_object_neither_leaves_nor_enters_and_its_dwell_goes_on() -> None:
    book = book_of(changed(YARD, hidden_ms=2_000))
    way = lambda index: None if 20 <= index < 60 else (160.0, 170.0)  # noqa: E731
    assert list(kinds(walk(book, {1: way}, range(80)))) == [("entered", 1)]
    (inside,) = book.states()[0].inside
    assert inside.dwell_s == pytest.approx(79 / FPS, abs=1e-3)


def test_object_hidden_for_longer_than_the_limit_has_left_when_it_was_last_seen() -> None:
    book = book_of(changed(YARD, hidden_ms=1_000))
    way = lambda index: None if index >= 20 else (160.0, 170.0)  # noqa: E731
    events = walk(book, {1: way}, range(80))
    assert list(kinds(events)) == [("entered", 1), ("left", 1)]
    assert events[1].frame_idx == 19
    assert events[1].detail["how"] == "lost"
    assert events[1].detail["dwell_s"] == pytest.approx(19 / FPS, abs=1e-3)
    assert book.states()[0].inside == ()


def test_mask_of_an_unseen_object_says_nothing() -> None:
    book = book_of(YARD)
    for index in range(10):
        unseen = result_at(index, {1: box_mask((160, 170))}, state=ObjectState.UNSEEN)
        assert book.take(unseen) == []


@pytest.mark.parametrize(("gap_s", "told"), [(5, []), (60, [("left", 1), ("entered", 1)])])
def test_gap_of_the_source_counts_up_to_the_limit(gap_s: float, told: list[tuple[str, int]]) -> None:
    book = book_of(YARD)
    walk(book, {1: lambda _: (160.0, 170.0)}, range(10))
    events = []
    for index in range(10, 20):
        frame = frame_at(index, gap_s=gap_s)
        events += book.take(result_at(index, {1: box_mask((160, 170))}, frame=frame))
    assert list(kinds(events)) == told
    (inside,) = book.states()[0].inside
    assert inside.dwell_s == pytest.approx(9 / FPS + (19 / FPS + gap_s - 9 / FPS if not told else 0), abs=0.4)


def test_loitering_is_told_once_for_each_stay() -> None:
    book = book_of(changed(YARD, loiter_ms=1_000))
    stay, away = (160.0, 170.0), (20.0, 170.0)
    events = walk(book, {1: lambda index: away if 60 <= index < 80 else stay}, range(140))
    assert list(kinds(events)) == [
        ("entered", 1),
        ("loitering", 1),
        ("left", 1),
        ("entered", 1),
        ("loitering", 1),
    ]
    assert events[1].frame_idx == FPS
    assert events[1].detail["dwell_s"] == pytest.approx(1.0)


def test_share_of_the_pixels_decides_where_the_mask_is_tested() -> None:
    half = {share: book_of(changed(YARD, test="mask", share=share)) for share in (0.3, 0.5, 0.9)}
    # Half of the box is inside: its foot stands 20 rows below the zone's upper border.
    for book in half.values():
        walk(book, {1: lambda _: (160.0, 120.0)}, range(80))
    assert {share: len(book.states()[0].inside) for share, book in half.items()} == {0.3: 1, 0.5: 1, 0.9: 0}


def test_object_that_is_removed_inside_leaves_and_a_merged_one_does_not() -> None:
    book = book_of(YARD)
    walk(book, {1: lambda _: (160.0, 170.0), 2: lambda _: (180.0, 170.0)}, range(10))
    assert book.note(Event(EventKind.REMOVED, 9, 2, {"how": "merge", "into": 1})) == []
    (left,) = book.note(Event(EventKind.REMOVED, 9, 1))
    assert (left.kind, left.detail["how"]) == (EventKind.LEFT, "removed")
    assert book.states()[0].inside == ()


@pytest.mark.parametrize("jump", [Event(EventKind.CORRECTED, 4, 1), Event(EventKind.SCENE_CUT, 4)])
def test_mask_that_jumps_over_a_line_for_a_reason_has_not_crossed_it(jump: Event) -> None:
    book = book_of(DOOR)
    walk(book, {1: lambda _: (100.0, 150.0)}, range(5))
    assert book.note(jump) == []
    assert walk(book, {1: lambda _: (220.0, 150.0)}, range(5, 15)) == []


def test_object_that_is_no_longer_in_the_result_has_left() -> None:
    book = book_of(YARD)
    walk(book, {1: lambda _: (160.0, 170.0)}, range(10))
    assert list(kinds(book.take(result_at(10, {})))) == [("left", 1)]


def test_counts_are_by_class_and_rules_may_ask_for_some() -> None:
    people = changed(YARD, name="people", classes=("person",))
    named = changed(YARD, name="named", labels=("Ann",))
    book = book_of(YARD, people, named)
    book.note(Event(EventKind.ADDED, 0, 1, {"by": "detector", "class": "person", "score": 0.9}))
    labels = {1: "Ann", 2: "car", 3: ""}
    masks = {1: box_mask((130, 170)), 2: box_mask((160, 170)), 3: box_mask((190, 170))}
    for index in range(5):
        book.take(result_at(index, masks, labels=labels))
    yard, only_people, only_named = book.states()
    assert yard.by_class == {"entered": {"person": 1, "car": 1, "": 1}}
    assert [one.class_name for one in only_people.inside] == ["person"]
    assert [one.object_id for one in only_named.inside] == [1]
    # A label that is taken away takes the object out of the zone.
    events = book.take(result_at(5, masks, labels={**labels, 1: "Bea"}))
    assert [(event.detail["rule"], event.detail["how"]) for event in events] == [("named", "relabelled")]


def test_speed_is_that_of_the_scale() -> None:
    book = book_of(DOOR, scale=ScaleConfig(pixels_per_metre=20))
    # 100 px a second are 5 m/s.
    (event,) = walk(book, {1: straight((60, 150), (260, 150), 2 * FPS)}, range(80))
    assert event.detail["speed_mps"] == pytest.approx(5.0, rel=0.05)


def test_speed_on_the_ground_is_the_same_near_and_far() -> None:
    # The far end of a road of 10 m by 40 m is a quarter as wide as the near one.
    corners = ((120, 40), (200, 40), (320, 240), (0, 240))
    ground = GroundConfig(points=corners, metres=((0, 0), (10, 0), (10, 40), (0, 40)))
    import cv2

    to_picture = cv2.getPerspectiveTransform(
        np.array(ground.metres, np.float32), np.array(corners, np.float32)
    )

    def on_road(index: int) -> Place:
        x, y, w = to_picture @ np.array([5.0, 4 + 8 * index / FPS, 1.0])
        return x / w, y / w

    near_far = [
        LineRule(name=name, points=((0, y), (WIDTH, y)), margin_px=0)
        for name, y in (("far", 70), ("near", 180))
    ]
    events = walk(book_of(*near_far, scale=ScaleConfig(ground=ground)), {1: on_road}, range(110))
    assert [event.detail["rule"] for event in events] == ["far", "near"]
    # Feet stand on whole pixels, which are a metre each at the far end.
    assert [event.detail["speed_mps"] for event in events] == pytest.approx([8, 8], rel=0.15)


def test_no_scale_no_speed() -> None:
    (event,) = walk(book_of(DOOR), {1: straight((60, 150), (260, 150), 40)}, range(60))
    assert "speed_mps" not in event.detail


def test_rule_outside_the_picture_is_not_in_force_and_says_why() -> None:
    wide = ZoneRule(name="wide", points=((0, 0), (WIDTH + 1, 0), (WIDTH + 1, HEIGHT)))
    book = book_of(wide, YARD)
    walk(book, {1: lambda _: (160.0, 170.0)}, range(5))
    outside, inside = book.states()
    assert outside.fault == (
        "zone 'wide': a point is 321, 0, outside the picture: expected 0 to 320, 0 to 240"
    )
    assert len(inside.inside) == 1


def test_rule_in_shares_holds_for_another_size_of_picture() -> None:
    right_half = ZoneRule(name="right", unit="share", points=((0.5, 0), (1, 0), (1, 1), (0.5, 1)))
    book = book_of(right_half)
    walk(book, {1: lambda _: (240.0, 170.0)}, range(5))
    large = np.zeros((480, 640, 3), np.uint8)
    for index in range(5, 10):
        frame = frame_at(index, image=large)
        mask = box_mask((480, 340), (40, 80), (480, 640))
        assert book.take(result_at(index, {1: mask}, frame=frame)) == []
    assert [one.object_id for one in book.states()[0].inside] == [1]


def test_rule_that_stays_keeps_its_counts() -> None:
    book = book_of(YARD)
    walk(book, {1: lambda _: (160.0, 170.0)}, range(5))
    book.set_rules((YARD, DOOR))
    assert book.states()[0].entered == 1
    book.set_rules((changed(YARD, hold_frames=4), DOOR))
    assert book.states()[0].entered == 0
