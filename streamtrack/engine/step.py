"""One frame, one step: the tensor work of tracking, free of bookkeeping. Nothing here waits for the device.

No `.item()`, `.cpu()`, `.tolist()` or `.nonzero()`: a test traps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from torch import Tensor

from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.places import Places
from streamtrack.engine.prompt_input import PromptInput
from streamtrack.model.interface import FrameFeatures, MaskPrediction, Network

Follow = Callable[[Network, MemoryBank, FrameFeatures, Places], Tensor | None]
"""`follow_no_sync`, or a faster form of it."""


@dataclass(frozen=True, slots=True)
class SeenWith:
    """A frame as a batch of objects saw it with their memory."""

    places: Places
    frame: Tensor
    """(B, L, C), see `MemoryRead.seen`."""

    def by(self, slot: int) -> Tensor | None:
        """(1, L, C): as the object in a slot of the bank saw it; None where it is not one of them. Waits for
        the device."""
        slots = self.places.index[:, 0].tolist()
        return self.frame[slots.index(slot)][None] if slot in slots else None


def follow_no_sync(
    network: Network, bank: MemoryBank, features: FrameFeatures, places: Places
) -> Tensor | None:
    """One batch of objects: read, look, write. Tensors alone, so it compiles and captures whole.

    Returns:
        The frame as seen with each object's memory, see `MemoryRead.seen`, where it is at hand.
    """
    prediction, memory_features = network.follow(features, bank.read(places))
    bank.write(places, prediction, memory_features)
    return prediction.seen


def propagate_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    batches: Iterable[Places],
    follow: Follow = follow_no_sync,
) -> list[SeenWith]:
    """Find every object on a frame by its memory and store what was found. Returns how the frame was seen,
    where that is at hand."""
    seen = [(places, follow(network, bank, features, places)) for places in batches]
    return [SeenWith(places, frame) for places, frame in seen if frame is not None]


def condition_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    prompt: PromptInput,
    places: Places | None,
    *,
    previous: Tensor | None,
    seen: Tensor | None = None,
) -> MaskPrediction:
    """Find one object on a frame by a prompt; nothing is stored yet.

    Args:
        places: where its memory lies; None on the frame of its first prompt.
        previous: (1, h, w) low-res logits of the mask that the frame holds of this object already, which go
            in beside the points.
        seen: the frame as seen with that memory, if it was read before.
    """
    if prompt.mask is not None:
        return network.adopt_mask(features, prompt.mask)
    past = None if places is None else replace(bank.read(places), seen=seen)
    return network.decode_points(features, past, prompt.coords, prompt.labels, previous, prompt.candidate)
