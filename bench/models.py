"""Models to measure: real weights where they are on this machine, else seeded random ones, which cost the
same time."""

from __future__ import annotations

from typing import Any

import torch

from streamtrack.model.build import (
    LoadedModel,
    build_module,
    read_weights,
    resolve_device,
    resolve_precision,
)
from streamtrack.model.catalog import find_checkpoint, get_entry
from streamtrack.model.network import Network

SEED = 20_240_801


def load(name: str, image_size: int, device: str, precision: str) -> tuple[LoadedModel, str]:
    """A model and where its weights are from: `checkpoint` or `random`."""
    module, weights = make_module(name, image_size)
    where = resolve_device(device)
    network = Network(module.to(where))
    return LoadedModel(name, network, resolve_precision(precision, where)), weights


def make_module(name: str, image_size: int, **options: Any) -> tuple[Any, str]:
    """A network of the sam2 package; `options` go to its constructor."""
    entry = get_entry(name)
    torch.manual_seed(SEED)
    module = build_module(entry, image_size, **options)
    path = find_checkpoint(entry)
    if path is None:
        return module, "random"
    module.load_state_dict(read_weights(path))
    return module, "checkpoint"
