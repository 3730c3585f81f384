"""What a pass remembers beside its prompts, as bytes: enough to go on behind its last frame."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch

from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.tracking.film_tracks import FilmTrack


def save_memory(tracks: Mapping[int, FilmTrack], *, reverse: bool) -> bytes:
    """The memory of one pass, forward or backward."""
    held = {
        object_id: {
            position: [part.clone() for part in track.passes[reverse].followed[position].tensors()]
            for position in sorted(track.passes[reverse].followed, reverse=reverse)
        }
        for object_id, track in tracks.items()
    }
    buffer = io.BytesIO()
    torch.save(held, buffer)
    return buffer.getvalue()


def restore_memory(
    tracks: Mapping[int, FilmTrack], memory: bytes, device: torch.device, *, reverse: bool
) -> None:
    """Remember what a pass remembered."""
    held = torch.load(io.BytesIO(memory), map_location=device, weights_only=True)
    for object_id, outputs in held.items():
        followed = tracks[object_id].passes[reverse].followed
        for position in outputs:
            followed[position] = FilmOutput(*outputs[position])
