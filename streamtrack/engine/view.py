"""What a network is shown of a picture: a window of it, and the way of everything into it and back.

A window is a rectangle in whole pixels of the picture. It may reach over the picture's border, where the
border's pixels are repeated. The network sees it at its input size, so a small object in a small window gets
many of the network's pixels. `None` in place of a window is the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, CheckedPrompt
from streamtrack.frame import BoolMask, Image
from streamtrack.model.interface import Size

OUTSIDE_LOGIT = -10.0
"""What a mask says of pixels that its window did not show."""


@dataclass(frozen=True, slots=True)
class View:
    """A window of a picture, in pixels."""

    x0: int
    y0: int
    """Its upper left corner; below 0 where it reaches over the border."""
    width: int
    height: int
    """At least 1."""

    @classmethod
    def round(cls, centre: tuple[float, float], width: float, height: float) -> View:
        """The window of whole pixels nearest to a centre x, y and a size."""
        columns, rows = max(1, round(width)), max(1, round(height))
        return cls(round(centre[0] - columns / 2), round(centre[1] - rows / 2), columns, rows)

    @classmethod
    def whole(cls, frame_size: Size) -> View:
        """All of a picture of H x W pixels."""
        return cls(0, 0, frame_size[1], frame_size[0])

    @property
    def size(self) -> Size:
        """H, W in pixels."""
        return self.height, self.width

    @property
    def centre(self) -> tuple[float, float]:
        """x, y in pixels of the picture."""
        return self.x0 + self.width / 2, self.y0 + self.height / 2

    def holds(self, box: Sequence[float], margin_px: float = 0.0) -> bool:
        """Whether it shows all of a box x0, y0, x1, y1 and `margin_px` around it."""
        return (
            self.x0 + margin_px <= box[0]
            and self.y0 + margin_px <= box[1]
            and box[2] <= self.x0 + self.width - margin_px
            and box[3] <= self.y0 + self.height - margin_px
        )

    def moved(self, dx: float, dy: float) -> View:
        """The same window elsewhere."""
        return View(round(self.x0 + dx), round(self.y0 + dy), self.width, self.height)

    # -- into the window ---------------------------------------------------------------------------

    def cut(self, image: Image) -> Image:
        """Its part of an (H, W, 3) picture, (height, width, 3), C-ordered; its border goes on outside."""
        height, width = image.shape[:2]
        # What lies outside altogether shows the nearest pixels of the border.
        left, right = _inside(self.x0, self.x0 + self.width, width)
        top, bottom = _inside(self.y0, self.y0 + self.height, height)
        part = image[top:bottom, left:right]
        if part.shape[:2] == self.size:
            return np.ascontiguousarray(part)
        before = min(max(0, -self.y0), self.height - 1), min(max(0, -self.x0), self.width - 1)
        after = self.height - before[0] - part.shape[0], self.width - before[1] - part.shape[1]
        padded = cv2.copyMakeBorder(part, before[0], after[0], before[1], after[1], cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.uint8)

    def cut_tensor(self, pixels: Tensor) -> Tensor:
        """As `cut`, of (H, W, 3) pixels on any device, without a wait for it."""
        height, width = pixels.shape[:2]
        rows = torch.arange(self.y0, self.y0 + self.height, device=pixels.device).clamp(0, height - 1)
        columns = torch.arange(self.x0, self.x0 + self.width, device=pixels.device).clamp(0, width - 1)
        return pixels.index_select(0, rows).index_select(1, columns)

    def points(self, coords: NDArray[np.float32]) -> NDArray[np.float32]:
        """(P, 2) x, y of the picture in pixels of the window; some may lie outside it."""
        return coords - np.array([self.x0, self.y0], np.float32)

    def mask(self, mask: BoolMask) -> BoolMask:
        """Its part of an (H, W) mask, (height, width); nothing outside the picture."""
        shown = np.zeros(self.size, np.bool_)
        x0, y0, x1, y1 = self._common(mask.shape)
        if x0 < x1 and y0 < y1:
            shown[y0 - self.y0 : y1 - self.y0, x0 - self.x0 : x1 - self.x0] = mask[y0:y1, x0:x1]
        return shown

    def prompt(self, prompt: CheckedPrompt) -> CheckedPrompt | None:
        """A prompt for the picture as one for the window. Points outside it say nothing of what it shows and
        are left out, a box is cut at its edge; None where nothing is left."""
        if prompt.mask is not None:
            shown = self.mask(prompt.mask)
            return replace(prompt, mask=shown, frame_size=self.size) if shown.any() else None
        coords, labels = self.points(prompt.coords), prompt.labels
        limits = np.array([self.width, self.height], np.float32)
        inside = np.asarray(((coords >= 0) & (coords < limits)).all(axis=1), np.bool_)
        if len(labels) and labels[0] == BOX_FIRST_CORNER:
            coords[:2] = np.clip(coords[:2], 0, limits)
            inside[:2] = bool((coords[0] < coords[1]).all())
        if not inside.any():
            return None
        return replace(prompt, coords=coords[inside], labels=labels[inside], frame_size=self.size)

    # -- and back ----------------------------------------------------------------------------------

    def to_picture(
        self, crop: BoolMask, box: tuple[int, int, int, int], frame_size: Size
    ) -> tuple[BoolMask, tuple[int, int, int, int]]:
        """A mask's crop at a box x0, y0, x1, y1 of the window as one of the picture, cut at its border; its
        box may then be wider than what is left."""
        x0, y0 = box[0] + self.x0, box[1] + self.y0
        x1, y1 = box[2] + self.x0, box[3] + self.y0
        left, top = max(0, -x0), max(0, -y0)
        right, bottom = max(0, x1 - frame_size[1]), max(0, y1 - frame_size[0])
        cut = crop[top : max(top, crop.shape[0] - bottom), left : max(left, crop.shape[1] - right)]
        return cut, (x0 + left, y0 + top, x0 + left + cut.shape[1], y0 + top + cut.shape[0])

    def share_of(
        self, box: tuple[float, float, float, float], frame_size: Size
    ) -> tuple[float, float, float, float]:
        """A box given as shares of the window as shares of the picture, 0 to 1."""
        height, width = frame_size
        x0, x1 = (min(max((self.x0 + at * self.width) / width, 0.0), 1.0) for at in (box[0], box[2]))
        y0, y1 = (min(max((self.y0 + at * self.height) / height, 0.0), 1.0) for at in (box[1], box[3]))
        return x0, y0, x1, y1

    def _common(self, frame_size: Sequence[int]) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of its part inside a picture of H x W pixels; empty where x1 <= x0 or y1 <= y0."""
        x1, y1 = min(self.x0 + self.width, frame_size[1]), min(self.y0 + self.height, frame_size[0])
        return max(self.x0, 0), max(self.y0, 0), x1, y1


@dataclass(frozen=True, slots=True)
class Expected:
    """Where an object is expected on a frame."""

    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the picture."""
    weight: float
    """How much that counts beside the estimated IoU when a candidate is chosen, 0 to 1."""

    def seen_through(self, view: View | None, frame_size: Size) -> tuple[float, float, float, float, float]:
        """The box as shares of a window (None: the picture), some of it perhaps outside, and the weight."""
        shown = view or View.whole(frame_size)
        x0, y0, x1, y1 = self.box
        return (
            (x0 - shown.x0) / shown.width,
            (y0 - shown.y0) / shown.height,
            (x1 - shown.x0) / shown.width,
            (y1 - shown.y0) / shown.height,
            self.weight,
        )


def change_view(logits: Tensor, seen: View, wanted: View) -> Tensor:
    """(B, h, w) mask logits of one window as those of another, bilinear; `OUTSIDE_LOGIT` where the first
    showed nothing."""
    if seen == wanted:
        return logits
    # As shares of the first window, from -1 to 1: what `grid_sample` counts in.
    scale_x, scale_y = wanted.width / seen.width, wanted.height / seen.height
    dx = 2 * (wanted.centre[0] - seen.centre[0]) / seen.width
    dy = 2 * (wanted.centre[1] - seen.centre[1]) / seen.height
    theta = torch.tensor([[scale_x, 0.0, dx], [0.0, scale_y, dy]]).to(logits.device)
    planes = logits[:, None].to(torch.float32)
    grid = F.affine_grid(theta[None].expand(len(planes), 2, 3), list(planes.shape), align_corners=False)
    # Sampled from above `OUTSIDE_LOGIT`, because what lies outside is sampled as 0.
    sampled = F.grid_sample(planes - OUTSIDE_LOGIT, grid, mode="bilinear", align_corners=False)
    return (sampled + OUTSIDE_LOGIT)[:, 0]


def hide_outside(logits: Tensor, view: View, box: Sequence[float]) -> Tensor:
    """(B, h, w) mask logits of a window with nothing left outside a box x0, y0, x1, y1 of the picture."""
    height, width = logits.shape[-2:]
    columns = torch.arange(width, device=logits.device) + 0.5
    rows = torch.arange(height, device=logits.device) + 0.5
    x, y = view.x0 + columns * (view.width / width), view.y0 + rows * (view.height / height)
    inside = ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))[None]
    return torch.where(inside, logits, logits.clamp(max=OUTSIDE_LOGIT))


def paste(logits: Tensor, view: View, frame_size: Size) -> Tensor:
    """(1, H, W) mask logits of a picture, from those of a window at its own size, (1, height, width);
    `OUTSIDE_LOGIT` where it showed nothing."""
    whole = torch.full((1, *frame_size), OUTSIDE_LOGIT, dtype=logits.dtype, device=logits.device)
    x0, y0 = max(view.x0, 0), max(view.y0, 0)
    x1, y1 = min(view.x0 + view.width, frame_size[1]), min(view.y0 + view.height, frame_size[0])
    if x0 < x1 and y0 < y1:
        shown = logits[:, y0 - view.y0 : y1 - view.y0, x0 - view.x0 : x1 - view.x0]
        whole[:, y0:y1, x0:x1] = shown
    return whole


def _inside(start: int, end: int, length: int) -> tuple[int, int]:
    """The part of `start` to `end` that lies in 0 to `length`: one element at least."""
    first = min(max(start, 0), length - 1)
    return first, max(first + 1, min(end, length))
