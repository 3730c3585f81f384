"""SAM 2 and SAM 2.1 in four sizes, built from the configs of the installed sam2 package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sam2
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sam2.modeling.position_encoding import PositionEmbeddingRandom
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from streamtrack.model.family import require_image_size
from streamtrack.model.interface import Size
from streamtrack.model.sam2.hub_names import IMAGE_MATRIX
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.weights.catalog import CatalogEntry

POST_PROCESSING: Mapping[str, Any] = MappingProxyType(
    {
        "sam_mask_decoder_extra_args": {
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
        "binarize_mask_from_pts_for_mem_enc": True,
    }
)
"""Overrides that `sam2.build_sam.build_sam2_video_predictor` applies by default."""
TIMED_CALLS: Sequence[tuple[type, str, str]] = (
    (Sam2Network, "normalise", "upload"),
    (Sam2Network, "encode_image", "encode"),
    (Sam2Network, "derive", "encode"),
    (Sam2Network, "assemble_memory", "memory attention"),
    (Sam2Network, "condition_on_memory", "memory attention"),
    (Sam2Network, "decode_unprompted", "decode"),
    (Sam2Network, "encode_memory", "memory encode"),
)
"""See `Family.timed_calls`."""
_SUFFIXES = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}
"""What the configs call each size."""
_TRUNKS = {(96, 12): "tiny", (96, 16): "small", (112, 24): "base-plus", (144, 48): "large"}
"""Width and number of blocks of each Hiera trunk."""
_PATCH_EMBEDDING = "image_encoder.trunk.patch_embed.proj.weight"
_BLOCKS = "image_encoder.trunk.blocks."


class Sam2Family:
    """The published networks; their names are `sam2-` or `sam2.1-` and a size."""

    name = "sam2"
    timed_calls = TIMED_CALLS

    def identify(self, weights: Mapping[str, Tensor]) -> str | None:
        """The catalog name that a state dict fits, by its trunk; None for one of another family."""
        patch_embedding = weights.get(_PATCH_EMBEDDING)
        if patch_embedding is None or patch_embedding.dim() == 0:
            return None
        blocks = {key.removeprefix(_BLOCKS).partition(".")[0] for key in weights if key.startswith(_BLOCKS)}
        size = _TRUNKS.get((patch_embedding.shape[0], len(blocks)))
        release = "sam2.1" if "no_obj_embed_spatial" in weights else "sam2"
        return None if size is None else f"{release}-{size}"

    def options_of(self, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Whether the image's cells have an encoding of their own; else the name says all."""
        return {"own_image_matrix": True} if IMAGE_MATRIX in weights else {}

    def build_module(
        self,
        entry: CatalogEntry,
        image_size: int,
        *,
        cls: type[Any] = SAM2Base,
        own_image_matrix: bool = False,
        **options: Any,
    ) -> nn.Module:
        """The module with random weights, on the CPU, in eval mode.

        Args:
            image_size: side of the square input in pixels.
            cls: SAM2Base or a subclass of it, such as sam2's own SAM2VideoPredictor.
            own_image_matrix: see `IMAGE_MATRIX`.
            options: keys of the module's config.
        Raises:
            ConfigError: the image size does not fit.
        """
        require_image_size(entry, image_size)
        node = OmegaConf.load(config_path(entry)).model
        # The released configs leave out what upstream's build function adds for use: the same additions here.
        added = {
            **POST_PROCESSING,
            "image_size": image_size,
            "_target_": f"{cls.__module__}.{cls.__qualname__}",
            **options,
        }
        module: Any = instantiate(OmegaConf.merge(node, OmegaConf.create(added)), _recursive_=True)
        if own_image_matrix:
            encoder = module.sam_prompt_encoder
            encoder.image_pe_layer = PositionEmbeddingRandom(encoder.embed_dim // 2)
        built: nn.Module = module.eval()
        return built

    def make_network(
        self, module: nn.Module, *, input_size: Size | None = None, memory_pool: int = 1
    ) -> Sam2Network:
        """See `Sam2Network`."""
        return Sam2Network(module, input_size=input_size, memory_pool=memory_pool)


def config_path(entry: CatalogEntry) -> Path:
    """The entry's config inside the installed sam2 package."""
    release, _, size = entry.name.partition("-")
    return Path(sam2.__file__).parent / "configs" / release / f"{release}_hiera_{_SUFFIXES[size]}.yaml"
