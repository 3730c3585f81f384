"""A stream whose objects start by class: a real detector, a real photo that moves, real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamtrack import stream_outputs
from streamtrack.cli.main import run
from streamtrack.config import DetectorAutoprompt, SourceConfig, StreamConfig
from streamtrack.control.commands import RemoveCommand, StartOverCommand
from streamtrack.detect import Detection, box_iou
from streamtrack.errors import CheckpointError
from streamtrack.frame import Event, EventKind
from streamtrack.mailbox import Mailbox
from streamtrack.pipeline import Pipeline
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import Telemetry
from streamtrack.weights import catalog
from tests.support.image_files import read_image
from tests.support.pipelines import SOON_S, as_prompt, ask, publishing, running, wait_until

PHOTO = Path(__file__).parent / "photos/person.jpg"
BOX = (358, 29, 523, 432)
"""The person, measured by hand."""
FRAMES = 6
STEP_PX = 3
"""The photo moves left by so much a frame, and back."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of frames, to be played in a loop."""
    folder = tmp_path_factory.mktemp("person")
    photo = read_image(PHOTO)
    for index, step in enumerate((*range(FRAMES), *range(FRAMES - 2, 0, -1))):
        cv2.imwrite(str(folder / f"{index:03d}.jpg"), np.roll(photo, -STEP_PX * step, axis=1))
    return folder


@pytest.fixture
def endpoints() -> Iterator[tuple[ZmqPublisher, Telemetry]]:
    with publishing() as both:
        yield both


def detecting(clip: Path, **keys: Any) -> StreamConfig:
    return StreamConfig(
        name="cam",
        source=SourceConfig(url=str(clip), pace="newest", fps=10, loop=True),
        autoprompt=DetectorAutoprompt.model_validate({"classes": ["person"], "interval_ms": 50, **keys}),
    )


def next_event(events: Mailbox[Event], kind: EventKind) -> Event:
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        event = events.get(0.1)
        if event is not None and event.kind is kind:
            return event
    raise AssertionError(f"no {kind} in {SOON_S} s")


def outcome(telemetry: Telemetry, name: str) -> float:
    labels = {"stream": "cam", "outcome": name}
    return telemetry.registry.get_sample_value("streamtrack_autoprompt_total", labels) or 0.0


def detections(telemetry: Telemetry) -> float:
    labels = {"stream": "cam", "stage": "detect"}
    return telemetry.registry.get_sample_value("streamtrack_stage_seconds_count", labels) or 0.0


def test_person_starts_once_by_class_and_stays_away_once_removed(
    clip: Path, endpoints: tuple[ZmqPublisher, Telemetry]
) -> None:
    publisher, telemetry = endpoints
    with running(detecting(clip), publisher, telemetry) as pipeline, pipeline.watch_events() as events:
        added = next_event(events, EventKind.ADDED)
        assert added.detail["by"] == "detector"
        assert added.detail["class"] == "person"
        assert added.detail["score"] == pytest.approx(0.9, abs=0.05)
        seen = detections(telemetry)
        wait_until(lambda: detections(telemetry) >= seen + 4, "four more detections")
        (person,) = pipeline.status().objects
        assert person.label == "person"
        where = (BOX[0] - STEP_PX * FRAMES / 2, BOX[1], BOX[2] - STEP_PX * FRAMES / 2, BOX[3])
        assert box_iou(person.box, where) > 0.6  # where on its way the photo is, nobody knows
        ask(pipeline, RemoveCommand(stream="cam", object_id=person.object_id))
        assert next_event(events, EventKind.REMOVED).detail == {}
        seen = detections(telemetry)
        wait_until(lambda: detections(telemetry) >= seen + 4, "four more detections")
        assert pipeline.status().objects == ()
        assert outcome(telemetry, "started") == 1


def test_object_spoilt_by_a_command_is_mended_with_its_id_and_tells_why(
    clip: Path, endpoints: tuple[ZmqPublisher, Telemetry]
) -> None:
    publisher, telemetry = endpoints
    with running(detecting(clip), publisher, telemetry) as pipeline, pipeline.watch_events() as events:
        added = next_event(events, EventKind.ADDED)
        seen = detections(telemetry)
        wait_until(lambda: detections(telemetry) >= seen + 3, "three detections that agree")
        assert added.object_id is not None
        wide = np.zeros((432, 768), np.bool_)
        wide[10:430, 60:740] = True
        spoil = StartOverCommand(stream="cam", object_id=added.object_id, mask=as_prompt(wide))
        ask(pipeline, spoil)
        mended = next_event(events, EventKind.MENDED)
        assert mended.object_id == added.object_id
        assert mended.detail["by"] == "detector"
        assert mended.detail["class"] == "person"
        assert mended.detail["disagrees"] in ("too_large", "uncertain", "lost")
        assert box_iou(tuple(mended.detail["box"]), BOX) > 0.6
        reason = mended.detail["disagrees"]
        wait_until(lambda: outcome(telemetry, f"mended_{reason}") >= 1, "its count")
        assert [one.object_id for one in pipeline.status().objects] == [added.object_id]


def test_object_that_no_detection_confirms_ends_and_tells_why(
    clip: Path, endpoints: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SeesTwice:
        """Finds the person on two pictures, then nothing any more."""

        def __init__(self) -> None:
            self.left = 2

        def detect(self, image: Any) -> list[Detection]:
            self.left -= 1
            return [Detection("person", 0.9, BOX)] if self.left >= 0 else []

    publisher, telemetry = endpoints
    monkeypatch.setattr(stream_outputs, "open_detector", lambda config: SeesTwice())
    config = detecting(clip, label="visitor", remove_unconfirmed_after_ms=300)
    with running(config, publisher, telemetry) as pipeline, pipeline.watch_events() as events:
        added = next_event(events, EventKind.ADDED)
        removed = next_event(events, EventKind.REMOVED)
        assert removed.object_id == added.object_id
        assert removed.detail == {"by": "detector", "reason": "unconfirmed"}
        wait_until(lambda: outcome(telemetry, "removed_unconfirmed") == 1, "its count")


def test_detector_that_fails_leaves_the_stream_alone(
    clip: Path, endpoints: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def detect(self, image: Any) -> list[Detection]:
            raise RuntimeError("out of ideas")

    publisher, telemetry = endpoints
    monkeypatch.setattr(stream_outputs, "open_detector", lambda config: Broken())
    with running(detecting(clip), publisher, telemetry) as pipeline:
        labels = {"stream": "cam", "what": "autoprompt_off"}
        name = "streamtrack_fallbacks_total"
        wait_until(lambda: telemetry.registry.get_sample_value(name, labels) == 1, "the fallback's count")
        frame_idx = pipeline.status().newest_frame_idx
        wait_until(lambda: pipeline.status().newest_frame_idx > frame_idx + 1, "further frames")
        assert pipeline.state == "online"


def test_detector_that_fails_for_a_while_looks_again_when_it_can(
    clip: Path,
    endpoints: tuple[ZmqPublisher, Telemetry],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Breaks:
        """Fails three times, then finds the person."""

        looks = 0

        def detect(self, image: Any) -> list[Detection]:
            self.looks += 1
            if self.looks <= 3:
                raise RuntimeError("out of ideas")
            return [Detection("person", 0.9, BOX)]

    publisher, telemetry = endpoints
    monkeypatch.setattr(stream_outputs, "open_detector", lambda config: Breaks())
    with running(detecting(clip), publisher, telemetry) as pipeline, pipeline.watch_events() as events:
        assert next_event(events, EventKind.ADDED).detail["by"] == "detector"
        labels = {"stream": "cam", "what": "autoprompt_off"}
        assert telemetry.registry.get_sample_value("streamtrack_fallbacks_total", labels) == 1, "told once"
    told = [record.message for record in caplog.records if record.name.endswith("detector_consumer")]
    assert told == [
        "stream cam: no objects start by themselves: out of ideas",
        "stream cam: objects start by themselves again",
    ]


def test_missing_detector_stops_the_start_before_a_camera_is_touched(
    clip: Path, endpoints: tuple[ZmqPublisher, Telemetry], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalog, "search_folders", lambda: (tmp_path,))
    with pytest.raises(CheckpointError, match="detector is not on this machine"):
        stream_outputs.attach_outputs(Pipeline(detecting(clip), endpoints[1]), detecting(clip), endpoints[0])


def test_unknown_class_is_one_line_with_what_was_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "live.yaml"
    config.write_text(
        "streams: [{name: cam, source: {url: 'synthetic:demo'},"
        " autoprompt: {kind: detector, classes: [person, preson]}}]\n"
    )
    assert run(["serve", str(config)]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "streams.0.autoprompt.classes is a list of 2: "
            "'preson' is no class that the detector knows, did you mean person?, in line 1"
        )
    )
