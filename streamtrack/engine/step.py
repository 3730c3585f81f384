"""One frame, one step: the tensor work of tracking, free of bookkeeping. Nothing here waits for the device.

No `.item()`, `.cpu()`, `.tolist()` or `.nonzero()`: a test traps them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamtrack.engine.memory_bank import Batching, MemoryBank, ObjectMemory, Places
from streamtrack.engine.prompt_input import CheckedPrompt, scale_mask, scale_points
from streamtrack.model.interface import FrameFeatures, Network

ONE_OBJECT = Batching(max_batch=1)
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
    frame_idx: int,
    memories: Sequence[ObjectMemory],
    batching: Batching,
    follow: Follow = follow_no_sync,
) -> None:
    """Find every object on a frame by its memory and remember what was found."""
    for places in bank.locate(memories, frame_idx, batching):
        follow(network, bank, features, places)


def condition_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    frame_idx: int,
    memory: ObjectMemory,
    prompt: CheckedPrompt,
    *,
    corrects: bool,
) -> int | None:
    """Apply a prompt to one object on a frame and remember the frame as a conditioning frame.

    Args:
        corrects: the frame holds a mask of this object already; its low-res logits go in beside the points.
    Returns:
        The conditioning frame that had to go, if one had.
    """
    size, device = network.geometry.input_size, network.device
    if prompt.mask is not None:
        prediction = network.adopt_mask(features, scale_mask(prompt.mask, size, device))
    else:
        past = None
        if frame_idx > memory.first_frame:
            [places] = bank.locate([memory], frame_idx, ONE_OBJECT)
            past = bank.read(places)
        coords, labels = scale_points(prompt, size, device)
        previous = bank.mask_logits(memory, frame_idx) if corrects else None
        prediction = network.decode_points(features, past, coords, labels, previous)
    memory_features = network.encode_memory(features, prediction, from_prompt=True)
    return bank.write_conditioning(memory, frame_idx, prediction, memory_features)
