"""A film's prompts taken back: the film is then what it were without them."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import TypeVar

from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.errors import PromptError
from streamtrack.frame import Undone
from streamtrack.tracking.film_tracks import DIRECTIONS, FilmTrack, FilmTracks
from streamtrack.tracking.undo_steps import MAX_STEPS

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a change of a frame's prompts changes."""

    prompt: CheckedPrompt | None
    output: FilmOutput | None
    followed: tuple[FilmOutput | None, FilmOutput | None]
    views: tuple[View | None, View | None]
    fresh: tuple[frozenset[int], frozenset[int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    track: FilmTrack
    position: int
    what: str
    before: _Before


class FilmThoughts:
    """The newest changes of a film's prompts. Every method is described in `FilmSession`.

    Args:
        number: the frame number of a position.
    """

    def __init__(self, tracks: FilmTracks, number: Callable[[int], int]) -> None:
        self._tracks = tracks
        self._number = number
        self._steps: list[_Step] = []
        tracks.before_change = self._note

    def undo(self, object_id: int | None) -> Undone:
        """See `FilmSession.undo`."""
        step = self._last(object_id)
        if step is None:
            who = "no prompt" if object_id is None else f"object {object_id}: no prompt of it"
            raise PromptError(f"{who} can be taken back, expected one of the last that were given")
        track = step.track
        if step.what == "start":
            self._tracks.remove(track.object_id)
            self.forget(track)
        else:
            # Where a pass went through the film since, what it found counts no more.
            _put_back(track, step.position, step.before, fresh=not any(track.fresh))
            self._steps.remove(step)
        return Undone(track.object_id, step.what, self._number(step.position))

    def forget(self, track: FilmTrack) -> None:
        """An object is gone, and with it what could be taken back of it."""
        self._steps = [step for step in self._steps if step.track is not track]

    def _note(self, track: FilmTrack, position: int) -> None:
        before = _before(track, position)
        what = "correct" if track.prompts else "start"
        self._steps.append(_Step(track, position, what, before))
        del self._steps[:-MAX_STEPS]

    def clear(self, track: FilmTrack, position: int) -> None:
        """Take an object's prompts on a frame back."""
        self._tracks.clear_prompts(track, position)
        self._steps[-1] = replace(self._steps[-1], what="clear")

    def _last(self, object_id: int | None) -> _Step | None:
        steps = (one for one in reversed(self._steps) if object_id in (None, one.track.object_id))
        return next(steps, None)


def _before(track: FilmTrack, position: int) -> _Before:
    forward, backward = (track.passes[reverse].followed for reverse in DIRECTIONS)
    return _Before(
        track.prompts.get(position),
        track.conditioning.get(position),
        (forward.get(position), backward.get(position)),
        (track.passes[0].views.get(position), track.passes[1].views.get(position)),
        (frozenset(track.fresh[0]), frozenset(track.fresh[1])),
    )


def _put_back(track: FilmTrack, position: int, before: _Before, *, fresh: bool = True) -> None:
    """`fresh`: what was found on other frames counts as then; otherwise the next pass finds it anew."""
    _put(track.prompts, position, before.prompt)
    _put(track.conditioning, position, before.output)
    for reverse in DIRECTIONS:
        film = track.passes[reverse]
        track.fresh[reverse].clear()
        _put(film.views, position, before.views[reverse])
        if fresh:
            _put(film.followed, position, before.followed[reverse])
            track.fresh[reverse].update(before.fresh[reverse])
        else:
            film.followed.clear()
            film.aside.clear()


def _put(mapping: MutableMapping[int, T], key: int, value: T | None) -> None:
    mapping.pop(key, None)
    if value is not None:
        mapping[key] = value
