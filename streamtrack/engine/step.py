"""One frame, one step: the tensor work of tracking, free of bookkeeping. Nothing here waits for the device.

No `.item()`, `.cpu()`, `.tolist()` or `.nonzero()`: a test traps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.places import Places
from streamtrack.engine.prompt_input import PromptInput
from streamtrack.model.interface import FrameFeatures, MaskPrediction, Network

Follow = Callable[[Network, MemoryBank, FrameFeatures, Places], None]
"""`follow_no_sync`, or a faster form of it."""


def follow_no_sync(network: Network, bank: MemoryBank, features: FrameFeatures, places: Places) -> None:
    """One batch of objects: read, look, write. Tensors alone, so it compiles and captures whole."""
    prediction, memory_features = network.follow(features, bank.read(places))
    bank.write(places, prediction, memory_features)


def propagate_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    batches: Iterable[Places],
    follow: Follow = follow_no_sync,
) -> None:
    """Find every object on a frame by its memory and store what was found."""
    for places in batches:
        follow(network, bank, features, places)


def condition_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    prompt: PromptInput,
    places: Places | None,
    *,
    previous: Tensor | None,
) -> tuple[MaskPrediction, Tensor]:
    """Find one object on a frame by a prompt; nothing is stored yet.

    Args:
        places: where its memory lies; None on the frame of its first prompt.
        previous: (1, h, w) low-res logits of the mask that the frame holds of this object already, which go
            in beside the points.
    Returns:
        The mask, and the memory features that it leaves, (1, L, M).
    """
    if prompt.mask is not None:
        prediction = network.adopt_mask(features, prompt.mask)
    else:
        past = None if places is None else bank.read(places)
        prediction = network.decode_points(
            features, past, prompt.coords, prompt.labels, previous, prompt.candidate
        )
    return prediction, network.encode_memory(features, prediction, from_prompt=True)
