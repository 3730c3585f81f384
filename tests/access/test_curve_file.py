from __future__ import annotations

from pathlib import Path

import pytest

from streamtrack.access.curve_file import CurveClient, CurveFile, read_clients, write_clients
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError, PublishError

ROBOT = CurveClient("robot", Role.VIEW, "r" * 40)
DESK = CurveClient("desk@2.floor", Role.ADMIN, "d" * 40)


def test_clients_are_listed_and_taken_off(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "new" / "curve.json")
    assert file.read() == ()
    file.add(ROBOT)
    file.add(DESK)
    assert CurveFile(file.path).read() == (ROBOT, DESK)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.revoke("robot") == ROBOT
    assert file.read() == (DESK,)
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["curve.json", "curve.json.lock"]


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (CurveClient("robot", Role.VIEW, "x" * 40), "NAME is 'robot', which a client has already; revoke"),
        (CurveClient("other", Role.VIEW, "r" * 40), "--public-key is listed already, expected another"),
        (CurveClient("a b", Role.VIEW, "x" * 40), "NAME is 'a b', expected 1 to 64 letters"),
        (CurveClient("", Role.VIEW, "x" * 40), "NAME is '', expected"),
        (
            CurveClient("other", Role.VIEW, "x" * 41),
            "--public-key is not a CURVE key, expected 40",
        ),
        (
            CurveClient("other", Role.VIEW, "'" * 40),
            "--public-key is not a CURVE key, expected 40",
        ),
    ],
)
def test_what_cannot_be_listed_is_told(tmp_path: Path, client: CurveClient, told: str) -> None:
    file = CurveFile(tmp_path / "curve.json")
    file.add(ROBOT)
    with pytest.raises(ConfigError) as caught:
        file.add(client)
    assert str(caught.value).startswith(told)
    assert file.read() == (ROBOT,)


def test_client_that_is_not_listed_cannot_be_revoked(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "curve.json")
    with pytest.raises(ConfigError, match=r"^NAME is 'robot', expected a client's: none$"):
        file.revoke("robot")
    file.add(DESK)
    with pytest.raises(ConfigError, match=r"expected a client's: desk@2\.floor$"):
        file.revoke("robot")


WHOLE = write_clients((ROBOT, DESK))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        WHOLE[:-20],
        WHOLE.replace(b'"view"', b'"root"'),
        WHOLE.replace(b'"version": 1', b'"version": 2'),
        WHOLE.replace(b"d" * 40, b"r" * 40),
        WHOLE.replace(b'"desk@2.floor"', b'"robot"'),
        WHOLE.replace(b"d" * 40, b"d" * 39),
        WHOLE.replace(b'"robot"', b'"ro\\nbot"'),
        WHOLE.replace(b'"name"', b'"nam"'),
        b" " * (1 << 21),
    ],
)
def test_damaged_file_lets_nobody_in_and_says_so_in_one_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        read_clients(data)
    file = CurveFile(tmp_path / "curve.json")
    file.path.write_bytes(data)
    file.path.chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged"):
        file.read()


def test_file_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "curve.json")
    file.add(ROBOT)
    file.path.chmod(0o622)
    with pytest.raises(ConfigError, match=r"others than its owner may write it \(mode 622\), expected 600$"):
        file.read()


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match="cannot be written"):
        CurveFile(tmp_path / "file" / "curve.json").add(ROBOT)
