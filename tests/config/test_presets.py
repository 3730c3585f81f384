"""What a preset sets, and what it leaves alone."""

from __future__ import annotations

import pytest

from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.presets import (
    PRESETS,
    Preset,
    model_with_preset,
    tracking_of_model,
    tracking_with_preset,
)
from streamtrack.weights.catalog import CATALOG


def test_quality_changes_nothing() -> None:
    assert PRESETS[ModelConfig().preset] == Preset()
    assert model_with_preset(ModelConfig()) == ModelConfig()
    assert tracking_with_preset(TrackingConfig(), "quality") == TrackingConfig()


def test_preset_fills_what_was_not_set() -> None:
    assert tracking_with_preset(TrackingConfig(max_objects=3), "fast") == TrackingConfig(
        max_objects=3, keyframe_interval=4, memory_frames=3
    )


def test_key_that_was_set_wins_even_with_its_default() -> None:
    assert tracking_with_preset(TrackingConfig(keyframe_interval=1), "fast").keyframe_interval == 1


def test_every_preset_makes_valid_sections() -> None:
    for name, preset in PRESETS.items():
        assert ModelConfig.model_validate({"preset": name, **preset.model}).preset == name
        TrackingConfig.model_validate(preset.tracking)


@pytest.mark.parametrize("model", CATALOG)
def test_nano_chooses_by_motion_with_windows_and_all_else_is_exact(model: str) -> None:
    own = tracking_of_model(TrackingConfig(), model)
    is_nano = model == "nano"
    assert (own.window, own.memory) == (("auto", "motion_aware") if is_nano else ("off", "recent"))
    assert own.scene_cuts is is_nano, "cuts come with the plans that look who is who"
    exact = tracking_of_model(TrackingConfig(window="off"), model)
    assert (exact.memory, exact.scene_cuts, exact.max_mask_growth) == ("recent", False, "off")


def test_plan_that_was_set_wins_with_and_without_windows() -> None:
    for window in ("off", "auto", None):
        for memory in ("recent", "motion_aware", "distractor_aware"):
            given = TrackingConfig.model_validate({"window": window, "memory": memory})
            own = tracking_of_model(given, "nano")
            assert own.memory == memory
            assert own.scene_cuts is (memory != "recent")


def test_plan_of_a_weights_file_waits_until_the_file_says_whose_it_is() -> None:
    before = tracking_of_model(TrackingConfig(), "mine.safetensors")
    assert (before.window, before.memory, before.scene_cuts) == (None, None, None)
    assert tracking_of_model(before, "nano").memory == "motion_aware"
    windows = tracking_of_model(TrackingConfig(window="auto"), "mine.safetensors")
    assert windows.memory is None
    assert tracking_of_model(windows, "sam2.1-tiny").memory == "recent"
    exact = tracking_of_model(TrackingConfig(window="off"), "mine.safetensors")
    assert (exact.memory, exact.scene_cuts) == ("recent", False)
