"""Boxes as four numbers."""

from __future__ import annotations

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 to 1; 0 where both are empty."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    overlap = max(0.0, width) * max(0.0, height)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - overlap
    return overlap / union if union > 0 else 0.0
