"""Weights to measure with: real ones where they are on this machine, else seeded random ones, which cost the
same time and let masks be compared all the same."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from safetensors.torch import save_file

from streamtrack.config import ModelConfig
from streamtrack.model.families import build_module
from streamtrack.model.weights_file import read_weights
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import CatalogEntry, find_checkpoint, get_entry

SEED = 20_240_801
VISIBLE_BIAS = 4.0
"""Added to the object score of random weights: an object that is never seen would make every mask empty."""


@dataclass(frozen=True)
class Weights:
    """A file of weights and where they are from."""

    path: Path
    origin: str
    """`checkpoint` or `random`."""


def find_weights(name: str) -> Weights:
    """The catalog's weights, else random ones, made once and kept in the user's cache."""
    entry = get_entry(name)
    found = find_checkpoint(entry)
    if found is not None:
        return Weights(found, "checkpoint")
    path = platformdirs.user_cache_path("streamtrack") / "bench" / f"{name}-random-{SEED}.safetensors"
    if not path.is_file():
        _write_random(entry, path)
    return Weights(path, "random")


def make_tracker(name: str, *, threads: int | None = None, **model: Any) -> tuple[Tracker, str]:
    """A tracker, made as anyone makes it, and where its weights are from; `model` are keys of ModelConfig."""
    weights = find_weights(name)
    config = ModelConfig(name=name, checkpoint=weights.path, threads=threads, **model)
    return Tracker.from_config(config), weights.origin


def from_checkpoint(name: str, **options: Any) -> tuple[Tracker, str]:
    """A tracker as a library's user gets it, and where its weights are from; `options` as
    `Tracker.from_checkpoint` takes them."""
    weights = find_weights(name)
    return Tracker.from_checkpoint(weights.path, **options), weights.origin


def is_compiled(tracker: Tracker) -> bool:
    """Whether it runs compiled: where compiling fails it goes on without."""
    return tracker._model.network.compiled is not None


def make_module(name: str, image_size: int, **options: Any) -> tuple[Any, str]:
    """The same weights in a network of the sam2 package; `options` go to its constructor."""
    weights = find_weights(name)
    module = build_module(get_entry(name), image_size, **options)
    module.load_state_dict(read_weights(weights.path))
    return module, weights.origin


def _write_random(entry: CatalogEntry, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        module: Any = build_module(entry, entry.image_size)
    with torch.no_grad():
        module.sam_mask_decoder.pred_obj_score_head.layers[-1].bias += VISIBLE_BIAS
    weights = {key: value.contiguous() for key, value in module.state_dict().items()}
    # Beside it and then renamed: two processes may make it at the same time.
    handle, partial = tempfile.mkstemp(dir=path.parent)
    os.close(handle)
    save_file(weights, partial)
    Path(partial).replace(path)
