"""An object's memory as bytes: a safetensors file whose metadata says what it is of, and what it needs.

`__metadata__` holds text alone: `format`, `version`, `product`, what it fits (`model`, `weights_sha256`,
`input_size`, `precision`), whom it shows (`label`), and in `state` one JSON text with everything that is no
tensor. docs/object-memory.md has the whole of it.

Nothing in such a file is believed: every number is bounded, every tensor has the shape and type that the
model's own sizes and the lists beside it ask for, and reading takes no more than a copy of what came in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from streamtrack import __version__
from streamtrack.engine.carried import CarriedMemory
from streamtrack.engine.view import View
from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.model.interface import Geometry
from streamtrack.object_record import MAX_MEMORY_BYTES
from streamtrack.prompt import check_label
from streamtrack.tracking.colours import BANDS, BINS
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_state import (
    State,
    bad_memory,
    decode_state,
    encode_state,
    short_text,
    standing_of,
    state_of,
)
from streamtrack.tracking.tracked_object import Standing

FORMAT, VERSION = "streamtrack-object-memory", 1
OURS = "a safetensors file that `export_object` wrote"
MAX_HEADER_BYTES = 1 << 20
"""Of names, shapes and metadata; real ones have some ten thousand."""
MAX_LABEL_CHARS = 128
SCORES = 3
"""Object score logit, IoU score and rival of a frame."""
TENSORS = ("conditioning.features", "conditioning.pointers", "recent.features", "recent.pointers")
NEWEST, OUTLINE = ("newest.mask_logits", "newest.scores"), "body.outline"
LOOK = "look.features", "look.colours"
MAX_LOOK = 8192
"""Features of a look; networks have some hundred."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a memory fits: only the same numbers, looking at the same size, understand it."""

    model: str
    """The architecture's name."""
    weights_sha256: str
    """64 hex digits of the weights themselves, see `weights_sha256`."""
    input_size: tuple[int, int]
    """H, W of what the network sees, in pixels."""
    precision: str
    """fp32 or bf16."""


@dataclass(frozen=True, slots=True, eq=False)
class MemoryFile:
    """What such a file holds."""

    facts: ModelFacts
    object_id: int
    """The object's id where it came from; colours of drawings follow from it."""
    label: str
    carried: CarriedMemory
    standing: Standing
    look: KnownLook | None = None
    """How it looked on the newest frame that shows it."""
    plan: Mapping[str, Any] | None = None
    """A memory plan's own part, in plain values; None where it has none."""


def encode_memory(file: MemoryFile) -> bytes:
    """The bytes of such a file."""
    carried, standing, facts = file.carried, file.standing, file.facts
    state = state_of(file.object_id, carried, standing, file.plan)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "product": __version__,
        "model": facts.model,
        "weights_sha256": facts.weights_sha256,
        "input_size": _size_text(facts.input_size),
        "precision": facts.precision,
        "label": file.label,
        "state": encode_state(state),
    }
    held = (
        carried.conditioning_features,
        carried.conditioning_pointers,
        carried.features,
        carried.pointers,
        carried.mask_logits,
        carried.scores,
    )
    tensors = {name: part.contiguous() for name, part in zip((*TENSORS, *NEWEST), held, strict=True)}
    if standing.body is not None:
        tensors[OUTLINE] = torch.from_numpy(np.packbits(standing.body[1].outline.mask))
    if file.look is not None:
        parts = file.look.features, file.look.colours
        tensors |= {
            name: torch.from_numpy(np.array(part, np.float32)) for name, part in zip(LOOK, parts, strict=True)
        }
    data: bytes = save(tensors, metadata)
    return data


def decode_memory(data: object, facts: ModelFacts, geometry: Geometry) -> MemoryFile:
    """What such bytes hold, for a model.

    Raises:
        ObjectMemoryError: they are none, damaged, of another version or of another model.
    """
    metadata = _metadata(data)
    assert isinstance(data, bytes | bytearray | memoryview)
    _check_fits(metadata, facts)
    state = decode_state(metadata["state"])
    try:
        label = check_label(metadata["label"], "object memory")
    except PromptError as error:
        raise ObjectMemoryError(str(error)) from None
    if len(label) > MAX_LABEL_CHARS:
        raise bad_memory(f"label has {len(label)} characters", f"at most {MAX_LABEL_CHARS}")
    held, look = _tensors(bytes(data), state, geometry)
    carried = CarriedMemory(
        state.first_ago,
        state.since_origin,
        tuple(state.conditioning_ago),
        held[0],
        held[1],
        tuple(state.features_ago),
        held[2],
        tuple(state.pointers_ago),
        held[3],
        held[4],
        held[5],
        dict(state.evidence),
        None if state.view is None else View(*state.view),
    )
    standing = standing_of(state, held[-1])
    return MemoryFile(facts, state.object_id, label, carried, standing, look, state.plan)


def read_metadata(data: bytes | bytearray | memoryview) -> dict[str, str]:
    """What a memory says of itself, for a person: model, size, precision, label.

    Raises:
        ObjectMemoryError: it is none, damaged, or of another version.
    """
    metadata = _metadata(data)
    return {name: value for name, value in metadata.items() if name != "state"}


# -- inside ----------------------------------------------------------------------------------------


def _metadata(data: object) -> dict[str, str]:
    """The metadata of bytes of this format and version."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise bad_memory(f"it is {type(data).__name__}", "bytes, as `export_object` gives them")
    num_bytes = memoryview(data).nbytes
    if num_bytes > MAX_MEMORY_BYTES:
        raise bad_memory(f"it has {num_bytes} bytes", f"at most {MAX_MEMORY_BYTES}")
    header_bytes = int.from_bytes(bytes(memoryview(data)[:8]), "little") if num_bytes >= 8 else 0
    if not 2 <= header_bytes <= min(MAX_HEADER_BYTES, num_bytes - 8):
        raise bad_memory(f"it has {num_bytes} bytes and no header", OURS)
    header = bytes(memoryview(data)[8 : 8 + header_bytes])
    try:
        metadata = msgspec.json.decode(header, type=dict[str, Any])["__metadata__"]
        found = msgspec.convert(metadata, dict[str, str])
    except (msgspec.MsgspecError, KeyError, RecursionError, UnicodeDecodeError):
        raise bad_memory("its header cannot be read", OURS) from None
    if found.get("format") != FORMAT:
        raise bad_memory(f"format is {short_text(found.get('format'))}", FORMAT)
    if found.get("version") != str(VERSION):
        raise bad_memory(f"version is {short_text(found.get('version'))}", str(VERSION))
    missing = {"model", "weights_sha256", "input_size", "precision", "label", "state"} - found.keys()
    if missing:
        raise bad_memory(f"{min(missing)} is missing", "a file that `export_object` wrote")
    return found


def _check_fits(metadata: Mapping[str, str], facts: ModelFacts) -> None:
    wanted = {
        "model": facts.model,
        "input_size": _size_text(facts.input_size),
        "precision": facts.precision,
        "weights_sha256": facts.weights_sha256,
    }
    for name, expected in wanted.items():
        if metadata[name] != expected:
            raise bad_memory(f"{name} is {short_text(metadata[name])}", expected)


def _tensors(data: bytes, state: State, geometry: Geometry) -> tuple[list[Tensor], KnownLook | None]:
    """In the order of TENSORS, NEWEST and OUTLINE; and how the object looks."""
    counts = len(state.conditioning_ago), len(state.features_ago), len(state.pointers_ago)
    token_shape, pointers = (geometry.memory_tokens, geometry.memory_dim), (geometry.pointer_dim,)
    expected = {
        "conditioning.features": ((counts[0], *token_shape), geometry.memory_dtype),
        "conditioning.pointers": ((counts[0], *pointers), torch.float32),
        "recent.features": ((counts[1], *token_shape), geometry.memory_dtype),
        "recent.pointers": ((counts[2], *pointers), torch.float32),
        "newest.mask_logits": (geometry.low_res_size, torch.float32),
        "newest.scores": ((SCORES,), torch.float32),
    }
    if state.body is not None:
        height, width = state.body.size
        expected[OUTLINE] = (((height * width + 7) // 8,), torch.uint8)
    try:
        found = load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError, OverflowError):
        raise bad_memory("its tensors cannot be read", "what `export_object` wrote") from None
    num_features = found[LOOK[0]].numel() if LOOK[0] in found else 0
    if 0 < num_features <= MAX_LOOK:
        expected[LOOK[0]] = (num_features,), torch.float32
        expected[LOOK[1]] = (BANDS, math.prod(BINS)), torch.float32
    if found.keys() != expected.keys():
        raise bad_memory(f"it has {len(found)} tensors of other names", ", ".join(expected))
    for name, (shape, dtype) in expected.items():
        tensor = found[name]
        if tensor.dtype != dtype or tuple(tensor.shape) != tuple(shape):
            raise bad_memory(
                f"{name} is {tensor.dtype} {list(tensor.shape)}".replace("torch.", ""),
                f"{dtype} {list(shape)}".replace("torch.", ""),
            )
        # The score of a frame whose numbers were not finite says nothing; it is remembered nowhere else.
        if not bool(torch.isfinite(tensor).all()):
            raise bad_memory(f"{name} has numbers that are not finite", "finite ones")
    if state.body is not None and not bool(found[OUTLINE].any()):
        raise bad_memory(f"{OUTLINE} is empty", "an object's outline")
    look = KnownLook(found[LOOK[0]].numpy(), found[LOOK[1]].numpy()) if LOOK[0] in expected else None
    return [found[name] for name in expected if name not in LOOK], look


def _size_text(size: tuple[int, int]) -> str:
    """H x W as people write it, width first."""
    return f"{size[1]}x{size[0]}"
