"""Looks at a film's frames, for whoever chooses the window to look through and what of a mask stays."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from streamtrack.engine.film_looker import FilmLooker
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.found import Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View, change_view
from streamtrack.model.interface import Size
from streamtrack.tracking.film_seeing import found_of
from streamtrack.tracking.film_watch import FilmWatch


@dataclass(frozen=True, slots=True)
class FilmLooks:
    """A `Looker` at one frame of one object."""

    follower: FilmLooker
    previous: FilmOutput | None
    """What was known of the frame."""
    with_memory: bool
    """The object's memory is read as well."""
    reverse: bool
    """By which pass the frame was followed."""

    def look(
        self,
        slot: FilmObject,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        corrects: bool,
        view: View | None = None,
        anew: bool = False,
    ) -> Look | None:
        """As `Follower.look`."""
        previous = None
        if corrects and self.previous is not None:
            whole = View.whole(prompt.frame_size)
            seen = slot.views.get(frame_idx) or whole
            previous = change_view(self.previous.low_res_mask_logits[None], seen, view or whole)
        return self.follower.look(
            slot,
            frame_idx,
            prompt,
            previous=previous,
            with_memory=self.with_memory and not anew,
            reverse=self.reverse,
            view=view,
        )

    def redraw(self, look: Look, logits: Tensor) -> Look | None:
        """As `Follower.redraw`."""
        return self.follower.redraw(look, logits)


def keep_body(
    follower: FilmLooker,
    film: FilmObject,
    watch: FilmWatch,
    position: int,
    output: FilmOutput | None,
    frame_size: Size,
) -> FilmOutput | None:
    """What a pass found of an object on a frame, without other bodies: shown and remembered so."""
    if output is None or watch.body is None:
        return output
    logits = watch.keep_body(position, found_of(output, film.views.get(position)), frame_size)
    return output if logits is None else follower.amend(film, position, logits)
