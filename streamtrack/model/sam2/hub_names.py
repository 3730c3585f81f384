"""What transformers calls the tensors of a SAM 2, and what Meta's release calls them: the same both ways.

Source: `modeling_sam2_video` of transformers, and Meta's `sam2/modeling`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

MATRIX = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
"""Encodes positions: of points, and of the image's cells."""
IMAGE_MATRIX = "sam_prompt_encoder.image_pe_layer.positional_encoding_gaussian_matrix"
"""Of the image's cells alone, where it is another one: so it is in a fresh model of transformers."""
HUB_MATRIX = "prompt_encoder.shared_embedding.positional_embedding"
HUB_IMAGE_MATRIX = "shared_image_embedding.positional_embedding"
HUB_POINTS = "prompt_encoder.point_embed.weight"
NUM_POINTS = 4
"""Kinds of points: off the object, on it, and the corners of a box."""
HUB_START = "vision_encoder.backbone."
"""Of names that no other layout has."""


def _points(index: int) -> str:
    return f"sam_prompt_encoder.point_embeddings.{index}.weight"


def _perceptron(meta: str, hub: str, *, last: int) -> tuple[tuple[str, str], ...]:
    """transformers names a perceptron's first layer proj_in, its last proj_out, and counts those between."""
    between = ((f"{meta}.layers.{index}.", f"{hub}.layers.{index - 1}.") for index in range(1, last))
    return (
        (f"{meta}.layers.0.", f"{hub}.proj_in."),
        (f"{meta}.layers.{last}.", f"{hub}.proj_out."),
        *between,
    )


def _layers(
    meta: str, hub: str, *, norms: int, attentions: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """A row of like layers: their norms, and what their attentions end with."""
    return (
        *((f"{meta}.#.norm{index}.", f"{hub}.#.layer_norm{index}.") for index in range(1, norms + 1)),
        *((f"{meta}.#.{name}.out_proj.", f"{hub}.#.{name}.o_proj.") for name in attentions),
    )


_DECODER, _HUB_DECODER = "sam_mask_decoder", "mask_decoder"
_DECODER_LAYERS, _HUB_DECODER_LAYERS = f"{_DECODER}.transformer.layers", f"{_HUB_DECODER}.transformer.layers"
_DOWN, _HUB_DOWN = "memory_encoder.mask_downsampler", "memory_encoder.mask_downsampler"

BEGINNINGS: tuple[tuple[str, str], ...] = (
    # the image
    ("image_encoder.trunk.patch_embed.proj.", "vision_encoder.backbone.patch_embed.projection."),
    *_layers("image_encoder.trunk.blocks", "vision_encoder.backbone.blocks", norms=2),
    *_perceptron("image_encoder.trunk.blocks.#.mlp", "vision_encoder.backbone.blocks.#.mlp", last=1),
    ("image_encoder.trunk.", "vision_encoder.backbone."),
    ("image_encoder.neck.convs.#.conv.", "vision_encoder.neck.convs.#."),
    # prompts
    (MATRIX, HUB_MATRIX),
    (IMAGE_MATRIX, HUB_IMAGE_MATRIX),
    ("sam_prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."),
    ("sam_prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."),
    ("sam_prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."),
    ("sam_prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."),
    ("sam_prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."),
    ("sam_prompt_encoder.", "prompt_encoder."),
    # masks
    *_layers(
        _DECODER_LAYERS,
        _HUB_DECODER_LAYERS,
        norms=4,
        attentions=("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token"),
    ),
    *_perceptron(f"{_DECODER_LAYERS}.#.mlp", f"{_HUB_DECODER_LAYERS}.#.mlp", last=1),
    (
        f"{_DECODER}.transformer.final_attn_token_to_image.out_proj.",
        f"{_HUB_DECODER}.transformer.final_attn_token_to_image.o_proj.",
    ),
    (f"{_DECODER}.transformer.norm_final_attn.", f"{_HUB_DECODER}.transformer.layer_norm_final_attn."),
    (f"{_DECODER}.output_upscaling.0.", f"{_HUB_DECODER}.upscale_conv1."),
    (f"{_DECODER}.output_upscaling.1.", f"{_HUB_DECODER}.upscale_layer_norm."),
    (f"{_DECODER}.output_upscaling.3.", f"{_HUB_DECODER}.upscale_conv2."),
    *_perceptron(
        f"{_DECODER}.output_hypernetworks_mlps.#", f"{_HUB_DECODER}.output_hypernetworks_mlps.#", last=2
    ),
    *_perceptron(f"{_DECODER}.iou_prediction_head", f"{_HUB_DECODER}.iou_prediction_head", last=2),
    *_perceptron(f"{_DECODER}.pred_obj_score_head", f"{_HUB_DECODER}.pred_obj_score_head", last=2),
    (f"{_DECODER}.", f"{_HUB_DECODER}."),
    # memory
    *_layers(
        "memory_attention.layers",
        "memory_attention.layers",
        norms=3,
        attentions=("self_attn", "cross_attn_image"),
    ),
    ("memory_attention.norm.", "memory_attention.layer_norm."),
    *((f"{_DOWN}.encoder.{3 * step}.", f"{_HUB_DOWN}.layers.{step}.conv.") for step in range(4)),
    *((f"{_DOWN}.encoder.{3 * step + 1}.", f"{_HUB_DOWN}.layers.{step}.layer_norm.") for step in range(4)),
    (f"{_DOWN}.encoder.12.", f"{_HUB_DOWN}.final_conv."),
    ("memory_encoder.fuser.layers.#.gamma", "memory_encoder.memory_fuser.layers.#.scale"),
    ("memory_encoder.fuser.layers.#.norm.", "memory_encoder.memory_fuser.layers.#.layer_norm."),
    ("memory_encoder.fuser.layers.#.dwconv.", "memory_encoder.memory_fuser.layers.#.depthwise_conv."),
    ("memory_encoder.fuser.layers.#.pwconv1.", "memory_encoder.memory_fuser.layers.#.pointwise_conv1."),
    ("memory_encoder.fuser.layers.#.pwconv2.", "memory_encoder.memory_fuser.layers.#.pointwise_conv2."),
    ("memory_encoder.pix_feat_proj.", "memory_encoder.feature_projection."),
    ("memory_encoder.out_proj.", "memory_encoder.projection."),
    *_perceptron("obj_ptr_proj", "object_pointer_proj", last=2),
    ("obj_ptr_tpos_proj.", "temporal_positional_encoding_projection_layer."),
    ("no_obj_ptr", "no_object_pointer"),
    ("no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"),
    ("no_mem_embed", "no_memory_embedding"),
    ("no_mem_pos_enc", "no_memory_positional_encoding"),
    ("maskmem_tpos_enc", "memory_temporal_positional_encoding"),
)
"""How a name begins in Meta's release and in transformers, `#` for a number: the first that fits counts, what
follows it stays."""


def is_hub_layout(weights: Mapping[str, Tensor]) -> bool:
    """Whether the names are transformers'."""
    return any(name.startswith(HUB_START) for name in weights)


def to_hub(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Meta's tensors by transformers' names: the points' embeddings become one table, and the matrix of
    positions is there twice."""
    points = [_points(index) for index in range(NUM_POINTS)]
    named = {_rename(name, 0): value for name, value in weights.items() if name not in points}
    named[HUB_POINTS] = torch.cat([weights[name] for name in points])
    named.setdefault(HUB_IMAGE_MATRIX, named[HUB_MATRIX].clone())
    return named


def from_hub(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """transformers' tensors by Meta's names; unknown names stay, so that whoever loads them can say so."""
    named = {_rename(name, 1): value for name, value in weights.items() if name != HUB_POINTS}
    points = weights.get(HUB_POINTS)
    if points is not None and points.dim() == 2 and len(points) == NUM_POINTS:
        named.update((_points(index), points[index : index + 1].clone()) for index in range(NUM_POINTS))
    image_matrix = named.get(IMAGE_MATRIX)
    if image_matrix is not None and MATRIX in named and torch.equal(image_matrix, named[MATRIX]):
        del named[IMAGE_MATRIX]
    return named


def _patterns(side: int) -> list[tuple[re.Pattern[str], str]]:
    """The table as regular expressions that rename from a side to the other one."""
    found = []
    for pair in BEGINNINGS:
        # One number at most, and it is the same on both sides.
        pattern = re.compile("^" + re.escape(pair[side]).replace(r"\#", r"(\d+)"))
        found.append((pattern, pair[1 - side].replace("#", r"\g<1>")))
    return found


_RENAMES = (_patterns(0), _patterns(1))


def _rename(name: str, side: int) -> str:
    for pattern, replacement in _RENAMES[side]:
        renamed, count = pattern.subn(replacement, name)
        if count:
            return renamed
    return name
