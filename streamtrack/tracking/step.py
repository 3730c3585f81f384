"""One frame, one step: the tensor work of tracking, free of bookkeeping. Nothing here waits for the device.

No `.item()`, `.cpu()`, `.tolist()` or `.nonzero()`: a test traps them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from streamtrack.model.network import FrameFeatures, Network
from streamtrack.tracking.memory_bank import MemoryBank, ObjectMemory, ReadPlan
from streamtrack.tracking.prompts import CheckedPrompt, scale_mask, scale_points


def propagate_no_sync(
    network: Network,
    bank: MemoryBank,
    features: FrameFeatures,
    frame_idx: int,
    memories: Sequence[ObjectMemory],
    max_batch: int,
) -> None:
    """Find every object on a frame by its memory and remember what was found.

    Objects that remember equally much go through the network together, at most `max_batch` of them: a
    larger batch can be slower where its keys and values no longer fit the cache.
    """
    groups: dict[tuple[int, int], list[tuple[ObjectMemory, ReadPlan]]] = defaultdict(list)
    for memory in memories:
        plan = bank.plan_read(memory, frame_idx)
        groups[plan.counts].append((memory, plan))
    for group in groups.values():
        for start in range(0, len(group), max_batch):
            batch = group[start : start + max_batch]
            tokens = network.assemble_memory(*bank.gather([plan for _, plan in batch]))
            conditioned = network.condition_on_memory(features, tokens)
            prediction = network.decode_unprompted(features, conditioned)
            memory_features = network.encode_memory(features, prediction, from_prompt=False)
            bank.write([memory for memory, _ in batch], frame_idx, prediction, memory_features)


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
    size, device = network.geometry.image_size, network.device
    if prompt.mask is not None:
        prediction = network.adopt_mask(features, scale_mask(prompt.mask, size, device))
    else:
        if frame_idx > memory.first_frame:
            tokens = network.assemble_memory(*bank.gather([bank.plan_read(memory, frame_idx)]))
            conditioned = network.condition_on_memory(features, tokens)
        else:
            conditioned = network.condition_on_nothing(features)
        coords, labels = scale_points(prompt, size, device)
        previous = bank.mask_logits(memory, frame_idx) if corrects else None
        prediction = network.decode_points(features, conditioned, coords, labels, previous)
    memory_features = network.encode_memory(features, prediction, from_prompt=True)
    return bank.write_conditioning(memory, frame_idx, prediction, memory_features)
