"""Whatever goes wrong is one line and exit code 2; `--debug` shows all of it."""

from __future__ import annotations

import errno

import pytest

from streamtrack.cli import main as cli
from streamtrack.cli import target as targets


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "out/masks.jsonl"),
            "out/masks.jsonl: No space left on device",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (MemoryError(), "not enough memory"),
        (KeyError("lost"), "unexpected KeyError: 'lost' ("),
        (
            RuntimeError("two\nlines of rtsp://admin:hunter2@camera/ and token=hunter2"),
            "unexpected RuntimeError: two lines of rtsp://***@camera/ and token=*** (",
        ),
        (RuntimeError("x" * 10_000), "unexpected RuntimeError: xxx"),
    ],
)
def test_any_error_is_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: object) -> None:
        raise error

    monkeypatch.setattr(targets, "read_yaml", fail)
    assert cli.run(["config", "live.yaml"]) == cli.EXIT_ERROR
    told = capsys.readouterr().err
    assert told.startswith(f"streamtrack: error: {line}")
    assert told.count("\n") == 1
    assert len(told) < 600
    assert "hunter2" not in told
    with pytest.raises(type(error)):
        cli.run(["--debug", "config", "live.yaml"])
