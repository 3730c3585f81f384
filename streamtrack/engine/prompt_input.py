"""A prompt that fits its frame, and the tensors that the network reads of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.frame import BoolMask
from streamtrack.model.interface import Size

BOX_FIRST_CORNER, BOX_SECOND_CORNER = 2, 3
"""Labels under which SAM 2 reads a box as two points."""


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


def scale_points(prompt: CheckedPrompt, input_size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """(1, P, 2) float32 coordinates in pixels of the network's input, and (1, P) int32 labels."""
    height, width = prompt.frame_size
    given = torch.from_numpy(np.ascontiguousarray(prompt.coords))
    coords = given / torch.tensor([width, height]) * torch.tensor(input_size[::-1])
    return coords[None].to(device), torch.from_numpy(np.ascontiguousarray(prompt.labels))[None].to(device)


def scale_mask(mask: BoolMask, input_size: Size, device: torch.device) -> Tensor:
    """(1, 1, H, W) float32, 0 or 1: the mask resized with antialiasing and cut at one half."""
    full = torch.from_numpy(np.ascontiguousarray(mask)).to(device, torch.float32)[None, None]
    if mask.shape == input_size:
        return full
    resized = F.interpolate(full, size=input_size, mode="bilinear", antialias=True)
    return (resized >= 0.5).to(torch.float32)
