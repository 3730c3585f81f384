"""The ways in which one model can run, and whether this machine and this version have them."""

from __future__ import annotations

import os
import shutil
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
    if device == "cpu":
        return None if shutil.which(os.environ.get("CXX", "g++")) else "no C++ compiler"
    return "with CUDA graphs only: see graph" if device == "cuda" else f"not on {device}"


def _graph(device: str) -> str | None:
    return None if device == "cuda" else "CUDA only"


VARIANTS: Mapping[str, Variant] = {
    "fp32": Variant({"precision": "fp32", "compile": "off"}, _never),
    "bf16": Variant({"precision": "bf16", "compile": "off"}, _bf16),
    "compiled": Variant({"precision": "fp32", "compile": "on"}, _compiled),
    "compiled-bf16": Variant({"precision": "bf16", "compile": "on"}, _compiled),
    "graph": Variant({"precision": "auto", "compile": "on"}, _graph),
}
"""A variant that compiles does so once, in a minute or two, and finds it again at the next start."""
