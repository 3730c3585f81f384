"""A film's engine that looks at prompts before it takes them, through windows as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.engine.film_follower import FilmFollower, make_output
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.found import Look, redraw_prediction, to_found
from streamtrack.engine.memory_bank import summarise
from streamtrack.engine.prompt_input import CheckedPrompt, scale_prompt
from streamtrack.engine.view import View
from streamtrack.model.interface import FrameFeatures, MaskPrediction


class FilmLooker(FilmFollower):
    """Looks at what prompts would make of a film's objects."""

    @torch.inference_mode()
    def look(
        self,
        tracked: FilmObject,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        previous: Tensor | None,
        with_memory: bool,
        reverse: bool = False,
        view: View | None = None,
    ) -> Look | None:
        """What a prompt makes of an object on a frame. Nothing is stored.

        Args:
            previous: (1, h, w) the frame's mask logits so far, as the window shows them.
            with_memory: read the object's memory as well.
            view: the window that is looked through. What of the prompt lies outside it counts for nothing.
        Returns:
            None where the network's numbers are not finite, or nothing of the prompt lies in the window.
        """
        shown = prompt if view is None else view.prompt(prompt)
        if shown is None:
            return None
        given = scale_prompt(shown, self._network.geometry, self._network.device)
        with self._autocast():
            features = self._features(frame_idx, view)
            if given.mask is not None:
                prediction = self._network.adopt_mask(features, given.mask)
            else:
                memory = None
                if with_memory:
                    reading = self._plans[reverse].plan(tracked.stored(frame_idx))
                    memory = self._read([(tracked, reading)]) if reading.features else None
                prediction = self._network.decode_points(
                    features, memory, given.coords, given.labels, previous
                )
            return self._looked(frame_idx, view, features, prediction)

    @torch.inference_mode()
    def amend(self, tracked: FilmObject, frame_idx: int, logits: NDArray[np.float32]) -> FilmOutput:
        """Another mask for a followed frame, by who knows better; it is remembered in place of the network's.

        Args:
            logits: (h, w), seen through the same window.
        """
        before = tracked.shown(frame_idx)
        assert before is not None
        prediction = MaskPrediction(
            torch.from_numpy(logits).to(self._network.device)[None],
            before.object_score_logits[None],
            before.iou_score,
            before.object_pointer[None],
        )
        with self._autocast():
            features = self._features(frame_idx, tracked.views.get(frame_idx))
            memory_features = self._network.encode_memory(features, prediction, from_prompt=False)
        output = replace(
            before,
            low_res_mask_logits=prediction.low_res_mask_logits[0],
            memory_features=memory_features[0],
        )
        tracked.note(frame_idx, output, fit_to_remember=frame_idx in tracked.followed)
        return output

    @torch.inference_mode()
    def redraw(self, look: Look, logits: Tensor) -> Look | None:
        """As `Follower.redraw`."""
        prediction = redraw_prediction(look.prediction, logits)
        with self._autocast():
            features = self._features(look.frame_idx, look.view)
            return self._looked(look.frame_idx, look.view, features, prediction)

    def _looked(
        self, frame_idx: int, view: View | None, features: FrameFeatures, prediction: MaskPrediction
    ) -> Look | None:
        memory_features = self._network.encode_memory(features, prediction, from_prompt=True)
        prediction = self._with_looks(features, prediction)
        scores = summarise(prediction, memory_features).float().cpu().numpy()
        if not np.isfinite(scores).all():
            return None
        logits = prediction.low_res_mask_logits.float().cpu().numpy()
        [found] = to_found(logits, scores, [True], [view])
        return Look(found, frame_idx, view, prediction, memory_features)


def output_of(look: Look) -> FilmOutput:
    """A look as a frame's output."""
    assert look.memory_features is not None  # see `FilmLooker._looked`
    return make_output(look.prediction, look.memory_features, 0)
