"""The whole OpenAPI by schemathesis: every parameter and body at its bounds and beyond, alone and in
sequences; without authentication, and as whoever may come in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamtrack.access.key_file import KeyFile
from streamtrack.access.roles import Role
from tests.fuzz.amount import SEED, amount
from tests.fuzz.target import HealthWatch, Target, serving

pytestmark = [pytest.mark.slow, pytest.mark.fuzz, pytest.mark.timeout(3_600)]

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-the-suite-0123456789"
ENDLESS = r"/(live|results|mjpeg)$|/follow/"
"""Answers that end with the stream; test_mute and test_served have them."""
CHECKS = "no_untold_server_error,error_in_one_line,status_code_conformance,content_type_conformance"
EXAMPLES = {"coverage": 1, "fuzzing": 14, "stateful": 300}
"""Of each operation; of coverage there are as many as it takes."""
FLAT_MB = 80
SETTINGS = """
[parameters]
"path.name" = ["still", "cam", "extra", "nobody"]
"path.object_id" = [1, 2, 999]
"path.stream" = ["cam", "nobody"]
"""
"""What the addresses name, so that more than 404 is seen."""


@pytest.fixture(scope="module")
def open_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving(tmp_path_factory.mktemp("open"), fps=1) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(closed_folder: Path) -> dict[str, str | None]:
    """What everybody shows: nobody nothing, the config's token, and a key of each role."""
    keys = KeyFile(closed_folder / "state" / "keys.json")
    made = {role.value: keys.make(role.value, role, datetime.now(UTC))[1] for role in Role}
    return {"nobody": None, "token": TOKEN, **made}


@pytest.fixture(scope="module")
def closed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed")


@pytest.fixture(scope="module")
def closed_target(closed_folder: Path, tokens: dict[str, str | None]) -> Iterator[Target]:
    with serving(closed_folder, fps=1, token=TOKEN) as running:
        yield running


def schemathesis(target: Target, folder: Path, token: str | None, examples: int, phases: str) -> int:
    """How many calls it made; AssertionError where it found anything."""
    report, config, spec = (folder / name for name in ("report.json", "schemathesis.toml", "openapi.json"))
    config.write_text(SETTINGS, encoding="utf-8")
    with target.api() as api:
        spec.write_bytes(api.get("/openapi.json").raise_for_status().content)
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(config), "run", str(spec), "--url", target.url]
    command += ["--phases", phases, "--checks", CHECKS, "--max-examples", str(examples), "--seed", str(SEED)]
    command += ["--exclude-path-regex", ENDLESS, "--continue-on-failure", "--generation-database", "none"]
    command += [
        "--request-timeout",
        "30",
        "--no-color",
        "--report",
        "json",
        "--report-json-path",
        str(report),
    ]
    command += ["--suppress-health-check", "all", "--warnings", "off"]
    command += ["--header", f"Authorization: Bearer {token}"] if token else []
    hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.schemathesis_hooks", "PYTHONPATH": str(REPOSITORY)}
    env = {**os.environ, **hooks}
    # In a folder of its own: it keeps what failed where it runs.
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=3_000, check=False, env=env, cwd=folder
    )
    (folder / "output.txt").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-4_000:]
    return calls_in(ran.stdout, report)


def calls_in(output: str, report: Path) -> int:
    found = re.findall(r"(\d+) (?:generated|test cases|cases)", output)
    assert found, output[-3_000:] + json.dumps(json.loads(report.read_text()))[:2_000]
    return max(map(int, found))


@pytest.mark.parametrize("phases", ["coverage", "fuzzing", "stateful"])
def test_api_without_authentication(open_target: Target, tmp_path: Path, phases: str) -> None:
    run(open_target, tmp_path, None, phases)


@pytest.mark.parametrize("who", ["nobody", "view", "control", "admin", "token"])
def test_api_as_whoever_may_come_in(
    closed_target: Target, tokens: dict[str, str | None], tmp_path: Path, who: str
) -> None:
    run(closed_target, tmp_path, tokens[who], "fuzzing")


def run(target: Target, folder: Path, token: str | None, phases: str) -> None:
    memory_mb = target.memory_mb()
    with HealthWatch(target, 0.2) as watch:
        calls = schemathesis(target, folder, token, amount(3, EXAMPLES[phases]), phases)
    grown = target.memory_mb() - memory_mb
    print(f"{phases}: {calls} calls, memory +{grown:.0f} MB, worst /healthz {watch.worst_s:.2f} s")
    target.check_sound()
    assert watch.failures == []
    assert grown < FLAT_MB
