"""Weights to start from or to measure: shipped ones, or a training checkpoint's running average."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

logger = logging.getLogger(__name__)


def load_start(network: nn.Module, path: Path) -> None:
    """Load weights to start from; what they lack, such as a part added since, keeps its fresh values."""
    weights = torch.load(path, weights_only=True) if path.suffix == ".pt" else load_file(path)
    weights = weights.get("average", weights)
    own = network.state_dict()
    fitting = {name: value.float() for name, value in weights.items() if name in own}
    missing = sorted(set(own) - set(fitting))
    logger.info("start: %d of %d tensors from %s; fresh: %s", len(fitting), len(own), path, missing or "none")
    network.load_state_dict({**own, **fitting})


def trunk_of(weights: Path) -> str:
    """The name of the trunk that a weights file is for."""
    if weights.suffix == ".pt":
        return str(torch.load(weights, weights_only=True)["trunk"])
    with safe_open(weights, "pt") as file:
        return str(file.metadata()["trunk"])
