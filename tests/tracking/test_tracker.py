from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.presets import tracking_of_model
from streamtrack.errors import CheckpointError, ConfigError, PromptError
from streamtrack.frame import EventKind
from streamtrack.prompt import Prompt
from streamtrack.tracking import Tracker
from tests.support.pictures import drifting_ellipses


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for index, image in enumerate(drifting_ellipses(5)):
        cv2.imwrite(str(folder / f"{index:03}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folder


def test_every_prompt_starts_on_its_frame(nano: Tracker, folder: Path) -> None:
    prompts = [
        Prompt(1, points=[(100, 80)]),
        Prompt(2, points=[(188, 87)], at_frame=2),
        Prompt(3, points=[(60, 118)], label="third", at_frame=2),
    ]
    results = list(nano.track(folder, prompts))
    assert [list(result.objects) for result in results] == [[1], [1], [1, 2, 3], [1, 2, 3], [1, 2, 3]]
    added = [
        event.frame_idx for result in results for event in result.events if event.kind is EventKind.ADDED
    ]
    assert added == [0, 2, 2]
    assert results[-1].objects[3].label == "third"


def test_prompt_for_a_frame_that_never_comes_is_told_first(nano: Tracker, folder: Path) -> None:
    frames = nano.track(folder, [Prompt(1, points=[(100, 80)]), Prompt(2, points=[(9, 9)], at_frame=5)])
    with pytest.raises(
        PromptError, match=r"^object 2: at_frame is 5, expected one of the source's 5 frames$"
    ):
        next(frames)


@pytest.mark.parametrize("prompt", [None, {"object_id": 1}, (1, 2)])
def test_what_is_no_prompt_is_refused(prompt: Any, nano: Tracker) -> None:
    session = nano.new_session()
    for call in (session.start, session.refine):
        with pytest.raises(PromptError, match=r"prompt is .*, expected a streamtrack\.Prompt"):
            call(prompt)


def test_label_that_is_no_text_is_refused(nano: Tracker) -> None:
    session = nano.new_session()
    session.add(1, points=[(100, 80)])
    with pytest.raises(PromptError, match="object 1: label is int, expected text"):
        session.set_label(1, 5)  # type: ignore[arg-type]


def test_presets_tracking_is_for_sessions_that_are_given_none(nano: Tracker) -> None:
    tracker = Tracker.from_config(ModelConfig(device="cpu", preset="fast", precision="fp32"))
    assert tracker.new_session()._config.keyframe_interval == 4
    given = tracking_of_model(TrackingConfig(max_objects=3), "nano")
    assert tracker.new_session(TrackingConfig(max_objects=3))._config == given
    assert nano.new_session()._config == tracking_of_model(TrackingConfig(), "nano")


@pytest.mark.parametrize("name", [None, 5, b"nano", ["nano"], "", "  ", float("nan"), Path])
def test_what_names_no_model_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"^model is \w+, expected a model's name or a weights file$"):
        Tracker.from_checkpoint(name)


def test_file_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(CheckpointError, match="nobody-of-that-name"):
        Tracker.from_checkpoint("~nobody-of-that-name/mine.pt")


def test_name_as_long_as_no_file_may_be_is_refused_in_one_short_line() -> None:
    with pytest.raises(CheckpointError, match=r"^unknown model 'a+…'") as caught:
        Tracker.from_checkpoint("a" * 5000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "given",
    [
        {"threads": 0},
        {"threads": 10**9},
        {"threads": 1.5},
        {"image_size": 17},
        {"device": "gpu"},
        {"precision": 16},
    ],
)
def test_option_that_does_not_fit_is_refused_before_anything_loads(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^model: {next(iter(given))}"):
        Tracker.from_checkpoint("nano", **given)


@pytest.mark.parametrize(
    "given", [{"max_objects": "many"}, {"max_objects": 0}, {"keyframe_interval": 2.5}, {"max_object": 3}]
)
def test_tracking_config_that_does_not_fit_is_one_line_of_ours(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^TrackingConfig: .*{next(iter(given))}") as caught:
        TrackingConfig(**given)
    assert "\n" not in str(caught.value)
    assert TrackingConfig(max_objects=3).model_copy() == TrackingConfig.model_validate({"max_objects": 3})


@pytest.mark.parametrize("value", [5, "fast", {"max_objects": 3}, TrackingConfig])
def test_session_of_other_parts_is_refused(value: Any, nano: Tracker) -> None:
    for name in ("config", "clock", "memory_plan"):
        with pytest.raises(ConfigError, match=rf"^{name} is \w+, expected a "):
            nano.new_session(**{name: value})


@pytest.mark.parametrize(
    ("source", "prompts", "message"),
    [
        (None, [], "source is NoneType, expected a path"),
        (["a"], [], "source is list, expected a path"),
        ("synthetic:demo", None, "prompts is NoneType, expected a list"),
        ("synthetic:demo", "x", "prompts is str, expected a list"),
        ("synthetic:demo", [(1, 2)], r"prompt 0 is tuple, expected a streamtrack\.Prompt"),
    ],
)
def test_recording_of_other_parts_is_refused(source: Any, prompts: Any, message: str, nano: Tracker) -> None:
    with pytest.raises((ConfigError, PromptError), match=f"^{message}"):
        next(nano.track(source, prompts))
