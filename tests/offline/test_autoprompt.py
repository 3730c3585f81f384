"""Objects of a film that are found by themselves."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from streamtrack.config import (
    DetectorAutoprompt,
    GridAutoprompt,
    MotionAutoprompt,
    SceneAutoprompt,
    SourceConfig,
    StreamConfig,
)
from streamtrack.detect import Detection
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import Image
from streamtrack.offline import autoprompt as module
from streamtrack.offline.autoprompt import find_objects, read_autoprompt
from streamtrack.tracking.film_span import FilmSpan
from tests.support.recordings import FRAMES, write_clip

SCENE = StreamConfig(
    name="a", source=SourceConfig(url="synthetic:leave?width=320&height=180&frames=3", pace="every_frame")
)


def test_option_names_classes_or_the_scene_and_stands_above_the_config() -> None:
    configured = SCENE.model_copy(update={"autoprompt": DetectorAutoprompt(classes=("cup",), min_score=0.8)})
    assert read_autoprompt(None, SCENE) is None
    assert read_autoprompt(None, configured) is configured.autoprompt
    assert read_autoprompt("scene", configured) == SceneAutoprompt()
    asked = read_autoprompt("person, car", configured)
    assert isinstance(asked, DetectorAutoprompt)
    assert (asked.classes, asked.min_score) == (("person", "car"), 0.8)
    assert read_autoprompt("motion", configured) == MotionAutoprompt()
    assert read_autoprompt("grid", SCENE) == GridAutoprompt()
    moving = SCENE.model_copy(update={"autoprompt": MotionAutoprompt(warm_up=3)})
    assert read_autoprompt("motion", moving) is moving.autoprompt
    for text in ("unicorn", ","):
        with pytest.raises(ConfigError, match=rf"^--autoprompt {text}: "):
            read_autoprompt(text, SCENE)


def test_scene_knows_its_objects() -> None:
    found = find_objects(SceneAutoprompt(), SCENE, FilmSpan(2), taken=(1,))
    assert {prompt.object_id for prompt in found.prompts} == {2}
    assert found.prompts[0].at_frame == 2


def test_nothing_that_moves_is_one_line(tmp_path: Path) -> None:
    stream = StreamConfig(name="a", source=SourceConfig(url=str(write_clip(tmp_path / "clip.mp4"))))
    still = MotionAutoprompt(film_starts="first", warm_up=1000)
    with pytest.raises(PromptError, match=r"^--autoprompt: no thing moves in the film$"):
        find_objects(still, stream, FilmSpan())


def test_detector_looks_until_it_finds_something(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    stream = StreamConfig(name="a", source=SourceConfig(url=str(clip)))
    finds = [
        Detection("dog", 0.9, (10, 20, 60, 80)),
        Detection("dog", 0.7, (12, 22, 60, 80)),
        Detection("dog", 0.2, (100, 20, 160, 80)),
        Detection("cat", 0.9, (100, 20, 160, 80)),
        Detection("dog", 0.9, (200, 20, 205, 80)),
        Detection("dog", 0.8, (200, 90, 300, 160)),
    ]
    looks: list[Image] = []

    def detect(image: Image) -> list[Detection]:
        looks.append(image)
        return finds if len(looks) == 3 else finds[2:4]

    asked = DetectorAutoprompt(classes=("dog",), interval_ms=100, film_starts="first")
    with mock.patch.object(module, "open_detector") as load:
        load.return_value.detect = detect
        found = find_objects(asked, stream, FilmSpan(1), taken=(1, 3))
        assert [(one.object_id, one.label, one.at_frame) for one in found.prompts] == [
            (2, "dog", 7),
            (4, "dog", 7),
        ], "every third frame lies 100 ms after the last"
        looks[:] = [looks[0]] * 3
        with pytest.raises(PromptError, match="no dog is found in the film"):
            find_objects(asked, stream, FilmSpan())
    assert len(looks) <= 3 + FRAMES
    with pytest.raises(PromptError, match="--autoprompt scene wants a synthetic: source"):
        find_objects(SceneAutoprompt(), stream, FilmSpan())
