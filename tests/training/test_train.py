"""A run stops when its time is up and goes on with the same command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.clips import Mixture
from training.train import Options, train


def test_run_stops_in_time_saved_and_goes_on_from_there(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.train.IMAGE_SIZE_PX", 64)
    options = Options(
        steps=3, still_share=1.0, still_batch=(1, 1), trunk_rate=0.0, threads=1, workers=0, minutes=1e-9
    )
    run, mixture, steps = work / "runs" / "r", Mixture(scenes=0), []

    for _ in range(2):
        train(work, run, None, options, mixture, save_s=1e9)
        steps.append(torch.load(run / "last.pt", weights_only=True)["step"])

    assert steps == [1, 2]
