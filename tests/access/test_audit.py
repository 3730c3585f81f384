"""The audit log: on disk and in memory, bounded, for its owner alone, and in nobody's way."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from streamtrack.access import audit as module
from streamtrack.access.audit import AuditLog
from streamtrack.access.audit_file import AuditFile
from streamtrack.access.principal import Principal
from streamtrack.access.roles import Role
from streamtrack.clock import FakeClock
from tests.support.waiting import wait_until

WALL = Principal("wall", Role.VIEW, "key")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_entry_says_who_did_what_where_and_how_it_ended(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state" / "audit.jsonl", FakeClock())
    log.note(
        "POST /streams/{name}/objects",
        "done",
        principal=WALL,
        address="10.0.0.3",
        stream="door",
        object_id="3",
        status=201,
    )
    log.note("log in", "refused", address="10.0.0.4", detail="a\nb" + "x" * 500)
    assert log.close(20)
    first, second = lines(tmp_path / "state" / "audit.jsonl")
    assert first == {
        "id": 1_700_000_000_000_000,
        "time": "2023-11-14T22:13:20.000+00:00",
        "who": "wall",
        "role": "view",
        "by": "key",
        "address": "10.0.0.3",
        "what": "POST /streams/{name}/objects",
        "outcome": "done",
        "stream": "door",
        "object": "3",
        "status": 201,
    }
    assert second["id"] == 1_700_000_000_000_001
    assert (second["who"], str(second["detail"])[:4]) == ("", "a bx")
    assert len(str(second["detail"])) == module.MAX_TEXT_CHARS
    assert stat.S_IMODE((tmp_path / "state" / "audit.jsonl").stat().st_mode) == 0o600


def test_pages_go_back_to_the_first_entry(tmp_path: Path) -> None:
    for log in (AuditLog(tmp_path / "audit.jsonl", FakeClock()), AuditLog(None, FakeClock())):
        for index in range(7):
            log.note(f"step {index}", "done" if index % 2 else "refused", principal=WALL)
        log.close(20)
        found, before = log.page(3)
        assert [entry.what for entry in found] == ["step 6", "step 5", "step 4"]
        rest: list[str] = []
        while before is not None:
            found, before = log.page(3, before)
            rest += [entry.what for entry in found]
        assert rest == ["step 3", "step 2", "step 1", "step 0"]
        assert [entry.what for entry in log.page(9, outcome="done")[0]] == ["step 5", "step 3", "step 1"]
        assert log.page(9, who="nobody") == ([], None)


def test_question_costs_a_bounded_number_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SCANNED", 3)
    log = AuditLog(None, FakeClock())
    for index in range(8):
        log.note(f"step {index}", "done", principal=WALL)
    seen, before, questions = [], None, 0
    while before is not None or not questions:
        found, before = log.page(1, before, who="nobody")
        seen += found
        questions += 1
        assert questions < 10
    assert (seen, questions) == ([], 3)


def test_files_are_rotated_and_bounded(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "audit.jsonl", max_file_bytes=200, max_files=3)
    for index in range(60):
        file.append([b'{"n": %d, "filler": "%s"}\n' % (index, b"x" * 40)])
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock"))
    assert names in (["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"], ["audit.jsonl.1", "audit.jsonl.2"])
    assert sum((tmp_path / name).stat().st_size for name in names) < 3 * 300
    newest = [json.loads(line)["n"] for line in file.newest_first()]
    assert newest == list(range(59, 59 - len(newest), -1))
    assert len(newest) >= 6


def test_half_a_line_of_a_killed_process_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first = AuditLog(path, FakeClock())
    first.note("before", "done")
    first.close(20)
    with path.open("ab") as file:
        file.write(b'{"id": 5, "ti')
    second = AuditLog(path, FakeClock())
    second.note("after", "done")
    second.close(20)
    assert [entry.what for entry in second.page(9)[0]] == ["after", "before"]


def test_full_disk_is_told_and_lost_entries_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[int] = []
    log = AuditLog(tmp_path / "audit.jsonl", FakeClock(), lost.append)
    full = True
    real = os.write

    def write(handle: int, data: memoryview) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr("streamtrack.access.audit_file.os.write", write)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    for index in range(8):
        log.note(f"step {index}", "done")
    wait_until(lambda: bool(caplog.records), "the line that tells it", 20)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("audit log: cannot be written: No space left on device; ")
    assert (sum(lost), log.lost) == (3, 3)
    assert [entry.what for entry in log.page(2)[0]] == ["step 4", "step 3"]
    full = False
    wait_until(lambda: len(lines(tmp_path / "audit.jsonl")) == 5, "what waited", 20)
    assert log.close(20)


def test_what_never_finds_a_place_is_counted_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    log = AuditLog(tmp_path / "file" / "audit.jsonl", FakeClock())
    log.note("step", "done")
    assert log.close(20)
    assert log.lost == 1


def test_what_is_repeated_is_told_once_in_a_while_with_how_often() -> None:
    clock = FakeClock()
    log = AuditLog(None, clock)
    for _ in range(5):
        log.note("zmq mend", "done", principal=WALL, often=True)
    log.note("zmq mend", "done", principal=WALL, stream="other", often=True)
    clock.advance_ms(61_000)
    log.note("zmq mend", "done", principal=WALL, often=True)
    assert [(entry.stream, entry.times) for entry in log.page(9)[0]] == [("", 5), ("other", 1), ("", 1)]
