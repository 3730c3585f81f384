"""Objects of a film that are found by themselves."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from streamtrack.config import (
    DetectorAutoprompt,
    GridAutoprompt,
    MotionAutoprompt,
    Override,
    SceneAutoprompt,
    SourceConfig,
    StreamConfig,
)
from streamtrack.config.resolve import resolve
from streamtrack.config.yaml_file import Document
from streamtrack.detect import Detection
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import Image
from streamtrack.offline import autoprompt as module
from streamtrack.offline.autoprompt import autoprompt_override, find_objects
from streamtrack.tracking.film_span import FilmSpan
from tests.support.recordings import FRAMES, write_clip

SCENE = StreamConfig(
    name="a", source=SourceConfig(url="synthetic:leave?width=320&height=180&frames=3", pace="every_frame")
)


def in_force(text: str, configured: object = None, *, sets: tuple[str, ...] = ()) -> object:
    """The autoprompt of `track --autoprompt TEXT --set ...` over a config's."""
    stream = {"name": "a", "source": {"url": "synthetic:leave"}, "autoprompt": configured}
    given: list[Override | str] = [autoprompt_override(text), *sets]
    return resolve(Document("film.yaml", {"streams": [stream]}), given).config.streams[0].autoprompt


def test_option_names_classes_or_who_looks_and_stands_above_the_config() -> None:
    configured = {"kind": "detector", "classes": ["cup"], "min_score": 0.8}
    assert in_force("person, car", configured) == DetectorAutoprompt(classes=("person", "car"), min_score=0.8)
    assert in_force("scene", configured) == SceneAutoprompt()
    assert in_force("motion", configured) == MotionAutoprompt()
    assert in_force("grid") == GridAutoprompt()
    assert in_force("motion", {"kind": "motion", "warm_up": 3}) == MotionAutoprompt(warm_up=3)


def test_settings_stand_above_the_option() -> None:
    sets = ("autoprompt.detector=python:mine:make", "autoprompt.mend=null")
    expected = DetectorAutoprompt(classes=("person",), detector="python:mine:make", mend=None)
    assert in_force("person", sets=sets) == expected


@pytest.mark.parametrize("text", ["", ",", "motion,person"])
def test_option_that_names_nothing_or_too_much_is_one_line(text: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^--autoprompt is '{text}', expected motion, grid, scene, or classes"
    ):
        autoprompt_override(text)


def test_unknown_class_tells_which_option_said_so() -> None:
    with pytest.raises(ConfigError, match=r"is no class .*, given by --autoprompt$"):
        in_force("unicorn")


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
