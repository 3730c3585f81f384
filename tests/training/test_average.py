"""Means of checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from training import average


def test_mean_is_of_every_tensor_and_leaves_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{name}.pt" for name in "ab"]
    for step, path in enumerate(paths):
        state = {"weight": torch.tensor([1.0, 4.0]) * (step + 1), "seen": torch.tensor(step)}
        torch.save({"step": step, "trunk": "t", "average": state, "optimiser": {}}, path)
    monkeypatch.setattr(sys, "argv", ["average", str(tmp_path / "out.pt"), *map(str, paths)])

    average.main()

    written = torch.load(tmp_path / "out.pt", weights_only=True)
    assert written["average"]["weight"].tolist() == [1.5, 6.0]
    assert written["average"]["seen"] == 1
    assert (written["step"], written["trunk"]) == (1, "t")


def test_shares_say_how_much_each_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{name}.pt" for name in "ab"]
    for step, path in enumerate(paths):
        torch.save({"step": step, "trunk": "t", "average": {"weight": torch.tensor([1.0 + step])}}, path)
    out = str(tmp_path / "out.pt")
    monkeypatch.setattr(sys, "argv", ["average", out, *map(str, paths), "--shares", "3", "1"])
    average.main()
    assert torch.load(out, weights_only=True)["average"]["weight"].tolist() == [1.25]
    monkeypatch.setattr(sys, "argv", ["average", out, *map(str, paths), "--shares", "1"])
    with pytest.raises(SystemExit):
        average.main()
