"""Zones and lines over the picture."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.config import AnnotateConfig
from streamtrack.rules.state import DrawnRule
from streamtrack.video.draw import annotate
from streamtrack.video.draw_rules import ACTIVE_COLOUR, LINE_COLOUR, ZONE_COLOUR
from tests.support.walks import box_mask, result_at

ZONE = DrawnRule("yard", ((0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9)), True, "0", False)
LINE = DrawnRule("door", ((0.25, 0.3), (0.25, 0.9)), False, "in 2  out 1", False)


def has_colour(picture: np.ndarray, x: int, y: int, colour: tuple[int, int, int]) -> bool:
    around = picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(int)
    return bool((np.abs(around - colour).max(axis=1) < 12).any())


def test_edges_lie_where_the_rule_does() -> None:
    picture = annotate(result_at(0, {}), AnnotateConfig(), rules=(ZONE, LINE))
    assert has_colour(picture, 288, 180, ZONE_COLOUR)  # the zone's right edge
    assert has_colour(picture, 80, 200, LINE_COLOUR)
    assert not has_colour(picture, 230, 150, ZONE_COLOUR)  # inside


def test_zone_with_somebody_inside_is_seen_as_such() -> None:
    active = DrawnRule(**{**{key: getattr(ZONE, key) for key in ZONE.__slots__}, "active": True, "text": "1"})
    calm, busy = (annotate(result_at(0, {}), AnnotateConfig(), rules=(one,)) for one in (ZONE, active))
    assert has_colour(busy, 288, 180, ACTIVE_COLOUR)
    assert (busy[200, 240] != calm[200, 240]).any()


def test_names_of_objects_do_not_cover_those_of_rules() -> None:
    """A zone's name stands where the name of the object above it would: it moves aside."""
    found = result_at(0, {1: box_mask((200, 160))}, labels={1: "Ann"})
    zone = DrawnRule("yard", ((0.6, 0.42), (0.9, 0.42), (0.9, 0.9), (0.6, 0.9)), True, "1", False)
    alone, with_object = (annotate(one, AnnotateConfig(), rules=(zone,)) for one in (result_at(0, {}), found))
    name = np.s_[106:116, 200:230]
    assert np.array_equal(alone[name], with_object[name])
    bare = annotate(found, AnnotateConfig())
    assert not np.array_equal(bare[name], annotate(result_at(0, {}), AnnotateConfig())[name]), (
        "never in its way"
    )


def test_rules_that_are_turned_off_leave_the_picture_alone() -> None:
    plain = annotate(result_at(0, {}), AnnotateConfig())
    assert np.array_equal(annotate(result_at(0, {}), AnnotateConfig(rules=False), rules=(ZONE, LINE)), plain)


@pytest.mark.parametrize("width", [16, 64])
def test_tiny_picture_has_room_for_no_name_and_breaks_nothing(width: int) -> None:
    config = AnnotateConfig(max_width_px=64)
    assert annotate(result_at(0, {}), config, rules=(ZONE, LINE)).shape[1] == 64
