"""When the device's memory is used up: one sentence that names what would fit, in place of torch's page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from streamtrack.errors import CapacityError
from streamtrack.model.footprint import GIBIBYTE, advise, estimate
from streamtrack.model.hardware import free_bytes
from streamtrack.weights.catalog import CATALOG, CatalogEntry

logger = logging.getLogger(__name__)

_PLAIN_WORDS = ("can't allocate memory", "not enough memory", "MPS backend out of memory")
"""Of the plain RuntimeError that torch raises on a processor and on Apple's GPUs."""


@contextmanager
def tell_what_fits(name: str, image_size: int, precision: str, device: str) -> Iterator[None]:
    """Turn torch's complaint into ours.

    Args:
        name: of the model; one that the catalog does not know is told without a proposal.
    Raises:
        CapacityError: the device's memory is used up.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        there, entry = free_bytes(device), CATALOG.get(name)
        if there is None or entry is None:
            advice = f"{name} at {image_size} px on {device}: fewer objects or a smaller size need less"
        else:
            advice = advise(entry, image_size, precision, device, there)
        raise CapacityError(f"out of memory: {advice}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch complains of memory, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _PLAIN_WORDS)


def warn_if_tight(entry: CatalogEntry, image_size: int, precision: str, device: str) -> None:
    """Say before anything is loaded that one object will hardly fit."""
    needed = estimate(entry, image_size=image_size, precision=precision, device=device)
    there = free_bytes(device)
    if needed is None or there is None or needed.total <= there:
        return
    logger.warning(
        "%s at %d px needs about %.1f GiB: %s",
        entry.name,
        image_size,
        needed.total / GIBIBYTE,
        advise(entry, image_size, precision, device, there),
    )
