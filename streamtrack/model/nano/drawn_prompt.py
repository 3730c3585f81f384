"""Boxes and clicks drawn on the image embedding, beside SAM 2's tokens for them.

From tokens alone a network of this size learns only roughly what "inside" and "here" mean: its first masks
leak out of the box, and corrective clicks change little. Here every cell of the image embedding is told how
it lies to the box and to the clicks, through the same dense path as a mask prompt. The interface is SAM 2's:
a box arrives as two points, labels 2 and 3, clicks with labels 1 and 0.
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
POSITIVE_LABEL = 1
"""Point label of a click in the object."""
NEGATIVE_LABEL = 0
"""Point label of a click beside it."""
NUM_BOX_FEATURES = 7
"""Channels of `box_features`."""
NUM_CLICK_FEATURES = 4
"""Channels of `click_features`."""
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


def click_features(coords: Tensor, labels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Describe how near each cell is to the clicks: (N, 4, H, W), each value between 0 and 1.

    Args:
        coords: (N, P, 2), x and y in cells.
        labels: (N, P), 1 or 0; others are no clicks.
        grid: H and W in cells.
    Returns:
        Gaussian nearness to the nearest positive click, with a deviation of one cell and of a quarter of the
        grid's width, and the same for negative clicks; 0 where there is no click of that kind.
    """
    height, width = grid
    columns = torch.arange(width, device=coords.device, dtype=coords.dtype) + 0.5
    rows = torch.arange(height, device=coords.device, dtype=coords.dtype) + 0.5
    x, y = coords[..., 0, None, None], coords[..., 1, None, None]
    squared = (columns - x).square() + (rows[:, None] - y).square()
    features = []
    for label in (POSITIVE_LABEL, NEGATIVE_LABEL):
        of_kind = (labels == label)[..., None, None].to(coords.dtype)
        near, wide = ((-squared / (2 * deviation**2)).exp() * of_kind for deviation in (1.0, width / 4))
        features += [near.amax(1), wide.amax(1)]
    return torch.stack(features, dim=1)


def _drawing(num_features: int, width: int) -> nn.Sequential:
    """From features of a cell to its embedding. Untrained it adds nothing: the encoder starts as SAM 2's."""
    last = nn.Conv2d(HIDDEN_WIDTH, width, 1)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 0.0)  # type: ignore[arg-type]  # it has one
    return nn.Sequential(nn.Conv2d(num_features, HIDDEN_WIDTH, 1), nn.GELU(), last)


class DrawnPromptEncoder(PromptEncoder):  # type: ignore[misc]  # sam2 has no types
    """SAM 2's prompt encoder, whose dense embedding also carries boxes and clicks."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.box_embedding = _drawing(NUM_BOX_FEATURES, self.embed_dim)
        self.click_embedding = _drawing(NUM_CLICK_FEATURES, self.embed_dim)

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
            dense = dense + self._draw_boxes(boxes.reshape(-1, 4))
        if points is None:
            return sparse, dense
        coords, labels = points
        clicked = ((labels == POSITIVE_LABEL) | (labels == NEGATIVE_LABEL)).any(1)
        dense = dense + _where(clicked, self._draw_clicks(coords, labels))
        # One point cannot be a box; looking at the shape alone never waits for the device.
        if labels.shape[1] < 2:
            return sparse, dense
        first, second = labels == TOP_LEFT_LABEL, labels == BOTTOM_RIGHT_LABEL
        corners = torch.cat([(coords * chosen[..., None]).sum(1) for chosen in (first, second)], dim=1)
        return sparse, dense + _where(first.any(1) & second.any(1), self._draw_boxes(corners))

    def _draw_boxes(self, corners_px: Tensor) -> Tensor:
        features = box_features(corners_px / self._cell_px(corners_px).repeat(2), self.image_embedding_size)
        return self._embed(self.box_embedding, features)

    def _draw_clicks(self, coords_px: Tensor, labels: Tensor) -> Tensor:
        features = click_features(coords_px / self._cell_px(coords_px), labels, self.image_embedding_size)
        return self._embed(self.click_embedding, features)

    def _cell_px(self, like: Tensor) -> Tensor:
        height, width = self.image_embedding_size
        return like.new_tensor([self.input_image_size[1] / width, self.input_image_size[0] / height])

    def _embed(self, drawing: nn.Module, features: Tensor) -> Tensor:
        embedding: Tensor = drawing(features.to(self.no_mask_embed.weight.dtype))
        return embedding


def _where(present: Tensor, embedding: Tensor) -> Tensor:
    """An (N, C, H, W) embedding where its (N,) prompt is present, else 0."""
    return present.to(embedding.dtype)[:, None, None, None] * embedding
