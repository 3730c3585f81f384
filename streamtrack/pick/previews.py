"""What prompts find on their frame, before anything is tracked: on the thread that has the model."""

from __future__ import annotations

import asyncio
import operator
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from streamtrack.frame import ObjectMask
from streamtrack.pick.picked import Key, Picks
from streamtrack.prompt import Prompt

KEPT_MASKS = 512
"""Masks at hand: a click on one object does not find the others anew."""


_Wanted = tuple[Prompt, ...]
"""A prompt, and those of its object that have a part in what it finds."""


class Finder(Protocol):
    """Finds objects on a film's frames."""

    def find(self, prompt: Prompt, others: Sequence[Prompt] = ()) -> ObjectMask:
        """What a prompt finds on the frame that it is for; `others` are the object's on other frames.

        Raises:
            PromptError, ShapeError: it does not fit its frame.
        """


class Previews:
    """Masks of prompts, each found once."""

    def __init__(self, finder: Finder, thread: ThreadPoolExecutor) -> None:
        """`thread`: the one that may use the model."""
        self._finder = finder
        self._thread = thread
        self._kept: OrderedDict[Key, tuple[_Wanted, ObjectMask]] = OrderedDict()

    async def masks(self, frame_idx: int, picks: Picks) -> list[ObjectMask]:
        """What each prompt of a frame finds there.

        Raises:
            PromptError, ShapeError: a prompt does not fit its frame.
        """
        wanted = [
            _with_others(prompt, picks)
            for key, prompt in sorted(picks.prompts.items())
            if key[0] == frame_idx
        ]
        if not wanted:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._find_all, wanted)

    def _find_all(self, wanted: Sequence[_Wanted]) -> list[ObjectMask]:
        return [self._find(prompts) for prompts in wanted]

    def _find(self, prompts: _Wanted) -> ObjectMask:
        prompt, *others = prompts
        key = (prompt.at_frame or 0, prompt.object_id)
        kept = self._kept.get(key)
        if kept is not None and len(kept[0]) == len(prompts) and all(map(operator.is_, kept[0], prompts)):
            return kept[1]
        mask = self._finder.find(prompt, others)
        self._kept[key] = (prompts, mask)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MASKS:
            self._kept.popitem(last=False)
        return mask


def _with_others(prompt: Prompt, picks: Picks) -> _Wanted:
    """A prompt, and the object's others where they have a part in what is found: where it says nothing but
    what is off the object."""
    if prompt.mask is not None or prompt.box is not None or (prompt.labels == 1).any():
        return (prompt,)
    same = (one for one in picks.prompts.values() if one.object_id == prompt.object_id)
    return (prompt, *(one for one in same if one is not prompt))
