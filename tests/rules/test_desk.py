"""One stream's rules as they are made, kept, drawn and told."""

from __future__ import annotations

import base64
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import LineRule, RulesConfig, ZoneRule
from streamtrack.errors import (
    ConfigError,
    DuplicateRuleError,
    FixedRuleError,
    PromptError,
    PublishError,
    UnknownRuleError,
)
from streamtrack.frame import Event, Update
from streamtrack.rules.desk import RulesDesk
from streamtrack.rules.state import RuleState
from streamtrack.rules.store import read_rules
from tests.support.image_files import decode_image
from tests.support.walks import FPS, HEIGHT, WIDTH, box_mask, result_at

YARD = ZoneRule(name="yard", points=((100, 100), (220, 100), (220, 220), (100, 220)))
DOOR = LineRule(name="door", points=((160, 0), (160, HEIGHT)))


def desk_with(path: Path | None = None, clock: FakeClock | None = None, **config: Any) -> RulesDesk:
    return RulesDesk("cam", RulesConfig(file=path, **config), clock or FakeClock())


def feed(desk: RulesDesk, feet: Sequence[tuple[float, float] | None], first: int = 0) -> list[Event]:
    events: list[Event] = []
    for index, foot in enumerate(feet, first):
        masks = {1: None if foot is None else box_mask(foot)}
        events += desk.take(Update("cam", result_at(index, masks)))
    return events


def test_rule_that_is_made_is_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    desk = desk_with(path)
    assert desk.add(YARD).origin == "file"
    desk.add(DOOR)
    desk.put("door", DOOR.model_copy(update={"name": "gate"}))
    desk.remove("yard")
    assert [one.rule.name for one in desk_with(path).rules()] == ["gate"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["rules.json"], "a temporary file was left"


def test_rule_without_a_file_lives_in_memory() -> None:
    desk = desk_with()
    assert (desk.add(YARD).origin, desk.stored) == ("memory", False)


def test_rules_of_the_config_are_changed_there_only() -> None:
    desk = desk_with(zones=(YARD,))
    with pytest.raises(FixedRuleError, match="cam: rule 'yard' is the config file's, change it there"):
        desk.remove("yard")
    with pytest.raises(DuplicateRuleError, match="cam: there is a rule 'yard' already"):
        desk.add(YARD)
    with pytest.raises(UnknownRuleError, match="cam: rule is 'gate', expected one of: yard"):
        desk.put("gate", DOOR)


def test_rule_outside_the_picture_is_refused_once_its_size_is_known() -> None:
    desk = desk_with()
    feed(desk, [None])
    with pytest.raises(PromptError, match=f"expected 0 to {WIDTH}, 0 to {HEIGHT}"):
        desk.add(YARD.model_copy(update={"points": ((0, 0), (900, 0), (900, 100))}))
    assert desk.rules() == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON, expected a file of rules"),
        ('{"version": 2, "rules": []}', "version is 2"),
        ('{"version": 1, "rules": [{"kind": "zone", "name": "a", "points": []}]}', "zone 'a' has 0 points"),
        (
            '{"version": 1, "rules": [{"kind": "line", "name": "yard", "points": [[0,0],[1,1]]}]}',
            "used 2 times",
        ),
        ("\xff", "it is no text"),
    ],
)
def test_damaged_file_is_told_in_one_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError) as refused:
        desk_with(path, zones=(YARD,))
    assert told in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_file_that_cannot_be_written_leaves_rules_and_file_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rules.json"
    desk = desk_with(path)
    with pytest.raises(PublishError, match="the rules cannot be kept: No such file or directory"):
        desk.add(YARD)
    assert desk.rules() == ()
    path.parent.mkdir(mode=stat.S_IRWXU)
    desk.add(YARD)
    assert [rule.name for rule in read_rules(path)] == ["yard"]


def test_event_carries_a_small_picture_of_the_object() -> None:
    (entered,) = feed(desk_with(zones=(YARD,)), [(160, 170)] * 4)
    data = base64.b64decode(entered.detail["thumbnail"])
    assert len(data) < 12_288
    assert decode_image(data).shape == (52, 26, 3)  # a box of 20 x 40 and 15 % around it
    assert {"rule": "yard", "label": "", "class": ""}.items() <= entered.detail.items()


def test_no_pictures_where_none_are_wanted() -> None:
    (entered,) = feed(desk_with(zones=(YARD,), thumbnail_px=0), [(160, 170)] * 4)
    assert "thumbnail" not in entered.detail


def test_frame_that_is_told_again_counts_once() -> None:
    desk = desk_with(zones=(YARD.model_copy(update={"hold_frames": 3}),))
    for _ in range(9):
        update = Update("cam", result_at(0, {1: box_mask((160, 170))}), revises=True)
        assert desk.take(update) == ()


def test_listeners_hear_of_counts_and_not_of_every_frame() -> None:
    desk = desk_with(zones=(YARD,))
    heard: list[tuple[RuleState, ...]] = []
    desk.listen(heard.append)
    feed(desk, [(160, 170)] * 30)
    assert [len(states[0].inside) for states in heard] == [1]
    desk.add(DOOR)
    desk.remove("door")
    assert [[state.name for state in states] for states in heard[1:]] == [["yard", "door"], ["yard"]]


def test_zone_of_a_camera_that_stays_away_is_empty_in_the_end() -> None:
    clock = FakeClock()
    desk = desk_with(clock=clock, zones=(YARD,))
    assert desk.idle() == ()
    feed(desk, [(160, 170)] * 10)
    clock.advance_ms(9_900)
    assert desk.idle() == ()
    assert len(desk.states()[0].inside) == 1
    clock.advance_ms(200)
    (left,) = desk.idle()
    assert (left.detail["how"], left.frame_idx) == ("lost", 9)
    assert left.detail["dwell_s"] == pytest.approx(9 / FPS)
    assert desk.states()[0].inside == ()
    assert desk.idle() == ()


def test_drawn_rules_show_their_counts() -> None:
    desk = desk_with(zones=(YARD,), lines=(DOOR,))
    assert desk.drawn() == ()
    feed(desk, [(130, 170)] * 5 + [(190, 170)] * 5)
    zone, line = desk.drawn()
    assert (zone.text, zone.active, zone.is_zone) == ("1", True, True)
    assert zone.points[0] == pytest.approx((100 / WIDTH, 100 / HEIGHT))
    assert (line.text, line.is_zone) == ("in 0  out 1", False)
