"""One object of a film, and where its passes stand."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamtrack.engine.anchored_plan import ANCHORS
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.frame import Image
from streamtrack.tracking.film_seen import Seen
from streamtrack.tracking.film_watch import FilmWatch
from streamtrack.tracking.memory_rules import Circumstances

DIRECTIONS = (False, True)
"""Whether a pass is backward."""


@dataclass(slots=True, eq=False)
class FilmTrack:
    """One object of a film."""

    object_id: int
    label: str
    passes: tuple[FilmObject, FilmObject]
    """What a forward and a backward pass remember; they share the prompted frames."""
    watches: list[FilmWatch]
    """Where a forward and a backward pass look for it next."""
    first: int | None = None
    last: int | None = None
    """The positions between which it exists; None: as far as the film goes."""
    prompts: dict[int, CheckedPrompt] = field(default_factory=dict)
    """By position."""
    fresh: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    """Positions that a pass has been through since the last prompt."""

    def exists(self, position: int) -> bool:
        """Whether it is looked for on a frame."""
        return (self.first is None or position >= self.first) and (self.last is None or position <= self.last)

    def is_stale(self, position: int, *, reverse: bool) -> bool:
        """Whether a pass has to look for it on a frame."""
        return position not in self.conditioning and position not in self.fresh[reverse]

    def watch(self, position: int, seen: Seen, sight: Circumstances, image: Image, *, reverse: bool) -> Seen:
        """Judge what a pass saw on a frame, (H, W, 3) RGB, and look for the object there next."""
        seen, verdict = self.watches[reverse].take(position, seen, sight, image)
        if not verdict.remember:
            self.passes[reverse].put_aside(position)
        elif verdict.anchor:
            self.passes[reverse].anchor(position, ANCHORS)
        return seen

    def begin(self, watch: FilmWatch) -> None:
        """A pass begins in the direction of its watch."""
        self.watches[watch.reverse] = watch
        self.passes[watch.reverse].anchors.clear()

    def forget_passes(self) -> None:
        """What passes have been through is not as its prompts say any more."""
        for fresh in self.fresh:
            fresh.clear()

    @property
    def conditioning(self) -> dict[int, FilmOutput]:
        """What the prompts made of it, by position."""
        return self.passes[0].conditioning
