"""A session's second thoughts, as its users call them; `SecondThoughts` carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamtrack.frame import Candidate, FrameResult, Undone
from streamtrack.prompt import Prompt
from streamtrack.tracking.second_thoughts import SecondThoughts


class ChangesOfMind:
    """The part of `Session` with which what was said of objects is taken back, cleared or said anew."""

    _thoughts: SecondThoughts

    if TYPE_CHECKING:

        def result(self, frame_idx: int | None = None) -> FrameResult:
            """As `Session.result`."""

    def undo(self, object_id: int | None = None) -> Undone:
        """Take the last prompt of an object back, or with None the last of all: it is as if it had never been
        given. A first prompt takes its object along; `clear`, `choose`, `start_over` and `merge` can be taken
        back as well. The last 32 changes are known, of objects that are removed none.

        Raises:
            PromptError: no such object, or nothing is left to take back.
            FrameExpiredError: its frame is not kept (a first prompt can still go).
        """
        return self._thoughts.undo(object_id)

    def clear(self, object_id: int, at_frame: int | None = None) -> FrameResult:
        """Take all prompts of an object on a kept frame back (None: that of its newest prompt), and return
        that frame's result. On its first frame that removes it, and is refused if it has later prompts.

        Raises:
            PromptError, FrameExpiredError: no such object, no prompt there, or the frame is not kept.
        """
        return self.result(self._thoughts.clear(object_id, at_frame))

    def candidates(self, object_id: int) -> tuple[Candidate, ...]:
        """The masks among which the network chose for an object's newest prompt, the largest first: a click
        has three (the whole, a part, a detail), and with nano a box.

        Raises:
            PromptError, FrameExpiredError: no such object, one mask only, or its frame is not kept.
        """
        return self._thoughts.candidates(object_id)

    def choose(self, object_id: int, index: int) -> FrameResult:
        """Give an object another of its `candidates`, on their frame and from there on. Raises as they do."""
        return self.result(self._thoughts.choose(object_id, index))

    def start_over(self, prompt: Prompt, at_frame: int | None = None) -> FrameResult:
        """Forget all of an object but its id, its place and its label (if the prompt has none), and follow
        what the prompt shows, from the newest frame or from a kept one. Raises as `refine`."""
        return self.result(self._thoughts.start_over(prompt, at_frame))

    def merge(self, object_id: int, other_id: int) -> FrameResult:
        """Make one object of two: the first lives on, the other is removed. The union of their masks on the
        newest frame is what is remembered; all that was remembered of either before is forgotten.

        Raises:
            PromptError: no such object, the same twice, neither is in sight, or the frame came damaged.
        """
        return self.result(self._thoughts.merge(object_id, other_id))
