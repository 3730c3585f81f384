"""What a pass remembers beside its prompts, as bytes: enough to go on behind its last frame."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch

from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.tracking.film_track import FilmTrack
from streamtrack.tracking.memory_document import from_document, to_document

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
    watch, anchors = track.watches[reverse].memory, track.passes[reverse].anchors.items()
    return {
        "anchors": [(position, [part.clone() for part in one.tensors()]) for position, one in anchors],
        "watch": {} if watch is None else to_document(watch, 0),
    }


def _restore_watch(track: FilmTrack, saved: Mapping[str, Any], *, reverse: bool) -> None:
    film, watch = track.passes[reverse], track.watches[reverse]
    film.anchors.clear()
    film.anchors.update((position, FilmOutput(*parts)) for position, parts in saved["anchors"])
    if watch.memory is not None:
        watch.memory = from_document(saved["watch"], watch.memory.rules, watch.memory.history, 0)
