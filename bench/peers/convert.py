"""Weights of the sam2 package under the names that transformers gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

RENAMES: tuple[tuple[str, str], ...] = (
    # image encoder
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"(blocks\.\d+)\.norm([12])\.", r"\1.layer_norm\2."),
    # prompt encoder
    (
        r"^sam_prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$",
        "prompt_encoder.shared_embedding.positional_embedding",
    ),
    (r"^sam_prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^sam_prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^sam_prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    # mask decoder
    (r"^sam_mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^sam_mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^sam_mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^sam_mask_decoder\.transformer\.norm_final_attn\.", "mask_decoder.transformer.layer_norm_final_attn."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"\.out_proj\.", ".o_proj."),
    (r"(layers\.\d+)\.norm([1-4])\.", r"\1.layer_norm\2."),
    # memory
    (r"^memory_attention\.norm\.", "memory_attention.layer_norm."),
    (r"^memory_encoder\.o_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"\.gamma$", ".scale"),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv([12])\.", r".pointwise_conv\1."),
    (r"(memory_fuser\.layers\.\d+)\.norm\.", r"\1.layer_norm."),
    (r"\.mask_downsampler\.encoder\.12\.", ".mask_downsampler.final_conv."),
    # the tracker's own
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
)
"""Applied to each name in this order."""

TWO_LAYERS = re.compile(r"(backbone\.blocks\.\d+\.mlp|mask_decoder\.transformer\.layers\.\d+\.mlp)\.layers\.")
THREE_LAYERS = re.compile(
    r"(output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head|object_pointer_proj)\.layers\."
)
"""Perceptrons: transformers names the first layer proj_in, the last proj_out, and counts those between."""
DOWNSAMPLER = re.compile(r"mask_downsampler\.encoder\.(\d+)\.")


def to_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors by transformers' names. Point embeddings become one table, the position matrix is
    there twice."""
    points = [f"sam_prompt_encoder.point_embeddings.{index}.weight" for index in range(4)]
    converted = {_rename(name): value for name, value in weights.items() if name not in points}
    converted["prompt_encoder.point_embed.weight"] = torch.cat([weights[name] for name in points])
    matrix = converted["prompt_encoder.shared_embedding.positional_embedding"]
    converted["shared_image_embedding.positional_embedding"] = matrix.clone()
    return converted


def _rename(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    for layers, last in ((TWO_LAYERS, 1), (THREE_LAYERS, 2)):
        if layers.search(name):
            head, index, tail = re.split(r"\.layers\.(\d+)(?=\.\w+$)", name)
            layer = {0: "proj_in", last: "proj_out"}.get(int(index), f"layers.{int(index) - 1}")
            return f"{head}.{layer}{tail}"
    found = DOWNSAMPLER.search(name)
    if found:
        # Three modules a step: convolution, norm, activation.
        step, part = divmod(int(found[1]), 3)
        replacement = f"mask_downsampler.layers.{step}.{('conv', 'layer_norm')[part]}."
        return name.replace(found[0], replacement)
    return name
