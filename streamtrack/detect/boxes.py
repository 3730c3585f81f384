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


def share_in(inner: Box, outer: Box) -> float:
    """Share of a box that lies in another, 0 to 1."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = max(0.0, inner[2] - inner[0]) * max(0.0, inner[3] - inner[1])
    return max(0.0, width) * max(0.0, height) / max(1.0, area)
