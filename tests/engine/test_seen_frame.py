"""Who is looked at again on a frame reads no memory twice, and finds the same."""

from __future__ import annotations

import torch

from streamtrack.engine.places import Places
from streamtrack.engine.seen_frame import SeenFrame
from streamtrack.engine.step import SeenWith
from streamtrack.engine.view import View

WINDOW = View(0, 0, 64, 64)


def seen_by(*slots: int) -> SeenWith:
    index = torch.tensor([[slot, 0, 0, 0] for slot in slots])
    frames = torch.tensor(slots, dtype=torch.float32)[:, None, None]
    return SeenWith(Places(index, 0, 0, filled_up=False), frames)


def value(seen: torch.Tensor | None) -> float | None:
    return None if seen is None else seen.item()


def test_each_object_has_its_own_of_its_window_and_frame() -> None:
    seen = SeenFrame()
    seen.note(4, None, [seen_by(7, 3), seen_by(5)])
    seen.note(4, WINDOW, [seen_by(2)])
    assert [value(seen.by(slot, 4, None)) for slot in (7, 3, 5, 2)] == [7.0, 3.0, 5.0, None]
    assert value(seen.by(2, 4, WINDOW)) == 2.0
    assert seen.by(7, 3, None) is None


def test_another_frame_or_another_memory_ends_it() -> None:
    seen = SeenFrame()
    seen.note(4, None, [seen_by(1)])
    seen.note(5, WINDOW, [seen_by(2)])
    assert seen.by(1, 4, None) is None
    assert value(seen.by(2, 5, WINDOW)) == 2.0
    seen.clear()
    assert seen.by(2, 5, WINDOW) is None
