"""Where weights may lie: in a file, or in a folder as transformers saves a model and the hub keeps it.

A folder holds `config.json` and `model.safetensors`, or the pieces of it that `model.safetensors.index.json`
lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from streamtrack.errors import CheckpointError
from streamtrack.model.families import identify
from streamtrack.model.sam2.hub_names import from_hub, is_hub_layout
from streamtrack.model.weights_file import read_weights
from streamtrack.weights.catalog import CATALOG
from streamtrack.weights.hub import CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE

MAX_JSON_BYTES = 4 << 20
MODEL_TYPES = ("sam2_video", "sam2")
"""What transformers calls a SAM 2 that follows, and one for pictures alone."""
TRUNKS: Mapping[tuple[int, ...], str] = {
    (1, 2, 7, 2): "tiny",
    (1, 2, 11, 2): "small",
    (2, 3, 16, 3): "base-plus",
    (2, 6, 36, 4): "large",
}
"""Sizes by their blocks a stage, as `config.json` has them."""
EXPECTED: Mapping[str, Any] = {
    "num_maskmem": 7,
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "multimask_output_in_sam": True,
    "multimask_min_pt_num": 0,
    "multimask_max_pt_num": 1,
    "multimask_output_for_tracking": True,
    "max_object_pointers_in_encoder": 16,
    "max_cond_frame_num": -1,
}
"""What every published model has. Other values would be computed wrongly; what is left out is so."""


@dataclass(frozen=True, slots=True)
class HubConfig:
    """What a folder's `config.json` says of its network."""

    name: str
    """In the catalog."""
    image_size: int
    """Side of its input in pixels."""


def read_checkpoint(path: Path) -> Mapping[str, Tensor]:
    """The weights of a network under the names that our modules have.

    Args:
        path: a file (.pt or .safetensors, of Meta's or transformers' layout) or a folder of transformers'.
    Raises:
        CheckpointError: it cannot be read or holds something else.
    """
    weights = _read_folder(path) if path.is_dir() else read_weights(path)
    if not is_hub_layout(weights):
        return weights
    if not any(name.startswith("memory_attention.") for name in weights):
        raise CheckpointError(f"{path}: a model for single pictures, expected one that follows (sam2_video)")
    return from_hub(weights)


def read_hub_config(folder: Path) -> HubConfig:
    """Which network a folder holds.

    Raises:
        CheckpointError: there is no `config.json`, or it is not of a SAM 2 that follows objects.
    """
    path = folder / CONFIG_FILE
    values = _read_json(path)
    kind = values.get("model_type")
    if kind not in MODEL_TYPES:
        raise CheckpointError(f"{path}: model_type is {kind!r}, expected {MODEL_TYPES[0]}")
    for key, expected in EXPECTED.items():
        if values.get(key, expected) != expected:
            raise CheckpointError(f"{path}: {key} is {values[key]!r}, expected {expected!r}")
    vision = _section(values, "vision_config")
    # Keys that are left out have the values of the smallest network.
    blocks = _section(vision, "backbone_config").get("blocks_per_stage") or [1, 2, 7, 2]
    size = TRUNKS.get(tuple(blocks)) if isinstance(blocks, list) else None
    if size is None:
        raise CheckpointError(
            f"{path}: blocks_per_stage is {blocks!r}, expected those of {', '.join(TRUNKS.values())}"
        )
    release = "sam2.1" if values.get("enable_occlusion_spatial_embedding", True) else "sam2"
    return HubConfig(f"{release}-{size}", _image_size(values, path))


def name_of_checkpoint(path: Path) -> str:
    """The architecture that a weights file or folder belongs to.

    Raises:
        CheckpointError: it cannot be read, or its weights are of no known model.
    """
    name = identify(read_checkpoint(path))
    if name is None:
        raise CheckpointError(
            f"{path}: holds weights of no known model, expected one of: {', '.join(CATALOG)}"
        )
    if path.is_dir() and (said := read_hub_config(path).name) != name:
        raise CheckpointError(f"{path}: holds weights of {name}, but its {CONFIG_FILE} is of {said}")
    return name


def _image_size(values: Mapping[str, Any], path: Path) -> int:
    size = values.get("image_size", 1024)
    side = size[0] if isinstance(size, list) and size and size[0] == size[-1] else size
    if not isinstance(side, int) or side < 1:
        raise CheckpointError(f"{path}: image_size is {size!r}, expected the side of a square in pixels")
    return side


def _read_folder(folder: Path) -> Mapping[str, Tensor]:
    if (folder / WEIGHTS_FILE).is_file():
        return read_weights(folder / WEIGHTS_FILE)
    index = folder / INDEX_FILE
    if not index.is_file():
        raise CheckpointError(f"{folder}: no {WEIGHTS_FILE}, expected a folder as save_pretrained writes it")
    pieces = {str(name) for name in _section(_read_json(index), "weight_map").values()}
    if not pieces or any(Path(name).name != name for name in pieces):
        raise CheckpointError(f"{index}: weight_map names no files of this folder")
    weights: dict[str, Tensor] = {}
    for name in sorted(pieces):
        weights |= read_weights(folder / name)
    return weights


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path}: {path.stat().st_size} bytes, expected a few thousand")
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path.parent}: no {path.name}, expected a folder as save_pretrained writes it"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged, expected JSON") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: {type(values).__name__}, expected an object of keys")
    return values


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}
