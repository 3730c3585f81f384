"""What needs a GPU: the same masks as on a CPU, memory that stays, no wait that nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from streamtrack.frame import Image
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.memory_bank import Batching

pytestmark = pytest.mark.needs_cuda

PROMPT = {"points": [(100, 80)]}


def follow(session: Session, images: Sequence[Image]) -> list[torch.Tensor]:
    session.add(1, **PROMPT)
    return [torch.from_numpy(session.step(image).objects[1].mask) for image in images]


@pytest.mark.parametrize(("precision", "least_iou"), [("fp32", 0.99), ("bf16", 0.9)])
def test_gpu_follows_as_the_cpu_does(
    precision: str, least_iou: float, nano: Tracker, images: Sequence[Image]
) -> None:
    on_gpu = Tracker.from_checkpoint("nano", device="cuda", precision=precision)  # type: ignore[arg-type]
    found, expected = follow(on_gpu.new_session(), images[:20]), follow(nano.new_session(), images[:20])
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours & theirs).sum() / (ours | theirs).sum() >= least_iou


def test_gpu_memory_stays_what_it_was(images: Sequence[Image]) -> None:
    session = Tracker.from_checkpoint("nano", device="cuda").new_session()
    follow(session, images[:20])
    allocated = torch.cuda.memory_allocated()
    for image in images:
        session.step(image)
    assert torch.cuda.memory_allocated() == allocated


def test_step_does_not_wait_for_the_gpu(images: Sequence[Image]) -> None:
    from streamtrack.tracking.step import propagate_no_sync

    session = Tracker.from_checkpoint("nano", device="cuda").new_session()
    follow(session, images[:20])
    features = session._history.features(session.newest_frame_idx)
    memories = [tracked.memory for tracked in session._objects.values()]
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.inference_mode():
            propagate_no_sync(
                session._network,
                session._bank,
                features,
                session.newest_frame_idx,
                memories,
                batching=Batching(max_batch=16),
            )
    finally:
        torch.cuda.set_sync_debug_mode("default")
