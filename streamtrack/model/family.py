"""What a family of networks is: how its weights are recognised, and how one of them is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from streamtrack.errors import ConfigError
from streamtrack.model.interface import Network, Size
from streamtrack.weights.catalog import CatalogEntry


class Family(Protocol):
    """Networks that differ in size, not in kind. The catalog names the family of each of its entries."""

    name: str
    """As `CatalogEntry.family` spells it."""
    timed_calls: Sequence[tuple[type, str, str]]
    """For who measures: class, method and stage of the calls that a frame's step is made of."""

    def identify(self, weights: Mapping[str, Tensor]) -> str | None:
        """The catalog name that a state dict fits; None for one that is none of this family's."""

    def options_of(self, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """What `build_module` must be told, beside the entry, for these weights to fit."""

    def build_module(self, entry: CatalogEntry, image_size: int, **options: Any) -> nn.Module:
        """The module of a catalog entry with fresh random weights, on the CPU, in eval mode.

        Args:
            image_size: longer side of the input in pixels.
            options: of this family; see there.
        Raises:
            ConfigError: the image size does not fit.
        """

    def make_network(
        self, module: nn.Module, *, input_size: Size | None = None, memory_pool: int = 1
    ) -> Network:
        """The network that a module is; it takes the module over.

        Args:
            input_size: H, W of its input in pixels; None: of the shape that the module was built for. A
                square stands for that, too, in a family whose networks are none.
            memory_pool: as `model.memory_pool`.
        Raises:
            CheckpointError: the module is not one that this code computes rightly.
            ConfigError: memory cannot be pooled so, or the input cannot have that size.
        """


def require_image_size(entry: CatalogEntry, image_size: int) -> None:
    """Refuse an input size that an entry's network cannot have.

    Raises:
        ConfigError: it cannot.
    """
    if not entry.takes_image_size(image_size):
        raise ConfigError(f"model.image_size is {image_size}, expected {entry.image_sizes}")
