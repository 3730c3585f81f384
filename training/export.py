"""Weights for the product: `python -m training.export CHECKPOINT.pt checkpoints/nano.safetensors`."""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from streamtrack.model.nano.build import ARCHITECTURE, IMAGE_SIZE_PX, build_nano

logger = logging.getLogger(__name__)

MAX_BYTES = 12 * 2**20
"""What the repository takes."""


def export(checkpoint: Path, target: Path) -> None:
    """Write the running average of a run's checkpoint, with what the product must know of it.

    Raises:
        ValueError: the file is larger than MAX_BYTES; it is removed again.
        RuntimeError: the weights do not fit the network.
    """
    state = torch.load(checkpoint, weights_only=True)
    average = state["average"]
    build_nano(trunk=state["trunk"]).load_state_dict(average, strict=True)
    metadata = {
        "image_size": str(IMAGE_SIZE_PX),
        "architecture": ARCHITECTURE,
        "trunk": state["trunk"],
    }
    write_half(average, target, metadata)


def write_half(state: Mapping[str, Tensor], target: Path, metadata: Mapping[str, str]) -> None:
    """Write weights as float16 safetensors and tell the size and sha256 that the catalog pins.

    Raises:
        ValueError: the file is larger than MAX_BYTES; it is removed again.
    """
    halves = {name: value.half().contiguous() for name, value in state.items()}
    save_file(halves, target, metadata={"format": "pt", **metadata})
    target.chmod(0o644)  # safetensors writes for the owner alone
    size = target.stat().st_size
    if size > MAX_BYTES:
        target.unlink()
        raise ValueError(f"{target}: {size} bytes, expected at most {MAX_BYTES}")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    logger.info("%s: %d bytes, sha256 %s (goes into streamtrack/weights/catalog.py)", target, size, digest)


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(arguments.checkpoint, arguments.target)


if __name__ == "__main__":
    main()
