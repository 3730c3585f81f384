"""Box prompts drawn on the image embedding, beside SAM 2's two corner tokens.

From two corner tokens alone a network of this size learns only roughly what "inside" means, and its first
masks leak out of the box. Here every cell of the image embedding is told how it lies to the box, through the
same dense path as a mask prompt. The interface is SAM 2's: a box arrives as two points, labels 2 and 3.
"""

from __future__ import annotations

from typing import Any

import torch
from sam2.modeling.sam.prompt_encoder import PromptEncoder
from torch import Tensor, nn

TOP_LEFT_LABEL = 2
"""Point label of a box's first corner, as SAM 2's predictor writes it."""
BOTTOM_RIGHT_LABEL = 3
"""Point label of a box's second corner."""
NUM_BOX_FEATURES = 7
"""Channels of `box_features`."""
HIDDEN_WIDTH = 32
"""Channels between the features and the embedding."""
FAR = 2.0
"""Offsets from the box's centre are told apart up to this many half sides; beyond, all is just outside."""


def box_features(corners: Tensor, grid: tuple[int, int]) -> Tensor:
    """Describe how each cell lies to its box: (N, 7, H, W), each value between -2 and 4.

    Args:
        corners: (N, 4), x0 y0 x1 y1 in cells.
        grid: H and W in cells.
    Returns:
        Covered share of the cell; offset from the centre in half sides, x and y, and their squares; width and
        height of the box as shares of the grid.
    """
    height, width = grid
    x0, y0, x1, y1 = (corner[:, None] for corner in corners.unbind(1))
    columns = torch.arange(width, device=corners.device, dtype=corners.dtype)[None]
    rows = torch.arange(height, device=corners.device, dtype=corners.dtype)[None]
    cover_x = (torch.minimum(x1, columns + 1) - torch.maximum(x0, columns)).clamp(0, 1)
    cover_y = (torch.minimum(y1, rows + 1) - torch.maximum(y0, rows)).clamp(0, 1)
    # Boxes narrower than a cell are widened to one, or the offsets would only be noise.
    offset_x = ((columns + 0.5 - (x0 + x1) / 2) / ((x1 - x0).clamp(min=1) / 2)).clamp(-FAR, FAR)
    offset_y = ((rows + 0.5 - (y0 + y1) / 2) / ((y1 - y0).clamp(min=1) / 2)).clamp(-FAR, FAR)
    size = (len(corners), height, width)
    features = (
        cover_y[:, :, None] * cover_x[:, None, :],
        offset_x[:, None, :],
        offset_y[:, :, None],
        offset_x.square()[:, None, :],
        offset_y.square()[:, :, None],
        ((x1 - x0) / width)[:, None, :],
        ((y1 - y0) / height)[:, None, :],
    )
    return torch.stack([feature.expand(size) for feature in features], dim=1)


class BoxPromptEncoder(PromptEncoder):  # type: ignore[misc]  # sam2 has no types
    """SAM 2's prompt encoder, whose dense embedding also carries the box."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        last = nn.Conv2d(HIDDEN_WIDTH, self.embed_dim, 1)
        # Untrained, the box adds nothing: the encoder starts as SAM 2's.
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 0.0)  # type: ignore[arg-type]  # it has one
        self.box_embedding = nn.Sequential(nn.Conv2d(NUM_BOX_FEATURES, HIDDEN_WIDTH, 1), nn.GELU(), last)

    def forward(
        self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Embed prompts as (N, P, C) sparse tokens and an (N, C, H, W) dense map.

        Args:
            points: (N, P, 2) x and y in input pixels, and (N, P) labels: 0, 1, a box's 2 and 3, or -1.
            boxes: (N, 4) in input pixels; SAM 2's video predictor never passes any.
            masks: (N, 1, 4 H, 4 W) mask logits.
        """
        sparse, dense = super().forward(points, boxes, masks)
        if boxes is not None:
            return sparse, dense + self._embed(boxes.reshape(-1, 4))
        # One point cannot be a box; looking at the shape alone never waits for the device.
        if points is None or points[1].shape[1] < 2:
            return sparse, dense
        coords, labels = points
        first, second = labels == TOP_LEFT_LABEL, labels == BOTTOM_RIGHT_LABEL
        corners = torch.cat([(coords * chosen[..., None]).sum(1) for chosen in (first, second)], dim=1)
        has_box = (first.any(1) & second.any(1)).to(dense.dtype)
        return sparse, dense + has_box[:, None, None, None] * self._embed(corners)

    def _embed(self, corners_px: Tensor) -> Tensor:
        height, width = self.image_embedding_size
        cell = corners_px.new_tensor([self.input_image_size[1] / width, self.input_image_size[0] / height])
        features = box_features(corners_px / cell.repeat(2), (height, width))
        embedding: Tensor = self.box_embedding(features.to(self.no_mask_embed.weight.dtype))
        return embedding
