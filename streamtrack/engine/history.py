"""The last H encoded frames: what a prompt on a past frame is applied to.

Encoder features are the dear part of a step. Kept, a replay of them costs only attention and decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from streamtrack.model.interface import FrameFeatures, Network


class FeatureHistory:
    """A ring of encoded frames, allocated at the first one and written in place.

    Args:
        network: made the features, and derives what is not kept.
        capacity: H, frames kept.
    """

    def __init__(self, network: Network, capacity: int) -> None:
        self._network = network
        self._capacity = capacity
        self._rings: tuple[Tensor, ...] | None = None
        self._frame_idx = [-1] * capacity

    @property
    def num_bytes(self) -> int:
        """Bytes of the rings."""
        return 0 if self._rings is None else sum(ring.nbytes for ring in self._rings)

    def keep(self, frame_idx: int, features: FrameFeatures) -> None:
        """Keep an encoded frame, in the place of the one H frames away."""
        if self._rings is None:
            # Each ring slot is contiguous in the way the encoder wrote it, so that a view of it costs no
            # re-layout.
            self._rings = tuple(
                torch.empty((self._capacity, *part.shape[1:]), dtype=part.dtype, device=part.device)
                for part in features.kept
            )
        place = frame_idx % self._capacity
        for ring, part in zip(self._rings, features.kept, strict=True):
            ring[place] = part[0]
        self._frame_idx[place] = frame_idx

    def features(self, frame_idx: int) -> FrameFeatures:
        """The features of a kept frame, made from views of the ring."""
        place = frame_idx % self._capacity
        assert self._rings is not None
        assert self._frame_idx[place] == frame_idx, f"frame {frame_idx} is not kept"
        return self._network.derive(tuple(ring[place][None] for ring in self._rings))
