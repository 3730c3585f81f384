"""What outlives the process, on the product's own server: objects with their ids, rules, pauses, snoozes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import (
    CamerasConfig,
    Config,
    LineRule,
    PromptConfig,
    RulesConfig,
    StateConfig,
    TrackingConfig,
    ZoneRule,
)
from streamtrack.control.commands import AddCommand, LabelCommand, PauseCommand, RemoveCommand, ResumeCommand
from streamtrack.control.status import PastEvent
from streamtrack.errors import ConfigError
from streamtrack.frame import EventKind, ObjectState
from streamtrack.rules.state import RuleState
from streamtrack.server import Server
from streamtrack.state.documents import StreamDocument, decode
from streamtrack.state.folder import ASIDE
from streamtrack.state.stream_store import DOCUMENT, StreamStore
from tests.support.camera import DISCS, EMPTY, Camera
from tests.support.pipelines import ask, stream_config, wait_until
from tests.support.servers import server_config, serving

RED, BLUE = 1, 2
PROMPTS = tuple(
    PromptConfig(object_id=object_id, points=(DISCS[name],))
    for object_id, name in ((RED, "red"), (BLUE, "blue"))
)
ZONE = ZoneRule(name="all", unit="share", points=((0, 0), (1, 0), (1, 1), (0, 1)), hold_frames=1)
LINE = LineRule(name="middle", unit="share", points=((0.5, 0), (0.5, 1)))


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    """Two discs that stand still."""
    camera = Camera(fps=10)
    yield camera
    camera.unplug()


def config(camera: Camera, folder: Path, **state: Any) -> Config:
    stream = stream_config(
        camera.url,
        pace="newest",
        prompts=PROMPTS,
        autoprompt=None,
        rules=RulesConfig(lines=(LINE,)),
        tracking=TrackingConfig(window="off"),
    )
    return server_config(
        stream, cameras=CamerasConfig(state_dir=folder), state=StateConfig.model_validate(state)
    )


def read(folder: Path) -> StreamDocument:
    return decode((folder / "streams" / "cam" / DOCUMENT).read_bytes(), StreamDocument)


def told(server: Server, kind: EventKind) -> list[PastEvent]:
    return [event for event in server.past_events("cam") if event.kind == kind]


def soon(server: Server, kind: EventKind) -> list[PastEvent]:
    """The events of a kind, once one was told; they come with the first frame."""
    wait_until(lambda: bool(told(server, kind)), f"the event {kind}")
    return told(server, kind)


def pipeline_of(server: Server) -> Any:
    return server.streams.get("cam").pipeline


@pytest.fixture(scope="module")
def kept(camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server left that followed two objects, one of them named, and was stopped while it stood."""
    folder = tmp_path_factory.mktemp("state") / "folder"
    with serving(config(camera, folder)) as server:
        pipeline = pipeline_of(server)
        rules = server.streams.get("cam").rules
        rules.add(ZONE)
        wait_until(lambda: any(state.entered >= 2 for state in rules.states()), "both objects in the zone")
        ask(pipeline, LabelCommand(stream="cam", object_id=BLUE, label="ball"))
        x, y = EMPTY
        removed = ask(pipeline, AddCommand(stream="cam", box=(x - 20, y - 20, x + 20, y + 20)))
        ask(pipeline, RemoveCommand(stream="cam", object_id=removed.object_id or 0))
        server._alerts.snoozes.add(None, "cam", "all", 3600.0)
        ask(pipeline, PauseCommand(stream="cam"))
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A copy, as if that server had ended just now."""
    copy = tmp_path / "state"
    shutil.copytree(kept, copy)
    return copy


def test_clean_stop_leaves_the_last_state_for_the_owner_alone(kept: Path) -> None:
    document = read(kept)
    assert [one.label for one in document.objects if one.object_id == BLUE] == ["ball"]
    assert all(one.memory is not None and one.counts for one in document.objects)
    assert document.paused
    assert document.highest_id == max(one.object_id for one in document.objects) + 1
    assert {rule.name: rule.tally.get("entered") for rule in document.rules.rules}["all"]
    assert json.loads((kept / "rules-cam.json").read_text())["rules"][0]["name"] == "all"
    assert kept.stat().st_mode & 0o077 == 0
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files), files


def test_restart_goes_on_with_the_same_objects_in_doubt_until_they_are_confirmed(
    camera: Camera, folder: Path
) -> None:
    before = read(folder)
    with serving(config(camera, folder)) as server:
        status = server.status("cam")
        wait_until(lambda: bool(told(server, EventKind.PAUSED)), "the pause is told")
        assert server.status("cam").paused, "as it stood"
        ids = [one.object_id for one in before.objects]
        assert [one.object_id for one in status.objects] == ids
        wait_until(lambda: bool(told(server, EventKind.PAUSED)), "the pause is told")
        kinds = [event.kind for event in server.past_events("cam")]
        assert kinds[0] == EventKind.RESUMED
        assert EventKind.ADDED not in kinds
        (resumed,) = told(server, EventKind.RESUMED)
        assert resumed.detail["reason"] == "restarted"
        assert 0 <= resumed.detail["age_s"] < 300
        assert [one["object_id"] for one in resumed.detail["objects"]] == ids
        (gap,) = told(server, EventKind.GAP)
        assert gap.detail["reason"] == "restarted"
        newest = pipeline_of(server).newest
        assert {one.state for one in newest.objects.values()} <= {
            ObjectState.UNCERTAIN,
            ObjectState.OCCLUDED,
            ObjectState.LOST,
        }
        assert newest.objects[BLUE].label == "ball"

        def zone() -> RuleState:
            return next(one for one in server.streams.get("cam").rules.states() if one.name == "all")

        wait_until(lambda: len(zone().inside) == 2, "who is inside is known")
        (counted,) = [rule.tally for rule in before.rules.rules if rule.name == "all"]
        assert zone().entered == sum(counted["entered"].values()), "nobody enters twice"
        assert [one.rule for one in server._alerts.snoozes.in_force()] == ["all"]
        ask(pipeline_of(server), ResumeCommand(stream="cam"))
        wait_until(lambda: bool(told(server, EventKind.TRACKING)), "an object is confirmed")
        x, y = EMPTY
        again = ask(pipeline_of(server), AddCommand(stream="cam", box=(x - 20, y - 20, x + 20, y + 20)))
        assert again.object_id == before.highest_id + 1, "no id is given twice"


def test_state_that_is_too_old_leaves_rules_and_labels_and_tells_who_is_gone(
    camera: Camera, folder: Path
) -> None:
    before = read(folder)
    with serving(config(camera, folder, resume_within_s=0)) as server:
        gone = soon(server, EventKind.EXPIRED)
        assert {(event.object_id, event.detail["reason"]) for event in gone} == {
            (one.object_id, "too_old") for one in before.objects
        }
        assert "ball" in {event.detail["label"] for event in gone}
        assert told(server, EventKind.RESUMED) == []
        assert not server.status("cam").paused
        rules = server.streams.get("cam").rules
        wait_until(lambda: any(state.left >= 2 for state in rules.states()), "who is gone has left")
        assert {rule.rule.name for rule in rules.rules()} == {"all", "middle"}
        assert {event.object_id for event in soon(server, EventKind.ADDED)} == {RED, BLUE}, "it begins anew"


def test_state_of_another_source_or_model_is_not_gone_on_with(
    camera: Camera, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "streams" / "cam" / DOCUMENT
    text = path.read_text()
    path.write_text(text.replace('"model":"nano"', '"model":"sam2.1-tiny"'))
    with serving(config(camera, folder)) as server:
        assert {event.detail["reason"] for event in soon(server, EventKind.EXPIRED)} == {"other_model"}
        lines = [record.getMessage() for record in caplog.records if ASIDE in record.getMessage()]
        assert len(lines) == 1
        assert "is of sam2.1-tiny at" in lines[0]
        assert [one for one in folder.iterdir() if ASIDE in one.name and any(one.glob("*.memory"))]
    path.write_text(text.replace('"source":"http:', '"source":"https:'))
    with serving(config(camera, folder)) as server:
        assert {event.detail["reason"] for event in soon(server, EventKind.EXPIRED)} >= {"other_source"}


def test_damaged_parts_cost_no_start(camera: Camera, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "rules-cam.json").write_text("{")
    (folder / "server.json").write_bytes(b"\x00")
    victim = next(one for one in read(folder).objects if one.object_id != BLUE)
    assert victim.memory is not None
    (folder / "streams" / "cam" / victim.memory.file).write_bytes(b"x")
    with serving(config(camera, folder)) as server:
        assert BLUE in pipeline_of(server).newest.objects
        (gone,) = soon(server, EventKind.EXPIRED)
        assert (gone.object_id, gone.detail["reason"]) == (victim.object_id, "its memory is damaged")
        assert [rule.rule.name for rule in server.streams.get("cam").rules.rules()] == ["middle"]
    for name in ("rules-cam.json", "server.json", victim.memory.file):
        assert sum(f"{name}{ASIDE}" in record.getMessage() for record in caplog.records) == 1, name


def test_second_server_of_a_folder_is_refused(camera: Camera, folder: Path) -> None:
    with serving(config(camera, folder)), pytest.raises(ConfigError, match="another server uses it"):
        Server(config(camera, folder))


def test_start_that_died_of_its_objects_three_times_leaves_them_alone(camera: Camera, folder: Path) -> None:
    store_path = folder / "streams" / "cam"
    (store_path / "tries").write_bytes(b"3")
    with serving(config(camera, folder)) as server:
        assert {event.detail["reason"] for event in soon(server, EventKind.EXPIRED)} == {"failed_before"}


@pytest.fixture
def fake_disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A disk that refuses while the list holds something."""
    refuses: list[bool] = []
    write = StreamStore.write

    def maybe(self: StreamStore, *arguments: Any) -> None:
        if refuses:
            raise OSError(28, "No space left on device")
        write(self, *arguments)

    monkeypatch.setattr(StreamStore, "write", maybe)
    return refuses


def test_disk_that_refuses_is_told_once_and_written_when_it_works_again(
    camera: Camera, folder: Path, fake_disk: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    fake_disk.append(True)
    with serving(config(camera, folder)) as server:
        wait_until(lambda: "cannot be written: No space left" in caplog.text, "it is told")
        before = read(folder).saved
        ask(pipeline_of(server), ResumeCommand(stream="cam"))
        fake_disk.clear()
        wait_until(lambda: read(folder).saved != before, "it is written again")
    assert sum("cannot be written" in record.getMessage() for record in caplog.records) == 1
