"""Files that somebody else may have written: memories, weights, states, rules, jobs, pictures, films."""

from __future__ import annotations

import io
import json
import random
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import save

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import ArchiveConfig, StreamConfig
from streamtrack.errors import ArchiveError, CheckpointError, ConfigError, ObjectMemoryError, PromptError
from streamtrack.frame import Event, EventKind
from streamtrack.history.event_log import FILE as FILE_OF_EVENTS
from streamtrack.history.event_log import EventLog
from streamtrack.history.kept_event import EventPage, EventQuery, NewEvent
from streamtrack.jobs.store import JobStore
from streamtrack.model.checkpoint import name_of_checkpoint, read_checkpoint
from streamtrack.offline.mask_picture import read_mask
from streamtrack.recording.masks_file import masks_head, read_lines
from streamtrack.rules.store import read_rules
from streamtrack.state.folder import StateFolder
from streamtrack.streams.state_file import FILE, StateFile
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.memory_document import from_document, to_document
from streamtrack.tracking.memory_file import read_metadata
from tests.fuzz import forms
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost, processor_s
from tests.fuzz.http_requests import CAMERA, LINE, ZONE
from tests.fuzz.mutate import changed_value, damaged
from tests.fuzz.refused import taken
from tests.support.colour_family import coloured_shapes
from tests.support.memories import CLICK, CONFIG, begun, make_colour
from tests.tracking.test_memory_watch import HIDDEN, RULES, SIZE, seen, watch_of


@pytest.fixture(scope="module")
def colour() -> Tracker:
    return make_colour()


@pytest.fixture(scope="module")
def session(colour: Tracker) -> Session:
    return begun(colour, CONFIG, [image for image, _ in coloured_shapes(4)], points=[CLICK])


def odd_memory(data: bytes, rng: random.Random) -> bytes:
    """A memory with odd metadata, odd state, or damage."""
    pick = rng.random()
    if pick < 0.3:
        return damaged(data, rng)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if pick < 0.7:
        state = json.loads(header["__metadata__"]["state"])
        header["__metadata__"]["state"] = json.dumps(changed_value(state, rng))
    else:
        header = changed_value(header, rng)
    packed = json.dumps(header).encode()
    return len(packed).to_bytes(8, "little") + packed + data[8 + length :]


def test_odd_memory_is_taken_or_refused(colour: Tracker, session: Session) -> None:
    rng, memory = dice("memory"), session.export_object(1)
    image, num_taken = coloured_shapes(1)[0][0], 0
    other = colour.new_session(CONFIG)
    other.step(image)
    for _ in range(amount(60, 6_000)):
        data = odd_memory(memory, rng)
        taken(lambda data=data: read_metadata(data), ObjectMemoryError, what=data[:3000])  # type: ignore[misc]
        if taken(lambda data=data: other.add(1, memory=data), ObjectMemoryError, what=data[:3000]):  # type: ignore[misc]
            num_taken += 1
            other.step(image)
            other.export_object(1)
            other.remove(1)
    assert num_taken > 0


def test_odd_memory_document_is_taken_or_refused() -> None:
    rng, num_taken = dice("document"), 0
    watch, key = watch_of(40)
    sound = json.loads(json.dumps(to_document(watch, key)))
    assert sound
    for _ in range(amount(500, 20_000)):
        raw = changed_value(sound, rng)
        if not isinstance(raw, dict):
            continue

        def read(raw: Any = raw) -> None:
            found = from_document(raw, RULES, 32, 90)
            for later in range(3):  # what was taken can be gone on with
                found.expected(91 + later, SIZE)
                found.judge(91 + later, HIDDEN if later == 1 else seen(100))
            json.dumps(to_document(found, 93))

        num_taken += taken(read, PromptError, what=raw)
    assert num_taken > 0


def weights() -> dict[str, bytes]:
    """A small checkpoint in each of its forms."""
    tensors = {f"layer.{n}.weight": torch.arange(12.0).reshape(3, 4) for n in range(6)}
    zipped, legacy, wrapped = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save(tensors, zipped)
    torch.save(tensors, legacy, _use_new_zipfile_serialization=False)
    torch.save({"model": tensors}, wrapped)
    return {
        "zip.pt": zipped.getvalue(),
        "legacy.pt": legacy.getvalue(),
        "model.pt": wrapped.getvalue(),
        "x.safetensors": save(tensors),
    }


def odd_weights(rng: random.Random, sound: dict[str, bytes]) -> tuple[str, bytes]:
    name = rng.choice(list(sound))
    data = sound[name]
    if name.endswith(".safetensors") and rng.random() < 0.6:
        length = int.from_bytes(data[:8], "little")
        header = json.dumps(changed_value(json.loads(data[8 : 8 + length]), rng)).encode()
        return name, len(header).to_bytes(8, "little") + header + data[8 + length :]
    if rng.random() < 0.05:
        return name, rng.randbytes(rng.choice((0, 1, 7, 8, 9, 100)))
    return rng.choice((name, "x.bin")), damaged(data, rng, list(sound.values()))


def test_damaged_weights_are_read_or_refused(tmp_path: Path) -> None:
    rng, sound = dice("weights"), weights()
    for _ in range(amount(80, 6_000)):
        name, data = odd_weights(rng, sound)
        path = tmp_path / name
        path.write_bytes(data)
        taken(lambda: read_checkpoint(path), CheckpointError, what=(name, data[:2000]))  # noqa: B023
        taken(lambda: name_of_checkpoint(path), CheckpointError, what=(name, data[:2000]))  # noqa: B023
        path.unlink()


def test_weights_cost_what_their_size_is_worth(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"

    def of_tensors(count: int) -> bytes:
        header = {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(count)}
        packed = json.dumps(header).encode()
        return len(packed).to_bytes(8, "little") + packed

    def read(data: bytes) -> None:
        path.write_bytes(data)
        taken(lambda: name_of_checkpoint(path), CheckpointError)

    check_cost(of_tensors, read, (500, 1_000, 2_000), "tensors")
    check_cost(lambda n: struct.pack("<Q", n) + b"[" * n, read, (20_000, 40_000, 80_000), "lists in lists")


def test_damaged_state_of_cameras_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rng, num_read = dice("cameras"), 0
    sound = {"version": 1, "streams": [CAMERA, {**CAMERA, "name": "other"}]}
    text = json.dumps(sound).encode()
    for number in range(amount(25, 2_000)):
        folder = tmp_path / str(number)
        held = StateFolder(folder)
        state = StateFile(held)
        data = damaged(text, rng) if rng.random() < 0.5 else json.dumps(changed_value(sound, rng)).encode()
        (folder / FILE).write_bytes(data)
        found: tuple[StreamConfig, ...] = ()

        def read(state: StateFile = state) -> None:
            nonlocal found
            found = state.read()
            state.write(found)

        assert taken(read, what=data)
        num_read += len(found)
        held.close()
    assert num_read > 0
    assert "Traceback" not in caplog.text


def test_odd_file_of_rules_is_read_or_refused(tmp_path: Path) -> None:
    rng, path = dice("rules"), tmp_path / "rules.json"
    sound = {"version": 1, "rules": [ZONE, LINE]}
    for _ in range(amount(80, 6_000)):
        text = json.dumps(changed_value(sound, rng)).encode()
        data = damaged(text, rng) if rng.random() < 0.5 else text
        path.write_bytes(data)
        taken(lambda: read_rules(path), ConfigError, what=data)


def test_odd_record_of_a_job_is_read_or_forgotten(tmp_path: Path) -> None:
    rng = dice("jobs")
    options = {"direction": "forward", "exports": ["objects"], "stride": 1}
    sound = {
        "id": "20261129025000-0123456789abcdef",
        "state": "done",
        "film": "a.mp4",
        "source": "upload",
        "options": options,
        "num_objects": 1,
        "created_ms": 5,
        "summary": {"frames": 3},
        "files": [{"name": "objects.csv", "bytes": 5}],
    }
    for number in range(amount(25, 2_000)):
        store = JobStore(tmp_path / str(number))
        text = json.dumps(changed_value(sound, rng)).encode()
        data = damaged(text, rng) if rng.random() < 0.4 else text
        folder = tmp_path / str(number) / str(sound["id"])
        folder.mkdir()
        (folder / "job.json").write_bytes(data)
        assert taken(lambda store=store: [one.model_dump_json() for one in store.read()], what=data)  # type: ignore[misc]


def test_odd_lines_of_masks_are_read_or_left_out() -> None:
    rng = dice("masks-lines")
    line = {"frame": 12, "wall_ms": 17, "pts": 43200, "objects": [{"id": 1, "box": [1, 2, 3, 4]}]}
    sound = masks_head("gate", 5) + b"".join(
        msgspec.json.encode({**line, "pts": n}) + b"\n" for n in range(4)
    )
    for _ in range(amount(300, 10_000)):
        data = damaged(sound, rng)
        assert taken(lambda data=data: list(read_lines(io.BytesIO(data))), what=data)  # type: ignore[misc]


def test_damaged_log_of_events_is_read_or_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rng = dice("events")
    config = ArchiveConfig(folder=tmp_path, events_max=100)
    log = EventLog(config, SYSTEM_CLOCK)
    event = Event(EventKind.CROSSED, 3, 1, {"rule": "gate", "number": 5})
    log.add([NewEvent(10**12 + number, "cam", event, class_name="car", label="l") for number in range(40)])
    log.close()
    sound = (tmp_path / FILE_OF_EVENTS).read_bytes()
    for number in range(amount(15, 1_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        data = damaged(sound, rng)
        (folder / FILE_OF_EVENTS).write_bytes(data)

        def read(folder: Path = folder) -> None:
            with closing(EventLog(ArchiveConfig(folder=folder, events_max=100), SYSTEM_CLOCK)) as opened:
                page = opened.find(EventQuery(streams=["cam"], object_ids=[1]))
                TypeAdapter(EventPage).dump_json(page, warnings=False)
                opened.thumbnail(1)
                opened.add([NewEvent(10**12, "cam", event)])

        taken(read, ArchiveError, ConfigError, what=number)
    assert "Traceback" not in caplog.text


def test_damaged_picture_is_a_mask_or_refused(tmp_path: Path) -> None:
    rng, pictures = dice("pictures"), {**forms.films(), "png": forms.mask_png()}
    kinds = [kind for kind in pictures if kind in ("png", "jpeg", "gif", "bmp", "webp", "tiff")]
    for _ in range(amount(40, 5_000)):
        kind = rng.choice(kinds)
        data = damaged(pictures[kind], rng, [pictures[other] for other in kinds])
        path = tmp_path / f"mask.{kind}"
        path.write_bytes(data)
        taken(lambda: read_mask(path), PromptError, what=data[:2000])  # noqa: B023


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_picture_that_unfolds_is_refused_before_it_does(side: int, tmp_path: Path) -> None:
    head = forms.bomb_png(16)
    path = tmp_path / "bomb.png"
    path.write_bytes(head[:16] + struct.pack(">II", side, side) + head[24:])
    assert processor_s(lambda: taken(lambda: read_mask(path), PromptError)) < 0.25
