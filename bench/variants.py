"""The ways in which one model can run, and whether this machine and this version have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Variant:
    """Keys of ModelConfig that make it, and what it needs."""

    model: Mapping[str, Any]
    refusal: Callable[[str], str | None]
    """From the device (cpu, cuda, mps) to why it cannot run there; None where it can."""


def _never(device: str) -> str | None:
    return None


def _bf16(device: str) -> str | None:
    if device == "mps" or (device == "cuda" and not torch.cuda.is_bf16_supported()):
        return f"no bf16 on this {device}"
    return None


def _compiled(device: str) -> str | None:
    return None if device in ("cpu", "cuda") else f"not compiled on {device}"


def _graph(device: str) -> str | None:
    return "CUDA only" if device != "cuda" else None


VARIANTS: Mapping[str, Variant] = {
    "fp32": Variant({"precision": "fp32", "compile": "off"}, _never),
    "bf16": Variant({"precision": "bf16", "compile": "off"}, _bf16),
    "compiled": Variant({"precision": "auto", "compile": "on"}, _compiled),
    "graph": Variant({"precision": "auto", "compile": "on"}, _graph),
}
