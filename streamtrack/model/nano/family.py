"""nano as a family of one: SAM 2's calls over a network that streamtrack builds itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from streamtrack.model.family import require_image_size
from streamtrack.model.interface import Size
from streamtrack.model.nano.build import build_nano, trunk_of
from streamtrack.model.sam2.family import TIMED_CALLS
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.weights.catalog import CatalogEntry


class NanoFamily:
    """nano; its trunk is exchangeable, and its weights say which one it is."""

    name = "nano"
    timed_calls = TIMED_CALLS

    def identify(self, weights: Mapping[str, Tensor]) -> str | None:
        """`nano` for a state dict whose trunk is one of nano's."""
        is_nano = any(key.startswith("image_encoder.trunk.blocks.0.depthwise") for key in weights)
        return "nano" if is_nano else None

    def options_of(self, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """The trunk."""
        return {"trunk": trunk_of(weights)}

    def build_module(self, entry: CatalogEntry, image_size: int, **options: Any) -> nn.Module:
        """The module with random weights, on the CPU, in eval mode; `options` as in `build_nano`.

        Raises:
            ConfigError: the image size does not fit, or the trunk is unknown.
        """
        require_image_size(entry, image_size)
        module: nn.Module = build_nano(image_size, **options)
        return module.eval()

    def make_network(
        self, module: nn.Module, *, input_size: Size | None = None, memory_pool: int = 1
    ) -> Sam2Network:
        """See `Sam2Network`."""
        return Sam2Network(module, input_size=input_size, memory_pool=memory_pool)
