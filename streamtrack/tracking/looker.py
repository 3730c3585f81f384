"""What can be asked to look at prompts: the engine of a stream, or of a film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from torch import Tensor

from streamtrack.engine.found import Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View


class Viewed(Protocol):
    """An object of an engine."""

    @property
    def views(self) -> Mapping[int, View | None]:
        """Through which windows its frames were looked at."""


Slot_contra = TypeVar("Slot_contra", bound=Viewed, contravariant=True)


class Looker(Protocol[Slot_contra]):
    """An engine that looks at prompts: a stream's `Follower`, or one that follows films."""

    def look(
        self,
        slot: Slot_contra,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        corrects: bool,
        view: View | None = None,
        anew: bool = False,
    ) -> Look | None:
        """As `Follower.look`."""

    def redraw(self, look: Look, logits: Tensor) -> Look | None:
        """As `Follower.redraw`."""
