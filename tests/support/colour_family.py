"""A family of networks as unlike SAM 2 as the interface allows: it follows objects by their colour.

Maps need not be square, a memory frame has 512 tokens whatever the map, low-res masks are twice the map and
not four times, memory is float32, there are four recent frames and three pointers, and one tensor of a frame
is kept. It finds coloured shapes on a grey ground well enough that a wrong height, width or order shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamtrack.frame import BoolMask, Image
from streamtrack.model.family import require_image_size
from streamtrack.model.interface import (
    Candidates,
    CompiledCalls,
    FrameFeatures,
    Geometry,
    MaskPrediction,
    MemoryRead,
    Size,
)
from streamtrack.weights.catalog import CatalogEntry

PATCH_PX = 14
MEMORY_GRID = (16, 32)
"""Regions whose colours a memory frame holds: 512 tokens."""
HIDDEN = -1024.0
REACHES = (1 / 24, 1 / 8, 1 / 12)
"""How far a click reaches, as a share of the map's width: the masks that a single one offers."""
BEST = 1
"""The one with the highest estimate."""


def entry_of(name: str, image_size: int) -> CatalogEntry:
    """A catalog entry of this family."""
    return CatalogEntry(
        name=name,
        file_name=f"{name}.safetensors",
        num_bytes=0,
        sha256="0" * 64,
        urls=(),
        family="colour",
        image_size=image_size,
        image_size_step=PATCH_PX,
    )


SQUARE = entry_of("colour-square", 1008)
"""A map of 72 x 72."""
WIDE = entry_of("colour-wide", 896)
"""A map of 36 x 64."""
ENTRIES = {entry.name: entry for entry in (SQUARE, WIDE)}


class ColourModule(nn.Module):
    """Its weights: how sharply colours are told apart, and the shape of its map."""

    def __init__(self, grid: Size) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.register_buffer("grid", torch.tensor(grid))
        self.size = grid


class ColourNetwork:
    """Implements `streamtrack.model.interface.Network`."""

    def __init__(self, module: ColourModule) -> None:
        rows, columns = module.size
        self.module = module
        self.device = torch.device("cpu")
        self.compiled: CompiledCalls | None = None
        self.settings: tuple[object, ...] = ()
        self.best_batch: int | None = 3
        self.geometry = Geometry(
            input_size=(rows * PATCH_PX, columns * PATCH_PX),
            grid=(rows, columns),
            low_res_size=(2 * rows, 2 * columns),
            memory_tokens=MEMORY_GRID[0] * MEMORY_GRID[1],
            memory_dim=4,
            pointer_dim=12,
            pointer_tokens=3,
            recent_frames=4,
            recent_pointers=3,
            pixel_mean=(0.5, 0.5, 0.5),
            pixel_std=(0.5, 0.5, 0.5),
            memory_dtype=torch.float32,
        )

    def encode(self, image: Tensor) -> FrameFeatures:
        return self.encode_eagerly(image) if self.compiled is None else self.compiled.encode(image)

    def encode_eagerly(self, image: Tensor) -> FrameFeatures:
        g = self.geometry
        assert image.shape == (1, 3, *g.input_size)
        mean, std = (torch.tensor(part)[:, None, None] for part in (g.pixel_mean, g.pixel_std))
        colours = F.adaptive_avg_pool2d((image.float() / 255 - mean) / std, g.low_res_size)
        return self.derive((colours,))

    def derive(self, kept: tuple[Tensor, ...]) -> FrameFeatures:
        [colours] = kept
        assert colours.shape == (1, 3, *self.geometry.low_res_size)
        return FrameFeatures(kept, (F.avg_pool2d(colours, 2).flatten(2).transpose(1, 2),))

    def appearance_map(self, features: FrameFeatures) -> Tensor:
        return features.kept[0]

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        if self.compiled is not None and self.compiled.fits(memory):
            return self.compiled.follow(features, memory)
        return self.follow_eagerly(features, memory)

    def follow_eagerly(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        prediction = self._predict(features, self._similar(features, self._remembered(memory)))
        return prediction, self.encode_memory(features, prediction, from_prompt=False)

    def decode_points(
        self,
        features: FrameFeatures,
        memory: MemoryRead | None,
        coords: Tensor,
        labels: Tensor,
        previous_logits: Tensor | None,
        candidate: int | None = None,
    ) -> MaskPrediction:
        if coords.shape[1] != 1:
            return self._decode(features, memory, coords, labels, previous_logits, REACHES[BEST])
        offered = [
            self._decode(features, memory, coords, labels, previous_logits, reach) for reach in REACHES
        ]
        logits = torch.cat([one.low_res_mask_logits for one in offered])
        candidates = Candidates(logits, torch.tensor([0.7, 0.9, 0.8]))
        chosen = BEST if candidate is None else candidate
        return replace(
            offered[chosen], iou_scores=candidates.iou_scores[chosen : chosen + 1], candidates=candidates
        )

    def _decode(
        self,
        features: FrameFeatures,
        memory: MemoryRead | None,
        coords: Tensor,
        labels: Tensor,
        previous_logits: Tensor | None,
        reach: float,
    ) -> MaskPrediction:
        rows, columns = self.geometry.low_res_size
        height, width = self.geometry.input_size
        y, x = torch.arange(rows)[:, None] + 0.5, torch.arange(columns)[None] + 0.5
        at = coords[0] * torch.tensor([columns / width, rows / height])
        is_corner = labels[0] >= 2
        start = torch.full((1, rows, columns), -10.0) if memory is None else self.follow(features, memory)[0]
        logits = start.low_res_mask_logits if isinstance(start, MaskPrediction) else start
        if previous_logits is not None:
            assert previous_logits.shape == (1, rows, columns)
            logits = previous_logits
        corners = at[is_corner]
        if len(corners):
            (x0, y0), (x1, y1) = corners
            middle = self._similar(features, self._colour_at(features, corners.mean(0)))
            inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
            logits = torch.where(inside, middle, -10.0)
        for point, label in zip(at[~is_corner], labels[0][~is_corner], strict=True):
            near = (x - point[0]).square() + (y - point[1]).square() < (columns * reach) ** 2
            similar = self._similar(features, self._colour_at(features, point))
            clicked = torch.where(near, similar, -10.0)
            logits = torch.where(label == 1, torch.maximum(logits, clicked), torch.minimum(logits, -clicked))
        return self._predict(features, logits)

    def adopt_mask(
        self, features: FrameFeatures, mask: Tensor, *, candidates: bool = False
    ) -> MaskPrediction:
        assert mask.shape == (1, 1, *self.geometry.input_size)
        share = F.adaptive_avg_pool2d(mask, self.geometry.low_res_size)[:, 0]
        return self._predict(features, (share - 0.5) * 20)

    def encode_memory(
        self,
        features: FrameFeatures,
        prediction: MaskPrediction,
        *,
        from_prompt: bool,
        mask: Tensor | None = None,
    ) -> Tensor:
        if mask is None:
            mask = (prediction.low_res_mask_logits > 0).float()[:, None]
        else:
            mask = F.adaptive_avg_pool2d(mask, self.geometry.low_res_size)
        painted = torch.cat((mask * features.kept[0], mask), dim=1)
        return F.adaptive_avg_pool2d(painted, MEMORY_GRID).flatten(2).transpose(1, 2)

    def _remembered(self, memory: MemoryRead) -> Tensor:
        """(B, 3): the mean colour of what is remembered, pointers and memory features alike."""
        features, pointers = memory.features, memory.pointers
        assert features.shape[2:] == (self.geometry.memory_tokens, self.geometry.memory_dim)
        nearness = 1 / memory.pointer_ages
        prompted = 1 + (memory.slots == self.geometry.recent_frames).float()
        if memory.absent is not None:
            no_frame, no_pointer = memory.absent
            prompted = prompted.masked_fill(no_frame, 0)
            nearness = nearness.masked_fill(no_pointer, 0)
        painted = (features * prompted[..., None, None]).sum(dim=(1, 2))
        pointed = (pointers[..., :4] * nearness[..., None]).sum(dim=1)
        summed = painted / MEMORY_GRID[0] + pointed
        return summed[:, :3] / summed[:, 3:].clamp(min=1e-6)

    def _colour_at(self, features: FrameFeatures, at: Tensor) -> Tensor:
        """(1, 3): the colour at x, y in low-res pixels."""
        column, row = at.long().unbind()
        return features.kept[0][:, :, row, column]

    def _similar(self, features: FrameFeatures, colours: Tensor) -> Tensor:
        """(B, h, w): how like (B, 3) colours the picture is, finely and coarsely."""
        rows, columns = self.geometry.grid
        fine = (features.kept[0] - colours[:, :, None, None]).square().sum(dim=1)
        coarse = (features.derived[0] - colours[:, None]).square().sum(dim=2).view(-1, 1, rows, columns)
        coarse = F.interpolate(coarse, size=self.geometry.low_res_size, mode="nearest")[:, 0]
        return (0.5 - 0.8 * fine - 0.2 * coarse) * self.module.sharpness

    def _predict(self, features: FrameFeatures, logits: Tensor) -> MaskPrediction:
        mask = (logits > 0).float()[:, None]
        area = mask.sum(dim=(1, 2, 3))
        visible = area > 4
        colour = (mask * features.kept[0]).sum(dim=(2, 3)) / area.clamp(min=1)[:, None]
        pointer = torch.cat((colour, torch.ones_like(area)[:, None]), dim=1) * visible[:, None]
        return MaskPrediction(
            low_res_mask_logits=torch.where(visible[:, None, None], logits, HIDDEN),
            object_score_logits=torch.where(visible, 5.0, -5.0)[:, None],
            iou_scores=visible.float() * 0.9,
            object_pointers=F.pad(pointer, (0, self.geometry.pointer_dim - 4)),
        )


class ColourFamily:
    """Implements `streamtrack.model.family.Family`."""

    name = "colour"
    timed_calls: Sequence[tuple[type, str, str]] = ((ColourNetwork, "encode_eagerly", "encode"),)

    def identify(self, weights: Mapping[str, Tensor]) -> str | None:
        if "sharpness" not in weights:
            return None
        rows, columns = weights["grid"].tolist()
        return SQUARE.name if rows == columns else WIDE.name

    def options_of(self, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        return {}

    def build_module(self, entry: CatalogEntry, image_size: int, **options: Any) -> ColourModule:
        require_image_size(entry, image_size)
        columns = image_size // PATCH_PX
        return ColourModule((columns if entry.name == SQUARE.name else columns * 9 // 16, columns)).eval()

    def make_network(
        self, module: nn.Module, *, input_size: Size | None = None, memory_pool: int = 1
    ) -> ColourNetwork:
        assert isinstance(module, ColourModule)
        return ColourNetwork(module)


FRAME_SIZE = (180, 300)
"""H, W of the pictures, of no network's proportions."""
COLOURS = ((220, 40, 40), (40, 60, 230), (30, 200, 60), (230, 220, 30))


def coloured_shapes(num_frames: int) -> list[tuple[Image, list[BoolMask]]]:
    """Frames with four coloured ellipses that drift over a grey ground, and their masks."""
    y, x = np.mgrid[: FRAME_SIZE[0], : FRAME_SIZE[1]]
    found = []
    for index in range(num_frames):
        image = np.full((*FRAME_SIZE, 3), 120, np.uint8)
        centres = ((60 + 3 * index, 50), (230 - 2 * index, 130), (60, 130 - index), (240, 40 + index))
        masks = [((x - cx) / 34) ** 2 + ((y - cy) / 20) ** 2 < 1 for cx, cy in centres]
        for mask, colour in zip(masks, COLOURS, strict=True):
            image[mask] = colour
        found.append((image, masks))
    return found
