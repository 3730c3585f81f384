"""A prompt that fits its frame, and the tensors that the network reads of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.frame import BoolMask
from streamtrack.model.interface import Geometry, Size

BOX_FIRST_CORNER, BOX_SECOND_CORNER = 2, 3
"""Labels under which SAM 2 reads a box as two points."""

LEAST_SEEN = 0.6
"""Share of a given mask that must be seen of it at the frame's size: half, and what rounding may cost."""
THICK = 0.5
"""Share of a mask that fills whole mask pixels of the network from which on a look at the frame is spared."""
WHOLE = 0.999
"""Coverage of a pixel that counts as filled."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedPrompt:
    """A prompt that fits its frame: either `mask`, or `coords` and `labels`."""

    coords: NDArray[np.float32]
    """(P, 2) x, y in pixels of the frame; a box comes first, as its two corners."""
    labels: NDArray[np.int32]
    """(P,): 1 on the object, 0 off it, 2 and 3 the corners of a box."""
    mask: BoolMask | None
    """(H, W) bool."""
    frame_size: tuple[int, int]
    """H, W in pixels."""
    candidate: int | None = None
    """Which of the masks that the network offers is taken; None: the one that it thinks best."""
    anew: bool = False
    """Neither memory nor the frame's mask so far says what it shows: both are in doubt."""

    def followed_by(self, later: CheckedPrompt) -> CheckedPrompt:
        """Both prompts at once, as one frame's clicks add up; a later box or mask starts afresh."""
        starts_afresh = later.mask is not None or bool((later.labels == BOX_FIRST_CORNER).any())
        if starts_afresh or self.mask is not None:
            return later
        return CheckedPrompt(
            np.concatenate((self.coords, later.coords)),
            np.concatenate((self.labels, later.labels)),
            None,
            self.frame_size,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PromptInput:
    """A prompt in pixels of the network's input: either `mask`, or `coords` and `labels`."""

    coords: Tensor
    """(1, P, 2) float32."""
    labels: Tensor
    """(1, P) int32."""
    mask: Tensor | None
    """(1, 1, H, W) float32, 0 or 1."""
    candidate: int | None = None
    """As in `CheckedPrompt`."""


def scale_prompt(prompt: CheckedPrompt, geometry: Geometry, device: torch.device) -> PromptInput:
    """Bring a prompt to the network's input size, and no part of it below the network's pixels."""
    coords, labels = scale_points(prompt, geometry.input_size, device)
    mask = None if prompt.mask is None else scale_mask(prompt.mask, geometry).to(device)
    return PromptInput(coords, labels, mask, prompt.candidate)


def scale_points(prompt: CheckedPrompt, input_size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """(1, P, 2) float32 coordinates in pixels of the network's input, and (1, P) int32 labels.

    A box that is narrower or lower than one of the network's pixels is widened to one, about its centre: its
    two corners would say the same.
    """
    height, width = prompt.frame_size
    given = torch.from_numpy(np.array(prompt.coords, np.float32))
    coords = given / torch.tensor([width, height]) * torch.tensor(input_size[::-1])
    if len(prompt.labels) and prompt.labels[0] == BOX_FIRST_CORNER:
        coords[:2] = _widen(coords[:2], input_size)
    return coords[None].to(device), torch.from_numpy(np.array(prompt.labels, np.int32))[None].to(device)


def _widen(corners: Tensor, input_size: Size) -> Tensor:
    """A box as two corners, (2, 2), at least one pixel wide and high and inside the input."""
    limits = torch.tensor(input_size[::-1], dtype=corners.dtype)
    centre = (corners.sum(dim=0) / 2).clamp(min=0.5).minimum(limits - 0.5)
    wide = torch.stack((centre - 0.5, centre + 0.5))
    return torch.where(corners[1] - corners[0] < 1, wide, corners)


def scale_mask(mask: BoolMask, geometry: Geometry) -> Tensor:
    """(1, 1, H, W) float32, 0 or 1: the mask resized with antialiasing and cut at one half.

    Where that would leave little more than half of it to be seen (it is smaller or thinner than the pixels
    of the network's masks: a rope, a far ball), every pixel of the network's masks that it touches is filled
    instead, and their neighbours as well if that still is too little.
    """
    # A copy, like the points: what a caller gives may lie anyhow, and may be read-only.
    full = torch.from_numpy(np.array(mask, np.float32))[None, None]
    scaled = full if mask.shape == geometry.input_size else _cut(full, geometry.input_size)
    coverage = F.interpolate(full, size=geometry.low_res_size, mode="area")
    if coverage[coverage > WHOLE].sum() >= THICK * coverage.sum():
        return scaled
    touched = (coverage > 0).to(torch.float32)
    grown = F.max_pool2d(touched, kernel_size=3, stride=1, padding=1)
    filled = [F.interpolate(cells, size=geometry.input_size, mode="nearest") for cells in (touched, grown)]
    for candidate in (scaled, *filled):
        shown = F.interpolate(_low_res(candidate, geometry), size=mask.shape, mode="bilinear") > 0
        if (shown * full).sum() >= LEAST_SEEN * full.sum():
            return candidate
    return filled[-1]


def _cut(mask: Tensor, size: Size) -> Tensor:
    resized = F.interpolate(mask, size=size, mode="bilinear", antialias=True)
    return (resized >= 0.5).to(torch.float32)


def _low_res(mask: Tensor, geometry: Geometry) -> Tensor:
    """A mask at the network's input size as its mask logits will show it: above 0 on the object."""
    return F.interpolate(2 * mask - 1, size=geometry.low_res_size, mode="bilinear", antialias=True)
