"""`finding_again` for films: each object by itself, where its pass expects it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streamtrack.engine.film_looker import FilmLooker, output_of
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.frame import Image
from streamtrack.tracking.film_seeing import found_of
from streamtrack.tracking.film_seen import Seen
from streamtrack.tracking.film_track import FilmTrack
from streamtrack.tracking.film_watch import is_visible
from streamtrack.tracking.finding_again import Expected, Refused, expect, refuse
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.postprocess import crop_mask
from streamtrack.tracking.telling_apart import to_box

See = Callable[[Mapping[int, FilmOutput | None]], dict[int, Seen]]
"""Makes masks of outputs, by object id."""


def find_again(
    follower: FilmLooker,
    tracks: Sequence[FilmTrack],
    seen: dict[int, Seen],
    position: int,
    image: Image,
    see: See,
    *,
    reverse: bool,
) -> dict[int, Box]:
    """Take out of what a pass saw on a frame what cannot be the objects, and find those that come out where
    they have to: `seen` changes. Returns who showed in place of an object."""
    strangers: dict[int, Box] = {}
    for track in tracks:
        key = track.object_id
        refused = _refuse(follower, track, seen[key], position, reverse=reverse)
        if refused is not None:
            seen |= see({key: refused[1]})
        again = _look_where_expected(follower, track, seen[key], position, image, reverse=reverse)
        if again is not None:
            seen |= see({key: again})
        elif refused is not None and not refused[0].left and refused[0].stranger is not None:
            strangers[key] = refused[0].stranger
    return strangers


def _refuse(
    follower: FilmLooker, track: FilmTrack, seen: Seen, position: int, *, reverse: bool
) -> tuple[Refused, FilmOutput] | None:
    """Take out of what a pass saw of an object on a frame what cannot be it; None, and nothing has changed,
    where all of it may be."""
    watch, film = track.watches[reverse], track.passes[reverse]
    output = film.followed.get(position)
    if watch.memory is None or output is None or not seen.finite or not is_visible(seen):
        return None
    logits = found_of(output, film.views.get(position)).low_res_mask_logits
    refused = refuse(watch.memory, watch.key(position), logits, film.views.get(position), seen.frame_size)
    return None if refused is None else (refused, follower.amend(film, position, refused.logits))


def _look_where_expected(
    follower: FilmLooker, track: FilmTrack, seen: Seen, position: int, image: Image, *, reverse: bool
) -> FilmOutput | None:
    """Look for an object that is hidden, or was, where it has to show on a frame, and let what is found there
    stand in for its mask; None, and nothing has changed, where that is not it."""
    expected = _expected(track, seen, position, image, reverse=reverse)
    if expected is None:
        return None
    film = track.passes[reverse]
    view = film.views.get(position)
    look = follower.look(
        film, position, expected.prompt, previous=None, with_memory=True, reverse=reverse, view=view
    )
    if look is None or look.found.object_score <= 0.5:
        return None
    crop, box = crop_mask(look.found.low_res_mask_logits, seen.frame_size, view)
    if not crop.size or not expected.is_it(crop, box, look.found.iou_score):
        return None
    output = output_of(look)
    film.note(position, output, fit_to_remember=seen.whole)
    return output


def _expected(track: FilmTrack, seen: Seen, position: int, image: Image, *, reverse: bool) -> Expected | None:
    watch = track.watches[reverse]
    memory, key = watch.memory, watch.key(position)
    if memory is None or not seen.finite or not (memory.waits(key) or not is_visible(seen)):
        return None
    return expect(memory, key, image, to_box(seen.box), seen.frame_size)
