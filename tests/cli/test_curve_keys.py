from __future__ import annotations

from pathlib import Path

import pytest
import yaml
import zmq
from typer.testing import CliRunner

from streamtrack.access.curve_file import CurveFile
from streamtrack.cli.curve_keys import curve_app
from streamtrack.errors import ConfigError


def run(*arguments: object) -> str:
    """What a command prints."""
    result = CliRunner().invoke(curve_app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def belongs(public: str, secret: str) -> bool:
    return zmq.curve_public(secret.encode()).decode() == public


def test_pair_is_made_listed_shown_once_and_revoked(tmp_path: Path) -> None:
    shown = yaml.safe_load(run("make", "robot", "--role", "control", "--state-dir", tmp_path))
    assert belongs(shown["public_key"], shown["secret_key"])
    (client,) = CurveFile(tmp_path / "curve.json").read()
    assert (client.name, client.role.value, client.public_key) == ("robot", "control", shown["public_key"])
    assert run("list", "--state-dir", tmp_path) == f"robot\tcontrol\t{shown['public_key']}\n"
    assert run("revoke", "robot", "--file", tmp_path / "curve.json") == "robot (control) is off the list\n"
    assert run("list", "--state-dir", tmp_path) == ""
    assert all(shown["secret_key"] not in path.read_text() for path in tmp_path.iterdir())


def test_secret_goes_into_a_file_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "robot.key"
    printed = run("make", "robot", "--state-dir", tmp_path, "--out", out)
    assert out.stat().st_mode & 0o777 == 0o600
    secret = out.read_text().strip()
    assert secret not in printed
    assert belongs(yaml.safe_load(printed)["public_key"], secret)
    with pytest.raises(ConfigError, match="is there already, expected a new file"):
        run("make", "other", "--state-dir", tmp_path, "--out", out)


def test_client_that_made_its_own_pair_is_only_listed(tmp_path: Path) -> None:
    key = zmq.curve_keypair()[0].decode()
    assert run("make", "robot", "--state-dir", tmp_path, f"--public-key={key}") == f"public_key: '{key}'\n"
    assert CurveFile(tmp_path / "curve.json").read()[0].public_key == key


def test_server_has_a_pair_too() -> None:
    shown = yaml.safe_load(run("server"))
    assert belongs(shown["server_public_key"], shown["server_secret_key"])


@pytest.mark.parametrize("options", [(), ("--state-dir", "a", "--file", "b")])
def test_list_must_be_named_once(options: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"^--state-dir and --file: expected one of them$"):
        run("list", *options)
