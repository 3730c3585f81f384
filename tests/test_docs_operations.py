"""What docs/operations.md says can be pasted; the files of the deployment, as far as they can be tried."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamtrack.cli.serve import free_port
from streamtrack.config import load_config

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LIMIT_S = 110


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each on one line."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [
        (name, " ".join(rest.split())) for line in lines if line for name, _, rest in [line.partition(" ")]
    ]


DOCKERFILE = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def of(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


def test_instructions_of_the_dockerfile_are_some() -> None:
    known = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"}
    assert {name for name, _ in DOCKERFILE} == known | {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert all(re.fullmatch(r"python:\$\{PYTHON\}-slim( AS \w+)?", rest) for rest in of("FROM"))
    names = [name for name, _ in DOCKERFILE]
    assert names.index("USER") < names.index("ENTRYPOINT"), "no root"
    assert of("USER") == ["10001"]
    assert of("VOLUME") == ["/state"]
    for command in (*of("ENTRYPOINT"), *of("CMD")):
        assert all(isinstance(word, str) for word in yaml.safe_load(command))
    for command in of("RUN"):
        done = subprocess.run(
            ["bash", "-n", "-c", command], capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode == 0, done.stderr


def test_every_file_that_the_image_copies_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignore if line.startswith("!")]
    assert ignore[0] == "*"
    for copied in of("COPY"):
        if copied.startswith("--from"):
            continue
        *sources, _ = copied.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            names = [kept_name.split("/")[0] for kept_name in kept]
            assert source.rstrip("/") in kept or source.split("/")[0] in names, source
    assert all(list(ROOT.glob(pattern)) for pattern in kept), "what is kept is there"


def test_versions_of_torch_are_the_makefiles() -> None:
    wanted = re.search(r"^TORCH \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert wanted is not None
    assert f'TORCH="{wanted[1]}"' in of("ARG")


def test_extras_and_lines_of_pip_can_be_resolved_by_name() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = [rest.partition("=")[2] for rest in of("ARG") if rest.startswith("EXTRAS=")]
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_command_of_the_image_is_one_that_the_product_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")
    words = yaml.safe_load(entry) + yaml.safe_load(command)
    assert words[:2] == ["streamtrack", "serve"]
    helped = subprocess.run(
        [sys.executable, "-m", "streamtrack.cli.main", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
    ).stdout
    assert all(word in helped for word in words if word.startswith("--"))
    copied = [rest for rest in of("COPY") if rest.endswith(words[2])]
    assert copied, "the config that it names is copied"
    monkeypatch.setenv("STREAMTRACK_TOKEN", "0123456789abcdef0123456789abcdef")
    config = load_config(ROOT / copied[0].split()[0])
    assert config.streams == ()
    assert str(config.cameras.state_dir) == "/state"
    assert f"EXPOSE {config.http.port}" in [f"EXPOSE {port}" for port in of("EXPOSE")]
    assert any(f":{config.http.port}/healthz" in check for check in of("HEALTHCHECK"))


def test_compose_file_runs_the_image_without_rights_and_with_one_volume() -> None:
    told: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    (service,) = told["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["state:/state"]
    assert (ROOT / "deploy" / service["build"]["context"]).resolve() == ROOT
    assert told["volumes"] == {"state": {}}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "streamtrack.service").read_text(encoding="utf-8")
    command = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    assert command is not None
    unit = tmp_path / "streamtrack.service"
    # The binary and the user of this machine: both are looked for.
    text = text.replace("=streamtrack\nGroup=streamtrack", "=root\nGroup=root")
    unit.write_text(text.replace(command[1], "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    own = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, own) == (0, []), done.stderr
    words = shlex.split(command[2])
    assert words[0] == "serve"
    assert "StateDirectory=streamtrack" in text
    assert "/var/lib/streamtrack" in words


def test_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", PAGE)
    assert len(paths) > 4
    assert [path for path in paths if not (ROOT / "docs" / path).exists()] == []


@pytest.mark.process
@pytest.mark.slow
def test_commands_run(tmp_path: Path) -> None:
    """All of the page in one shell: a server is killed with -9 and is back with what it followed."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    with (tmp_path / "configs" / "demo.yaml").open("a") as config:
        config.write("zmq: {masks_address: 'tcp://127.0.0.1:*', control_address: null}\n")
    (tmp_path / "streamtrack").write_text(f'#!/bin/sh\nexec {sys.executable} -m streamtrack.cli.main "$@"\n')
    (tmp_path / "streamtrack").chmod(0o755)
    port = free_port("127.0.0.1", 0)
    script = "\n".join(blocks).replace("localhost:8080", f"127.0.0.1:{port}")
    script = script.replace("configs/demo.yaml --state", f"configs/demo.yaml --port {port} --state")
    done = subprocess.run(
        ["bash", "-e", "-u", "-c", f"{script}\nkill %1; wait %1 || true"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert '"kind":"resumed"' in done.stdout
    assert fnmatch.filter(os.listdir(tmp_path / "state" / "streams" / "demo"), "*.memory")
