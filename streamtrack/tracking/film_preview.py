"""What a prompt finds on its frame of a film, as the film's run will condition on it there."""

from __future__ import annotations

from collections.abc import Sequence

from streamtrack.config import TrackingConfig
from streamtrack.engine.film_outputs import FollowedOutputs
from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.model.build import LoadedModel
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_prompts import apply_prompts
from streamtrack.tracking.film_run import FilmSource
from streamtrack.tracking.film_seen import mask_of
from streamtrack.tracking.film_span import FilmSpan
from streamtrack.tracking.film_tracks import FilmTracks
from streamtrack.tracking.films import count_positions


class FilmPreview:
    """Finds prompts' objects without following them. One thread at a time."""

    def __init__(self, model: LoadedModel, source: FilmSource, config: TrackingConfig) -> None:
        self._model, self._source, self._config = model, source, config
        self._num_positions = count_positions(model, source, FilmSpan())

    def find(self, prompt: Prompt, others: Sequence[Prompt] = ()) -> ObjectMask:
        """The mask on the frame that a prompt is for.

        Args:
            others: the same object's, on other frames: where every point is off the object, the prompt
                corrects what they say of its frame.
        Raises:
            PromptError, ShapeError: it does not fit its frame.
            SourceError: the frame cannot be read.
        """
        tracks = FilmTracks(
            self._model, self._config, self._num_positions, lambda: FollowedOutputs(file=None)
        )
        span = FilmSpan()
        apply_prompts(tracks, self._source, span, [*others, prompt])
        track = tracks.by_id[prompt.object_id]
        number = prompt.at_frame or 0
        frame = next(iter(self._source.frames(range(number, number + 1))))
        [seen] = tracks.follow(frame, span.position(number), reverse=False).values()
        return mask_of(track.object_id, track.label, seen, ObjectState.TRACKING)
