"""What a pass remembers beside its prompts, as bytes: enough to go on behind its last frame."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import torch

from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.tracking.film_tracks import FilmTrack
from streamtrack.tracking.kalman import Coordinate, Motion
from streamtrack.tracking.memory_watch import Past

AWARE = "aware"
"""Beside the objects' ids: what their memory plans know, and the frames that they remember for long."""


def save_memory(tracks: Mapping[int, FilmTrack], *, reverse: bool) -> bytes:
    """The memory of one pass, forward or backward."""
    held: dict[int | str, Any] = {
        object_id: {
            position: [part.clone() for part in track.passes[reverse].followed[position].tensors()]
            for position in sorted(track.passes[reverse].followed, reverse=reverse)
        }
        for object_id, track in tracks.items()
    }
    held[AWARE] = {object_id: _save_watch(track, reverse=reverse) for object_id, track in tracks.items()}
    buffer = io.BytesIO()
    torch.save(held, buffer)
    return buffer.getvalue()


def restore_memory(
    tracks: Mapping[int, FilmTrack], memory: bytes, device: torch.device, *, reverse: bool
) -> None:
    """Remember what a pass remembered."""
    held = torch.load(io.BytesIO(memory), map_location=device, weights_only=True)
    for object_id, saved in held.pop(AWARE, {}).items():
        _restore_watch(tracks[object_id], saved, reverse=reverse)
    for object_id, outputs in held.items():
        followed = tracks[object_id].passes[reverse].followed
        for position in outputs:
            followed[position] = FilmOutput(*outputs[position])


def _save_watch(track: FilmTrack, *, reverse: bool) -> dict[str, Any]:
    """Plain values and tensors."""
    anchors = track.passes[reverse].anchors
    saved: dict[str, Any] = {
        "anchors": [(position, [part.clone() for part in one.tensors()]) for position, one in anchors.items()]
    }
    watch = track.watches[reverse].memory
    newest = None if watch is None else watch.newest
    if newest is not None:
        key, past = newest
        saved |= {
            "key": key,
            "motion": None if past.motion is None else [list(one) for one in astuple(past.motion)],
            "gallery": [torch.from_numpy(look) for look in past.gallery],
            "past": {name: getattr(past, name) for name in _PLAIN},
        }
    return saved


def _restore_watch(track: FilmTrack, saved: Mapping[str, Any], *, reverse: bool) -> None:
    film, watch = track.passes[reverse], track.watches[reverse].memory
    film.anchors.clear()
    film.anchors.update((position, FilmOutput(*parts)) for position, parts in saved["anchors"])
    if watch is None or "key" not in saved:
        return
    motion = saved["motion"]
    past = Past(
        motion=None if motion is None else Motion(*(Coordinate(*numbers) for numbers in motion)),
        gallery=tuple(look.cpu().numpy() for look in saved["gallery"]),
        **saved["past"],
    )
    watch.resume(saved["key"], past)


_PLAIN = (
    "stable",
    "frame_size",
    "areas",
    "gallery_key",
    "anchor_key",
    "last_box",
    "hidden",
    "agreeing",
    "unfit",
)
"""Fields of `Past` that are numbers."""
