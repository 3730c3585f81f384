from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamtrack.access.curve_file import CurveClient, CurveFile
from streamtrack.access.curve_roster import CurveRoster
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError

FIXED = CurveClient("fixed", Role.CONTROL, "f" * 40)
ROBOT = CurveClient("robot", Role.VIEW, "r" * 40)
DESK = CurveClient("desk", Role.ADMIN, "d" * 40)


def test_clients_come_and_go_with_the_file_and_those_of_the_config_stay(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "curve.json")
    roster = CurveRoster([FIXED], file.path)
    assert set(roster.clients) == {FIXED}
    file.add(ROBOT)
    assert roster.of(ROBOT.public_key) is None  # not looked yet
    assert roster.refresh() == ()
    assert roster.of(ROBOT.public_key) == ROBOT
    file.add(DESK)
    assert roster.refresh() == ()
    file.revoke("robot")
    assert roster.refresh() == (ROBOT,)
    assert roster.of(ROBOT.public_key) is None
    assert roster.refresh() == ()
    assert set(roster.clients) == {DESK, FIXED}


def test_client_with_another_role_has_lost_the_one_he_had(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "curve.json")
    file.add(ROBOT)
    roster = CurveRoster([], file.path)
    file.revoke("robot")
    file.add(CurveClient("robot", Role.ADMIN, ROBOT.public_key))
    assert roster.refresh() == (ROBOT,)
    found = roster.of(ROBOT.public_key)
    assert found is not None
    assert found.role is Role.ADMIN
    assert not roster.holds(ROBOT)


@pytest.mark.parametrize("damage", ["spoil", "remove", "open"])
def test_file_that_cannot_be_used_lets_nobody_in_by_it(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = CurveFile(tmp_path / "curve.json")
    file.add(ROBOT)
    roster = CurveRoster([FIXED], file.path)
    match damage:
        case "spoil":
            file.path.write_text("{")
        case "remove":
            file.path.unlink()
        case "open":
            file.path.chmod(0o666)
            os.utime(file.path, ns=(1, 1))
    assert roster.refresh() == (ROBOT,)
    assert roster.clients == (FIXED,)
    assert damage == "remove" or "nobody comes in by it" in caplog.text


def test_one_key_for_two_clients_of_the_config_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^zmq\.curve: thief has the key of another client"):
        CurveRoster([FIXED, CurveClient("thief", Role.ADMIN, FIXED.public_key)])
