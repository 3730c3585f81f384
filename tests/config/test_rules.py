"""Zones and lines in a config: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import load_config, parse_config
from streamtrack.errors import ConfigError

SQUARE = [[10, 10], [90, 10], [90, 90], [10, 90]]


def refusal(**rules: Any) -> str:
    stream = {"name": "cam", "source": {"url": "synthetic:demo"}, "rules": rules}
    with pytest.raises(ConfigError) as refused:
        parse_config({"streams": [stream]}, "live.yaml")
    text = str(refused.value)
    assert "\n" not in text
    return text.removeprefix("live.yaml: ")


def zone(points: Any = SQUARE, **changes: Any) -> dict[str, Any]:
    return {"name": "yard", "points": points, **changes}


def line(points: Any = ((0, 0), (0, 9)), **changes: Any) -> dict[str, Any]:
    return {"name": "door", "points": points, **changes}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (zone([[10, 10], [90, 90], [90, 10], [10, 90]]), "zone 'yard' crosses itself at 50, 50"),
        (zone([[10, 10], [90, 90]]), "zone 'yard' has 2 points, expected at least 3"),
        (zone([[10, 10], [90, 90], [10, 10]]), "zone 'yard' has 2 points, expected at least 3"),
        (zone([[10, 10], [50, 50], [90, 90]]), "zone 'yard' has no area, expected corners that are not"),
        (
            zone([[0, 0], [2, 0], [0.5, 1]], unit="share"),
            "a point is 2, 0, outside the picture",
        ),
        (zone([[0, 0], [-2, 0], [0.5, 1]]), "points.1.0 is -2: input should be greater than or equal to 0"),
        (zone([[0, 0], [True, 0], [5, 1]]), "expected a number, not true or false"),
        (zone(classes=["persn"]), "'persn' is no class that the detector knows, did you mean person?"),
        (zone(share=0), "share is 0"),
        (zone(name="a/b#"), "rule name is 'a/b#', expected letters, digits, blanks"),
        (zone(colour="red"), "unknown key streams.0.rules.zones.0.colour"),
        (zone(points=[[i, i * i] for i in range(65)]), "at most 64 items"),
    ],
)
def test_zone_that_is_none_is_told_in_one_line(found: dict[str, Any], told: str) -> None:
    assert told in refusal(zones=[found])


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (line([[1, 1]]), "line 'door' has 1 points, expected at least 2"),
        (line([[1, 1], [1, 1], [2, 2]]), "line 'door' has the same point twice in a row"),
        (line(forward="x", backward="x"), "line 'door' has one name for both directions"),
        (line(share=0.5), "unknown key streams.0.rules.lines.0.share"),
    ],
)
def test_line_that_is_none_is_told_in_one_line(found: dict[str, Any], told: str) -> None:
    assert told in refusal(lines=[found])


def test_two_rules_of_one_name_are_refused() -> None:
    assert "rule name 'yard' is used 2 times, expected once" in refusal(
        zones=[zone()], lines=[line(name="yard")]
    )


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        ({}, "scale needs either pixels_per_metre or ground"),
        ({"pixels_per_metre": 0}, "pixels_per_metre is 0"),
        ({"ground": {"points": SQUARE[:3], "metres": SQUARE}}, "ground.points holds 3 points, expected 4"),
        (
            {"ground": {"points": SQUARE, "metres": [[0, 0], [1, 1], [2, 2], [0, 2]]}},
            "ground.metres has three points on one line",
        ),
    ],
)
def test_scale_that_is_none_is_told_in_one_line(scale: dict[str, Any], told: str) -> None:
    assert told in refusal(scale=scale)


def test_rules_file_lies_beside_the_config(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text("streams: [{name: cam, source: {url: 'synthetic:demo'}, rules: {file: cam.json}}]")
    assert load_config(path).streams[0].rules.file == tmp_path / "cam.json"
