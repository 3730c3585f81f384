"""All prompts of a film's run, applied to their frames before anything is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streamtrack.errors import PromptError
from streamtrack.frame import Frame
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_run import FilmSource
from streamtrack.tracking.film_span import FilmSpan
from streamtrack.tracking.film_tracks import FilmTracks
from streamtrack.tracking.prompts import check_prompt

Lifetimes = Mapping[int, tuple[int | None, int | None]]
"""The first and the last frame on which an object exists, by its id; None: as far as the film goes."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A prompt and the number of its frame."""

    number: int
    prompt: Prompt


def apply_prompts(
    tracks: FilmTracks,
    source: FilmSource,
    span: FilmSpan,
    prompts: Sequence[Prompt],
    lifetimes: Lifetimes | None = None,
    *,
    applied: Callable[[Frame], None] = lambda frame: None,
) -> None:
    """Start the objects and condition them on all of their prompts. The frames are read once.

    A prompt on a frame that came damaged counts for the next one that is whole, as on a live stream.

    Args:
        applied: called with a prompt's frame when it is applied.
    Raises:
        PromptError, ShapeError: a prompt does not fit its frame, or the frame is left out or never comes.
        SourceError: the film cannot be read.
    """
    placed = place_prompts(span, prompts, lifetimes or {})
    for one in placed:
        if one.prompt.object_id not in tracks.by_id:
            first, last = (lifetimes or {}).get(one.prompt.object_id, (None, None))
            tracks.add(
                one.prompt.object_id,
                one.prompt.label,
                None if first is None else span.position(first),
                None if last is None else span.position(last),
            )
    leaning: list[tuple[Frame, _Placed]] = []
    for frame, one in _with_frames(source, span, placed):
        if one.prompt.mask is None and one.prompt.box is None and not (one.prompt.labels == 1).any():
            # What is off the object only corrects what other prompts say: those come first.
            leaning.append((frame, one))
        else:
            _apply(tracks, span, frame, one.prompt)
            applied(frame)
    for frame, one in leaning:
        _apply(tracks, span, frame, one.prompt)
        applied(frame)


def place_prompts(span: FilmSpan, prompts: Sequence[Prompt], lifetimes: Lifetimes) -> list[_Placed]:
    """The prompts by frame, those without one for the first that is looked at.

    Raises:
        PromptError: a frame is left out, or lies outside its object's lifetime.
    """
    placed = [_Placed(span.first if one.at_frame is None else one.at_frame, one) for one in prompts]
    for one in placed:
        who = f"object {one.prompt.object_id}"
        span.require(one.number, who)
        first, last = lifetimes.get(one.prompt.object_id, (None, None))
        if (first is not None and one.number < first) or (last is not None and one.number > last):
            raise PromptError(
                f"{who}: the prompt is for frame {one.number}, expected one from {first} to {last}"
            )
    return sorted(placed, key=lambda one: one.number)


def _with_frames(
    source: FilmSource, span: FilmSpan, placed: Sequence[_Placed]
) -> Iterator[tuple[Frame, _Placed]]:
    """Each prompt with its frame: the first from its own on that is whole."""
    waiting = list(placed)
    if not waiting:
        return
    newest = -1
    numbers = range(waiting[0].number, span.numbers(range(span.num_positions(None))).stop, span.stride)
    for frame in source.frames(numbers):
        newest = frame.seq
        while waiting and waiting[0].number <= frame.seq and not frame.damaged:
            yield frame, waiting.pop(0)
        if not waiting:
            return
    one = waiting[0]
    if one.number <= newest:
        raise PromptError(
            f"object {one.prompt.object_id}: frame {one.number} came damaged, and no later one is whole"
        )
    raise PromptError(
        f"object {one.prompt.object_id}: at_frame is {one.number}, "
        f"expected one of the source's {source.count()} frames"
    )


def _apply(tracks: FilmTracks, span: FilmSpan, frame: Frame, prompt: Prompt) -> None:
    track = tracks.by_id[prompt.object_id]
    size = frame.height_px, frame.width_px
    checked = check_prompt(prompt, size, starts_object=not track.conditioning)
    tracks.prompt(track, span.position(frame.seq), frame, checked)
