"""`streamtrack checkpoints list | get | verify`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamtrack.cli.checkpoints import checkpoints_app
from streamtrack.errors import CheckpointError
from streamtrack.weights.catalog import CATALOG
from tests.support.file_server import FileServer, cut_after, whole
from tests.support.hub_server import HUB_MODEL_ID, Hub

DATA = b"weights" * 10_000
TINY = replace(CATALOG["sam2.1-tiny"], num_bytes=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty download folder, and a sam2.1-tiny of 70 kB."""
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "250")  # no path is folded
    monkeypatch.setitem(CATALOG, TINY.name, TINY)
    return tmp_path


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(checkpoints_app, args)
    if isinstance(result.exception, CheckpointError):
        raise result.exception
    return result.exit_code, result.stdout


def row(name: str, table: str) -> list[str]:
    """The cells of one row."""
    line = next(line for line in table.splitlines() if f" {name} " in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_list_tells_size_state_and_place(downloads: Path) -> None:
    (downloads / TINY.file_name).write_bytes(DATA)
    (downloads / CATALOG["sam2-tiny"].file_name).write_bytes(b"half")
    code, table = run("list")
    assert code == 0
    assert row("sam2.1-tiny", table) == [
        "sam2.1-tiny",
        "0.1 MiB",
        "1024 px",
        "here",
        str(downloads / TINY.file_name),
    ]
    assert row("sam2-tiny", table)[3] == "damaged"
    assert row("sam2-large", table)[3:] == ["not here", ""]
    assert str(downloads) in table.splitlines()[-1]


def test_list_verify_reads_the_files(downloads: Path) -> None:
    (downloads / TINY.file_name).write_bytes(b"W" + DATA[1:])
    _, table = run("list", "--verify")
    assert row("nano", table)[3] == "verified"
    assert row("sam2.1-tiny", table)[3] == "damaged"


def test_get_downloads_over_a_cut_connection(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer(DATA, cut_after(30_000), whole).running() as server:
        monkeypatch.setitem(CATALOG, TINY.name, replace(TINY, urls=(server.url,)))
        code, output = run("get", "sam2.1-tiny")
    assert (code, output) == (0, f"sam2.1-tiny: {downloads / TINY.file_name}\n")
    assert (downloads / TINY.file_name).read_bytes() == DATA


def test_get_of_an_unknown_name_fails_before_anything_is_downloaded(downloads: Path) -> None:
    with pytest.raises(CheckpointError, match="unknown model 'sam3'"):
        run("get", "sam2.1-tiny", "sam3")
    assert list(downloads.iterdir()) == []


def test_verify_tells_good_from_bad(downloads: Path) -> None:
    path = downloads / TINY.file_name
    path.write_bytes(DATA)
    assert run("verify", "sam2.1-tiny") == (0, f"sam2.1-tiny: {path}: verified\n")
    path.write_bytes(DATA[:-1])
    code, output = run("verify", "nano", "sam2.1-tiny")
    assert code == 1
    assert "nano.safetensors: verified" in output
    assert f"sam2.1-tiny: {path}: 69999 bytes, expected 70000" in output


def test_verify_of_a_missing_checkpoint_is_a_fault(downloads: Path) -> None:
    assert run("verify", "sam2-large") == (1, "sam2-large: not on this machine\n")


def test_verify_without_names_takes_what_is_here(downloads: Path) -> None:
    code, output = run("verify")
    assert code == 0
    assert [line.partition(":")[0] for line in output.splitlines()] == ["nano", "detector"]


def test_a_model_of_the_hub_is_fetched_listed_and_verified(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = downloads / "someone--sam2.1-hiera-tiny"
    with Hub().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert run("get", HUB_MODEL_ID) == (0, f"{HUB_MODEL_ID}: {folder}\n")
    _, table = run("list", "--verify")
    assert row(HUB_MODEL_ID, table) == [HUB_MODEL_ID, "0.0 MiB", "", "verified", str(folder)]
    assert run("verify", HUB_MODEL_ID) == (0, f"{HUB_MODEL_ID}: {folder}: verified\n")
    (folder / "model.safetensors").write_bytes(b"other")
    code, output = run("verify")
    assert code == 1
    assert "model.safetensors: 5 bytes, expected 35000" in output
