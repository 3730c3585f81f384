"""Frames up to a GPU and masks down from it, through pinned memory.

Only from and to pinned memory does a copy run beside the host and beside other kernels; and a pinned buffer
must not be written again while a copy from it is under way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.frame import Image

BUFFERS = 2
"""One is filled while the copy from the other may still be under way."""


@dataclass(slots=True)
class _Buffer:
    """Pinned memory for one frame."""

    pixels: Tensor
    """(H, W, 3) uint8."""
    copied: torch.cuda.Event
    """The newest copy from it has ended."""


def _new_buffer(image: Image) -> _Buffer:
    pixels = torch.empty(image.shape, dtype=torch.uint8, pin_memory=True)
    return _Buffer(pixels, torch.cuda.Event())  # type: ignore[no-untyped-call]


class FrameUpload:
    """Copies frames up without a wait, for frames of one size at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers: list[_Buffer] = []
        self._next = 0

    def __call__(self, image: Image) -> Tensor:
        """(H, W, 3) uint8 on the device, once the current stream comes to it."""
        if not self._buffers or self._buffers[0].pixels.shape != image.shape:
            # A buffer that is dropped in flight is safe: torch's pinned memory waits for its copies.
            self._buffers = [_new_buffer(image) for _ in range(BUFFERS)]
        buffer = self._buffers[self._next]
        self._next = (self._next + 1) % BUFFERS
        buffer.copied.synchronize()  # of two frames ago: over, unless the device is two frames behind
        np.copyto(buffer.pixels.numpy(), image)
        uploaded = buffer.pixels.to(self._device, non_blocking=True)
        buffer.copied.record()
        return uploaded


class Download:
    """Copies results down with one wait for all of them."""

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def __call__(self, *tensors: Tensor) -> tuple[NDArray[np.float32], ...]:
        """float32 tensors as arrays, valid until the next call."""
        if len(self._buffers) != len(tensors):
            self._buffers = [torch.empty(0) for _ in tensors]
        arrays = []
        for index, tensor in enumerate(tensors):
            if self._buffers[index].numel() < tensor.numel():
                self._buffers[index] = torch.empty(tensor.numel(), pin_memory=True)
            host = self._buffers[index][: tensor.numel()].view(tensor.shape)
            host.copy_(tensor, non_blocking=True)
            arrays.append(host.numpy())
        self._copied.record()
        self._copied.synchronize()
        return tuple(arrays)
