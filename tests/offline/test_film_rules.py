"""Zones and lines over a film: told among its events, drawn on its pictures, counted in its summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.config import LineRule, RulesConfig, ZoneRule
from streamtrack.errors import ConfigError
from streamtrack.frame import BoolMask, EventKind, Frame, FrameResult, ObjectMask, StageTimes, Update
from streamtrack.offline.film_rules import FilmRules
from streamtrack.offline.frame_pictures import FramePictures

HEIGHT, WIDTH, FPS = 90, 160, 10
DOOR = LineRule(name="door", points=((80, 0), (80, 90)), forward="out", backward="in")
YARD = ZoneRule(name="yard", unit="share", points=((0.5, 0), (1, 0), (1, 1), (0.5, 1)))
OUTSIDE = LineRule(name="far", points=((500, 0), (500, 90)))


def walk() -> Iterator[Update | None]:
    """Somebody walks from left to right, ten pixels a frame; before each frame one that tells nothing."""
    for index in range(15):
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        x = 5 + 10 * index
        ns = index * NS_PER_S // FPS
        frame = Frame(image, index, index, Fraction(1, FPS), ns, ns)
        mask: BoolMask = np.zeros((HEIGHT, WIDTH), np.bool_)
        mask[30:60, x : x + 8] = True
        yield None
        yield Update("film", FrameResult(index, frame, {1: ObjectMask.from_mask(mask, 1)}, StageTimes()))


def run(rules: FilmRules) -> list[Update | None]:
    return list(rules.told(walk()))


def test_crossings_and_entries_are_told_on_their_frames() -> None:
    rules = FilmRules(RulesConfig(lines=(DOOR,), zones=(YARD,)))
    updates = run(rules)
    assert updates[::2] == [None] * 15
    events = [event for update in updates if update for event in update.events]
    assert {event.kind for event in events} == {EventKind.CROSSED, EventKind.ENTERED}
    assert {event.frame_idx for event in events} == {8}
    assert not any("thumbnail" in event.detail for event in events)
    assert sorted(rules.notes()) == ["door: 0 out, 1 in", "yard: 1 entered, 0 left"]


def test_rules_are_drawn_with_what_they_counted_so_far() -> None:
    rules = FilmRules(RulesConfig(lines=(DOOR,)))
    pictures = FramePictures(rules=rules.drawn)
    plain = FramePictures()
    texts = set()
    for update in rules.told(walk()):
        if update is not None and update.result is not None:
            assert (pictures.overlay(update.result) != plain.overlay(update.result)).any()
            texts |= {rule.text for rule in rules.drawn()}
    assert texts == {"out 0  in 0", "out 0  in 1"}


def test_a_rule_beside_the_picture_is_named_in_the_end() -> None:
    rules = FilmRules(RulesConfig(lines=(OUTSIDE,)))
    run(rules)
    [note] = rules.notes()
    assert note.startswith("rule far: ")


def test_rules_of_a_file(tmp_path: Path) -> None:
    kept = {"version": 1, "rules": [DOOR.model_dump(mode="json")]}
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(kept))
    rules = FilmRules(RulesConfig(file=path))
    run(rules)
    assert rules.notes() == ("door: 0 out, 1 in",)
    with pytest.raises(ConfigError, match=r"none\.json: no such file, expected a file of rules"):
        FilmRules(RulesConfig(file=tmp_path / "none.json"))
    with pytest.raises(ConfigError, match="door"):
        FilmRules(RulesConfig(file=path, lines=(DOOR,)))
