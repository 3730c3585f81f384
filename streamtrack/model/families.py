"""The families that there are, and a network's way from its name or its weights to the module.

A family of one's own: write a `Family`, `register` it, and name it in a `CatalogEntry`. Nothing in engine/,
tracking/ or pipeline/ knows which families there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from streamtrack.errors import CheckpointError
from streamtrack.model.family import Family
from streamtrack.model.nano.family import NanoFamily
from streamtrack.model.sam2.family import Sam2Family
from streamtrack.weights.catalog import CatalogEntry

FAMILIES: dict[str, Family] = {}
"""By name; asked in this order whose some weights are."""


def register(family: Family) -> None:
    """Make a family known, in place of one of the same name."""
    FAMILIES[family.name] = family


register(NanoFamily())
register(Sam2Family())


def family_of(entry: CatalogEntry) -> Family:
    """The family that builds a catalog entry's network.

    Raises:
        CheckpointError: it was never registered.
    """
    family = FAMILIES.get(entry.family)
    if family is None:
        raise CheckpointError(
            f"{entry.name}: no family {entry.family!r}, expected one of: {', '.join(FAMILIES)}"
        )
    return family


def identify(weights: Mapping[str, Tensor]) -> str | None:
    """The catalog name that a state dict fits; None for one that fits none."""
    names = (family.identify(weights) for family in FAMILIES.values())
    return next((name for name in names if name is not None), None)


def build_module(entry: CatalogEntry, image_size: int, **options: Any) -> nn.Module:
    """A catalog entry's module with random weights; see `Family.build_module`."""
    return family_of(entry).build_module(entry, image_size, **options)
