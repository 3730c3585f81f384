"""The recipe names commands that exist, with options that they have."""

from __future__ import annotations

from pathlib import Path

from training.clips import Mixture
from training.recipe import stages

TRAINING = Path(__file__).parents[2] / "training"


def test_every_stage_calls_a_module_with_options_that_it_has() -> None:
    mixture = {f"--{name}" for name in vars(Mixture())}
    for stage in stages(Path("W"), Path("S")):
        source = (TRAINING / f"{stage.module}.py").read_text(encoding="utf-8")
        flags = {argument for argument in stage.arguments if argument.startswith("--")}
        assert "def main" in source
        assert not {flag for flag in flags - mixture if f'"{flag}"' not in source}, stage.name


def test_stage_names_are_their_markers_and_differ() -> None:
    names = [stage.name for stage in stages(Path("W"), Path("S"))]

    assert len(names) == len(set(names))
