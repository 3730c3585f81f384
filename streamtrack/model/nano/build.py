"""The network of `nano`: SAM 2.1's parts in a size that runs live on two CPU cores.

Everything but the trunk and the drawn prompts (`drawn_prompt.py`) is `sam2`'s own module in smaller
dimensions, so whatever runs a SAM 2.1 network runs this one: 5.71 M parameters, 128 wide, two layers of
memory attention, 7 memory slots of width 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from streamtrack.errors import ConfigError
from streamtrack.model.nano.drawn_prompt import DrawnPromptEncoder
from streamtrack.model.nano.efficientnet_trunk import EfficientNetLiteTrunk
from streamtrack.model.nano.mobilenet_trunk import MobileNetTrunk
from streamtrack.model.sam2.family import POST_PROCESSING

ARCHITECTURE = "nano-4"
"""Stored with the weights; changes whenever older weights no longer load strictly."""
IMAGE_SIZE_PX = 256
"""Side of the square input that the weights were trained at."""
STRIDE_MULTIPLE_PX = 32
"""Input sides must be multiples of the trunk's coarsest stride."""

WIDTH = 128
"""Channels of the neck, the memory attention and the mask decoder."""
MEMORY_WIDTH = 64
"""Channels of a memory feature and of one token of an object pointer."""
FEED_FORWARD_WIDTH = 512
"""Hidden channels of memory attention's feed-forward layers."""
MASK_PROMPT_WIDTH = 16
"""Hidden channels of the mask prompt's embedding, as in SAM 2."""
MEMORY_LAYERS = 2
"""Layers of memory attention."""
MEMORY_SLOTS = 7
"""Conditioning slot and six recent frames, as in SAM 2; sizes a tensor of the checkpoint."""

Trunk = EfficientNetLiteTrunk | MobileNetTrunk
TRUNKS: Mapping[str, type[Trunk]] = MappingProxyType(
    {EfficientNetLiteTrunk.name: EfficientNetLiteTrunk, MobileNetTrunk.name: MobileNetTrunk}
)
"""Trunks by the name that a checkpoint's metadata carries.

A trunk takes the normalised image, returns four maps at strides 4, 8, 16, 32 (finest first), and tells their
widths, coarsest first, in `channel_list`.
"""

DEFAULT_TRUNK = EfficientNetLiteTrunk.name
"""Trunk of the shipped weights."""

SAM21_FLAGS: Mapping[str, Any] = MappingProxyType(
    {
        "sigmoid_scale_for_mem_enc": 20.0,
        "sigmoid_bias_for_mem_enc": -10.0,
        "use_mask_input_as_output_without_sam": True,
        "directly_add_no_mem_embed": True,
        "no_obj_embed_spatial": True,
        "use_high_res_features_in_sam": True,
        "multimask_output_in_sam": True,
        "iou_prediction_use_sigmoid": True,
        "use_obj_ptrs_in_encoder": True,
        "add_tpos_enc_to_obj_ptrs": True,
        "proj_tpos_enc_in_obj_ptrs": True,
        "use_signed_tpos_enc_to_obj_ptrs": True,
        "only_obj_ptrs_in_the_past_for_eval": True,
        "pred_obj_scores": True,
        "pred_obj_scores_mlp": True,
        "fixed_no_obj_ptr": True,
        "multimask_output_for_tracking": True,
        "use_multimask_token_for_obj_ptr": True,
        "multimask_min_pt_num": 0,
        "multimask_max_pt_num": 1,
        "use_mlp_for_obj_ptr_proj": True,
    }
)
"""Behaviour of the published SAM 2.1 configurations (sam2/configs/sam2.1/*.yaml)."""

NANO_FLAGS: Mapping[str, Any] = MappingProxyType({"multimask_max_pt_num": 2})
"""Where nano differs: a box (two points) also has three candidates, chosen by estimated quality.

The single mask and its stability fallback hang on a threshold that rounding to bf16 can cross."""


def build_nano(
    image_size: int = IMAGE_SIZE_PX,
    cls: type[Any] = SAM2Base,
    trunk: str = DEFAULT_TRUNK,
    **predictor_kwargs: Any,
) -> Any:
    """Build the network with random weights, in training mode, on the CPU.

    Args:
        image_size: side of the square input, px, a multiple of 32; the weights fit any.
        cls: SAM2Base or a subclass of it, such as `sam2`'s own SAM2VideoPredictor.
        trunk: a key of TRUNKS.
        predictor_kwargs: passed on to `cls`; they override the flags above.
    Returns:
        An instance of `cls`.
    Raises:
        ConfigError: the size is no positive multiple of 32, or the trunk is unknown.
    """
    if image_size <= 0 or image_size % STRIDE_MULTIPLE_PX:
        raise ConfigError(
            f"nano: image_size is {image_size}, expected a positive multiple of {STRIDE_MULTIPLE_PX}"
        )
    if trunk not in TRUNKS:
        raise ConfigError(f"nano: trunk is {trunk!r}, expected one of {', '.join(sorted(TRUNKS))}")
    network = cls(
        image_encoder=_image_encoder(TRUNKS[trunk]()),
        memory_attention=_memory_attention(grid=image_size // 16),
        memory_encoder=_memory_encoder(),
        num_maskmem=MEMORY_SLOTS,
        image_size=image_size,
        **{**SAM21_FLAGS, **NANO_FLAGS, **POST_PROCESSING, **predictor_kwargs},
    )
    # sam2 builds its own prompt encoder inside; the replacement has the same parameters and some more.
    grid = (network.sam_image_embedding_size, network.sam_image_embedding_size)
    network.sam_prompt_encoder = DrawnPromptEncoder(
        embed_dim=WIDTH,
        image_embedding_size=grid,
        input_image_size=(image_size, image_size),
        mask_in_chans=MASK_PROMPT_WIDTH,
    )
    return network


def trunk_of(weights: Mapping[str, Tensor]) -> str:
    """The key of TRUNKS whose stem the weights of a nano have; the default where they fit none."""
    stem = weights.get("image_encoder.trunk.stem.weight")
    for name, make in TRUNKS.items():
        if stem is not None and stem.dim() > 0 and make.stem_channels == stem.shape[0]:
            return name
    return DEFAULT_TRUNK


def _image_encoder(trunk: Trunk) -> nn.Module:
    neck = FpnNeck(
        position_encoding=_sine_encoding(WIDTH),
        d_model=WIDTH,
        backbone_channel_list=trunk.channel_list,
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    # scalp drops the stride-32 map after the neck has added it to the stride-16 one.
    encoder: nn.Module = ImageEncoder(trunk=trunk, neck=neck, scalp=1)
    return encoder


def _memory_attention(grid: int) -> nn.Module:
    def attention(**kwargs: Any) -> nn.Module:
        module: nn.Module = RoPEAttention(
            rope_theta=10000.0,
            feat_sizes=(grid, grid),
            embedding_dim=WIDTH,
            num_heads=1,
            downsample_rate=1,
            dropout=0.0,
            **kwargs,
        )
        return module

    layer = MemoryAttentionLayer(
        activation="relu",
        dim_feedforward=FEED_FORWARD_WIDTH,
        dropout=0.0,
        pos_enc_at_attn=False,
        self_attention=attention(),
        d_model=WIDTH,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        cross_attention=attention(rope_k_repeat=True, kv_in_dim=MEMORY_WIDTH),
    )
    stack: nn.Module = MemoryAttention(
        d_model=WIDTH, pos_enc_at_input=True, layer=layer, num_layers=MEMORY_LAYERS
    )
    return stack


def _memory_encoder() -> nn.Module:
    block = CXBlock(dim=WIDTH, kernel_size=7, padding=3, layer_scale_init_value=1e-6, use_dwconv=True)
    encoder: nn.Module = MemoryEncoder(
        out_dim=MEMORY_WIDTH,
        in_dim=WIDTH,
        position_encoding=_sine_encoding(MEMORY_WIDTH),
        mask_downsampler=MaskDownSampler(embed_dim=WIDTH, kernel_size=3, stride=2, padding=1),
        fuser=Fuser(block, num_layers=2),
    )
    return encoder


def _sine_encoding(width: int) -> nn.Module:
    encoding: nn.Module = PositionEmbeddingSine(
        num_pos_feats=width, normalize=True, scale=None, temperature=10000
    )
    return encoding
