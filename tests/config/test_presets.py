"""What a preset sets, and what it leaves alone."""

from __future__ import annotations

from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.presets import PRESETS, Preset, model_with_preset, tracking_with_preset


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
