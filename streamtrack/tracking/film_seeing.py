"""A film's pictures to the network, and what it found in them back to masks of the frame's size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.clean_mask import clean_logits
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.found import Found, to_found
from streamtrack.engine.preprocess import to_input
from streamtrack.engine.view import View, change_view
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.tracking.film_seen import NOTHING, Seen
from streamtrack.tracking.postprocess import crop_mask


class FrameInput:
    """The network's input of the frame that is looked at, as a whole or through a window."""

    def __init__(self, model: LoadedModel) -> None:
        self._network = model.network
        self._shown: tuple[int, Image] | None = None

    def show(self, position: int, image: Image) -> None:
        """Look at a frame."""
        self._shown = position, image

    def whole(self, position: int) -> Tensor:
        """(1, 3, H, W), 0 to 255."""
        return self._input(self._image(position))

    def through(self, position: int, view: View) -> Tensor:
        """The same of a window."""
        return self._input(view.cut(self._image(position)))

    def _image(self, position: int) -> Image:
        assert self._shown is not None
        assert self._shown[0] == position
        return self._shown[1]

    def _input(self, image: Image) -> Tensor:
        return to_input(image, self._network.geometry.input_size, self._network.device)


class Seeing:
    """Brings the outputs of a frame to the host, all at once, as masks of the frame's size."""

    def __init__(self, config: TrackingConfig, *, keep_logits: bool) -> None:
        """`keep_logits`: `Seen.logits` is wanted."""
        self._config = config
        self._keep_logits = keep_logits

    def see(
        self,
        found: Mapping[int, FilmOutput | None],
        views: Mapping[int, View | None],
        frame_size: tuple[int, int],
        before: Mapping[int, Seen],
        *,
        whole: bool,
    ) -> dict[int, Seen]:
        """What was found, by object id.

        Args:
            found: None where the network's numbers were not finite.
            views: the windows that the outputs are of.
            frame_size: H, W in pixels.
            before: what the frame before showed, which stands in there.
            whole: the frame did not come damaged.
        """
        there = [output for output in found.values() if output is not None]
        if not there:
            return {object_id: _unseen(before.get(object_id), frame_size) for object_id in found}
        logits = torch.stack([output.low_res_mask_logits for output in there]).float().cpu().numpy()
        scores = torch.sigmoid(torch.cat([output.object_score_logits for output in there]).float()).tolist()
        ious = torch.cat([output.iou_score for output in there]).float().clamp(0, 1).tolist()
        rivals = torch.cat([output.rival for output in there]).tolist()
        looks = torch.stack([output.appearance for output in there]).float().cpu().numpy()
        rows = iter(zip(logits, scores, ious, rivals, looks, strict=True))
        seen = {}
        for object_id, output in found.items():
            if output is None:
                seen[object_id] = _unseen(before.get(object_id), frame_size)
                continue
            low_res, score, iou, rival, look = next(rows)
            view = views.get(object_id)
            cleaned = clean_logits(low_res, self._config.max_hole_area, self._config.max_sprinkle_area)
            crop, box = crop_mask(cleaned, frame_size, view)
            kept = _of_whole_frame(cleaned, view, frame_size) if self._keep_logits else None
            seen[object_id] = Seen(
                score,
                iou,
                True,
                crop,
                box,
                frame_size,
                believed=True,
                whole=whole,
                logits=kept,
                rival=rival,
                appearance=look if look.size else None,
            )
        return seen


def found_of(output: FilmOutput, view: View | None) -> Found:
    """An output on the host; `view` is the window that it is of."""
    numbers = output.object_score_logits, output.iou_score, output.rival
    scores = torch.cat(numbers).float().cpu().numpy()
    logits = output.low_res_mask_logits.float().cpu().numpy()
    return to_found(logits[None], scores[None], [True], [view])[0]


def _unseen(before: Seen | None, frame_size: tuple[int, int]) -> Seen:
    """The frame before's mask, with scores that say nothing."""
    if before is None or before.frame_size != frame_size:  # pictures of a folder may differ in size
        before = NOTHING
    return replace(before, object_score=0.0, iou_score=0.0, finite=False, frame_size=frame_size)


def _of_whole_frame(
    logits: NDArray[np.float32], view: View | None, frame_size: tuple[int, int]
) -> NDArray[np.float32]:
    """A window's logits as those of the whole frame, as many."""
    if view is None:
        return logits
    whole = change_view(torch.from_numpy(logits)[None], view, View.whole(frame_size))
    return np.asarray(whole[0].numpy(), np.float32)
