"""Each prompt is looked for once; what others have no part in is not asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamtrack.frame import ObjectMask
from streamtrack.pick.picked import Picked
from streamtrack.pick.previews import Previews
from streamtrack.prompt import Prompt


class Counting:
    """Finds a pixel for each point, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int | None, int, list[int | None]]] = []

    def find(self, prompt: Prompt, others: Sequence[Prompt] = ()) -> ObjectMask:
        self.asked.append((prompt.at_frame, prompt.object_id, [one.at_frame for one in others]))
        mask = np.zeros((10, 10), bool)
        mask[0, : len(prompt.points)] = True
        return ObjectMask.from_mask(mask, prompt.object_id)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


async def test_click_on_one_object_finds_the_others_not_anew(thread: ThreadPoolExecutor) -> None:
    finder, picked = Counting(), Picked()
    previews = Previews(finder, thread)
    picked.add_point(3, 1, 1, on=True, object_id=None)
    picked.add_point(3, 5, 5, on=True, object_id=None)
    assert [mask.area_px for mask in await previews.masks(3, picked.now)] == [1, 1]
    picked.add_point(3, 6, 6, on=True, object_id=2)
    assert [mask.area_px for mask in await previews.masks(3, picked.now)] == [1, 2]
    assert await previews.masks(4, picked.now) == []
    assert finder.asked == [(3, 1, []), (3, 2, []), (3, 2, [])]


async def test_point_off_the_object_alone_is_looked_for_with_the_objects_other_frames(
    thread: ThreadPoolExecutor,
) -> None:
    finder, picked = Counting(), Picked()
    previews = Previews(finder, thread)
    picked.add_point(0, 1, 1, on=True, object_id=None)
    picked.add_point(0, 1, 1, on=True, object_id=None)
    picked.add_point(7, 2, 2, on=False, object_id=1)
    for _ in range(2):
        await previews.masks(7, picked.now)
    assert finder.asked == [(7, 1, [0])]
    picked.add_point(0, 3, 3, on=True, object_id=1)
    await previews.masks(7, picked.now)
    assert finder.asked == [(7, 1, [0]), (7, 1, [0])], "what it corrects has changed"
