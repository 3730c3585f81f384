"""`telling_apart` for films: each of two with one mask is looked for anew where its pass expects it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamtrack.engine.film_looker import FilmLooker, output_of
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.frame import ObjectState
from streamtrack.tracking.claims import in_one_place
from streamtrack.tracking.film_seen import Seen, mask_of
from streamtrack.tracking.film_track import FilmTrack
from streamtrack.tracking.postprocess import crop_mask
from streamtrack.tracking.telling_apart import agrees_better, place_to_look


def tell_apart(
    follower: FilmLooker,
    tracks: Sequence[FilmTrack],
    seen: Mapping[int, Seen],
    position: int,
    *,
    reverse: bool,
) -> dict[int, FilmOutput]:
    """What stands in for the masks of those whose place another object of a pass's frame claims as well."""
    if all(track.watches[reverse].memory is None for track in tracks):
        return {}
    masks = {key: mask_of(key, "", one, ObjectState.TRACKING) for key, one in seen.items() if one.finite}
    meeting = in_one_place(masks)
    again = {
        track.object_id: _look_again(follower, track, seen[track.object_id], position, reverse=reverse)
        for track in tracks
        if track.object_id in meeting
    }
    return {key: output for key, output in again.items() if output is not None}


def _look_again(
    follower: FilmLooker, track: FilmTrack, seen: Seen, position: int, *, reverse: bool
) -> FilmOutput | None:
    """Look for an object in the box where it is expected on a pass's frame, and let what is found there stand
    in for its mask; None, and nothing has changed, where that is no better."""
    place = track.watches[reverse].place(position, seen.frame_size)
    prompt = place_to_look(place, seen.box, seen.frame_size)
    if place is None or prompt is None:
        return None
    film = track.passes[reverse]
    view = film.views.get(position)
    look = follower.look(film, position, prompt, previous=None, with_memory=True, reverse=reverse, view=view)
    if look is None:
        return None
    _, box = crop_mask(look.found.low_res_mask_logits, seen.frame_size, view)
    if not agrees_better(place, seen.box, box):
        return None
    output = output_of(look)
    film.note(position, output, fit_to_remember=seen.whole)
    return output
