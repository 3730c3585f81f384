"""`streamtrack events` over a log that a server wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamtrack.cli.events import read_moment
from streamtrack.cli.main import run
from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import ArchiveConfig
from streamtrack.errors import ConfigError
from streamtrack.frame import Event, EventKind
from streamtrack.history.event_log import EventLog
from streamtrack.history.kept_event import NewEvent

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    log = EventLog(ArchiveConfig(folder=folder))
    now_ms = SYSTEM_CLOCK.wall_ns() // 1_000_000
    crossed = Event(EventKind.CROSSED, 12, 3, {"rule": "gate", "direction": "in", "class": "person"})
    lost = Event(EventKind.SOURCE_LOST, 12, None, {"reason": "no answer"})
    log.add([NewEvent(now_ms - 7_200_000, "yard", lost), NewEvent(now_ms, "cam", crossed, "person", "ann")])
    log.close()
    return folder


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["events", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_events_are_lines_oldest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost, crossed = asked(capsys, str(folder))
    assert lost.endswith("Z  yard  source_lost  reason=no answer")
    assert crossed.endswith("Z  cam  crossed  #3  label=ann  class=person  rule=gate  direction=in")


@pytest.mark.parametrize(
    "options",
    [
        ("--stream", "cam"),
        ("--kind", "crossed"),
        ("--class", "person"),
        ("--label", "ann"),
        ("--rule", "gate"),
        ("--object", "3"),
        ("--since", "1h"),
        ("--limit", "1"),
    ],
)
def test_options_choose(folder: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = asked(capsys, str(folder), "--json", *options)
    assert json.loads(line)["kind"] == "crossed"
    assert json.loads(line)["class_name"] == "person"


def test_config_names_the_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "live.yaml"
    config.write_text(
        f"streams: [{{name: cam, source: {{url: 'synthetic:demo'}}}}]\narchive: {{folder: {folder}}}\n"
    )
    assert len(asked(capsys, str(config))) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("synthetic:demo",), "archive.folder is not set"),
        (("{folder}", "--kind", "exploded"), "--kind is exploded, expected some of: added"),
        (("{folder}", "--since", "yesterday"), "--since is yesterday, expected such as 2h"),
        (("{empty}",), "there is no log of events"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path, tmp_path: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [one.format(folder=folder, empty=tmp_path) for one in arguments]
    assert run(["events", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", datetime(2026, 11, 29, 10, 0, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        ("2026-11-29T08:00", datetime(2026, 11, 29, 8, 0, tzinfo=UTC)),
        ("2026-11-29T08:00+02:00", datetime(2026, 11, 29, 6, 0, tzinfo=UTC)),
        ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text: str, expected: datetime) -> None:
    assert read_moment(text, NOW, "--since") == int(expected.timestamp() * 1000)


def test_moment_that_is_none_names_its_option() -> None:
    with pytest.raises(ConfigError, match="--until is soon"):
        read_moment("soon", NOW, "--until")
