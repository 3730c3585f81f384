"""`streamtrack fit`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from streamtrack.cli.main import app, run


def fit(*args: str) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["fit", *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_model_is_held_against_what_is_free() -> None:
    found: dict[str, Any] = json.loads(
        fit("--objects", "4", "--free", "2.7", "--device", "cuda", "--precision", "fp32", "--json")
    )
    assert (found["device"], found["precision"], found["free_bytes"]) == ("cuda", "fp32", round(2.7 * 2**30))
    models = {model["name"]: model for model in found["models"]}
    assert (models["nano"]["fits"], models["sam2.1-large"]["fits"]) == (True, False)
    assert models["sam2.1-large"]["most_objects"] < 4 <= models["nano"]["most_objects"]


def test_the_table_tells_the_same() -> None:
    table = fit("sam2.1-large", "--objects", "4", "--free", "3", "--device", "cuda")
    assert "does not fit" in table or "fits" in table
    assert "cuda in bf16: 3.0 GiB free; the numbers are estimates" in table
    assert "nano" not in table


def test_this_machines_own_memory() -> None:
    assert " GiB free; the numbers are estimates" in fit("nano")
    assert json.loads(fit("--size", "512", "--json"))["models"][0]["image_size"] == 512


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--size", "500"], "--size is 500, expected a multiple of 32"),
        (["nanoo"], "unknown model 'nanoo', did you mean 'nano'?"),
        (["--objects", "0"], "'--objects'"),
    ],
)
def test_what_cannot_be_meant(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", *args]) == 2
    assert message in capsys.readouterr().err
