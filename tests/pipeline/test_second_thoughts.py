"""What a command that mends asks of the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamtrack.control.commands import MendCommand
from streamtrack.errors import PromptError
from streamtrack.pipeline.second_thoughts import mend
from tests.support.video import result

OFFSET = 100
"""Of the stream's frame numbers over the session's."""


class Mending:
    """Writes down what is asked of it."""

    def __init__(self) -> None:
        self.mending = self
        self.asked: list[tuple[str, int, tuple[float, ...], int, int | None]] = []

    def change(self, at_frame: int, change: Callable[[Any, int], None]) -> None:
        change(self, at_frame - OFFSET)

    def mend(self, prompt: Any, frame_idx: int, *, in_doubt_from: int | None, detail: object) -> None:
        self.asked.append(("mend", prompt.object_id, tuple(prompt.box.tolist()), frame_idx, in_doubt_from))

    def cut(self, object_id: int, box: Any, frame_idx: int) -> None:
        self.asked.append(("cut", object_id, tuple(box.tolist()), frame_idx, None))


def ask(**values: Any) -> list[tuple[str, int, tuple[float, ...], int, int | None]]:
    session: Any = Mending()
    newest = result(OFFSET + 9)
    command = MendCommand(stream="cam", object_id=3, at_frame=OFFSET + 7, **values)
    assert mend(session, command, newest) == OFFSET + 7
    asked: list[tuple[str, int, tuple[float, ...], int, int | None]] = session.asked
    return asked


def test_what_was_found_is_followed_from_the_sessions_own_frame() -> None:
    box = (1.0, 2.0, 30.0, 40.0)
    assert ask(box=box, in_doubt_from=OFFSET + 4) == [("mend", 3, box, 7, 4)]
    assert ask(box=box, in_doubt_from=4) == [("mend", 3, box, 7, 0)]
    assert ask(box=box) == [("mend", 3, box, 7, None)]


def test_a_mask_is_cut_to_a_box_and_to_nothing_else() -> None:
    box = (1.0, 2.0, 30.0, 40.0)
    assert ask(box=box, cut=True) == [("cut", 3, box, 7, None)]
    with pytest.raises(PromptError, match="mend with cut has no box, expected one"):
        ask(points=((5.0, 5.0),), cut=True)
