"""The last H tracked frames, encoded: what a prompt on a past frame is applied to.

Encoder features are the dear part of a step. Kept, a fast-forward over them costs only attention and decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from streamtrack.frame import Frame
from streamtrack.model.interface import FrameFeatures, Network


class FrameHistory:
    """A ring of encoded frames, allocated at the first one and written in place.

    Args:
        network: made the features, and derives what is not kept.
        capacity: H, frames kept.
    """

    def __init__(self, network: Network, capacity: int) -> None:
        self._network = network
        self._capacity = capacity
        self._rings: tuple[Tensor, ...] | None = None
        self._frames: list[Frame | None] = [None] * capacity
        self._newest = -1

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return self._newest

    @property
    def oldest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return -1 if self._newest < 0 else max(0, self._newest - self._capacity + 1)

    @property
    def num_bytes(self) -> int:
        """Bytes of the rings, without the pictures themselves."""
        return 0 if self._rings is None else sum(ring.nbytes for ring in self._rings)

    def append(self, frame: Frame, features: FrameFeatures) -> int:
        """Keep a frame as the newest; returns its frame_idx."""
        if self._rings is None:
            # Each ring slot is contiguous in the way the encoder wrote it, so that a view of it costs no
            # re-layout.
            self._rings = tuple(
                torch.empty((self._capacity, *part.shape[1:]), dtype=part.dtype, device=part.device)
                for part in features.kept
            )
        self._newest += 1
        place = self._newest % self._capacity
        for ring, part in zip(self._rings, features.kept, strict=True):
            ring[place] = part[0]
        self._frames[place] = frame
        return self._newest

    def features(self, frame_idx: int) -> FrameFeatures:
        """The features of a kept frame, made from views of the ring."""
        assert self._rings is not None
        assert self.oldest_frame_idx <= frame_idx <= self._newest
        return self._network.derive(tuple(ring[frame_idx % self._capacity][None] for ring in self._rings))

    def frame(self, frame_idx: int) -> Frame:
        """A kept frame itself."""
        assert self.oldest_frame_idx <= frame_idx <= self._newest
        frame = self._frames[frame_idx % self._capacity]
        assert frame is not None
        return frame
