"""`SAM2CameraPredictor` of the real-time forks of sam2: a film without an end, frame by frame."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from streamtrack.compat.sam2.film_state import FilmState
from streamtrack.compat.sam2.prompts import GivenPoints
from streamtrack.compat.sam2.video_predictor import Masks
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_outputs import FollowedOutputs
from streamtrack.engine.preprocess import as_image, to_input
from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.prompt import check_frame_idx

MAX_CONDITIONING_FRAMES = 8
"""Prompted frames of an object that are remembered: the first and the newest, so that hours of corrections
cost no more than a minute's."""


class SAM2CameraPredictor:
    """Follows objects on frames as they come; prompts are for the newest one. Its memory does not grow."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._frame_idx = -1
        self._input = torch.empty(0)
        self._state: FilmState | None = None

    @property
    def frame_idx(self) -> int:
        """The newest frame; -1 before the first."""
        return self._frame_idx

    def load_first_frame(self, img: Any) -> None:
        """Begin anew with a frame, (H, W, 3) uint8 RGB; what was followed is forgotten.

        Raises:
            ShapeError: not such an array.
        """
        image, network = as_image(img), self._model.network
        self._take_input(image)
        self._frame_idx = 0
        follower = FilmFollower(network, self._newest_input, num_frames=None, autocast=self._model.autocast)
        self._state = FilmState(
            follower,
            (image.shape[0], image.shape[1]),
            network.geometry.input_size,
            1,
            lambda: FollowedOutputs(file=None),
            corrections_condition=True,
            non_overlap_masks=False,
        )

    def add_new_prompt(
        self,
        frame_idx: int,
        obj_id: int,
        points: Any = None,
        labels: Any = None,
        bbox: Any = None,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
    ) -> Masks:
        """Find an object on the newest frame, or correct it there; arguments as in `SAM2VideoPredictor`.

        Raises:
            PromptError: such a prompt cannot be meant, or another frame is named.
        """
        state = self._at_newest(frame_idx)
        given = GivenPoints(points, labels, bbox, clear_old_points, normalize_coords)
        logits = state.add_points(self._frame_idx, obj_id, given)
        return self._frame_idx, state.obj_ids, logits

    def add_new_points(
        self,
        frame_idx: int,
        obj_id: int,
        points: Any,
        labels: Any,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
    ) -> Masks:
        """`add_new_prompt` without a box."""
        return self.add_new_prompt(
            frame_idx, obj_id, points, labels, None, clear_old_points, normalize_coords
        )

    def add_new_mask(self, frame_idx: int, obj_id: int, mask: Any) -> Masks:
        """Give an object's mask on the newest frame, (H, W) bool.

        Raises:
            ShapeError: not (H, W).
            PromptError: another frame is named.
        """
        state = self._at_newest(frame_idx)
        return self._frame_idx, state.obj_ids, state.add_mask(self._frame_idx, obj_id, mask)

    def finalize(self) -> None:
        """Let the prompts count; `track` does it itself.

        Raises:
            PromptError: there is no object.
        """
        state = self._loaded()
        state.commit()
        for prompted in state.objects.values():
            prompted.film.keep_conditioning(MAX_CONDITIONING_FRAMES)

    def track(self, img: Any) -> tuple[list[int], Tensor]:
        """Follow all objects onto the next frame.

        Args:
            img: (H, W, 3) uint8 RGB, of the first frame's size.
        Returns:
            The objects' ids, and their mask logits, (N, 1, H, W) float32.
        Raises:
            ShapeError: not such an array.
            PromptError: no frame was loaded, or there is no object.
        """
        state, image = self._loaded(), as_image(img)
        if image.shape[:2] != state.frame_size:
            raise ShapeError(
                f"frame is {image.shape[:2]}, expected the first frame's {state.frame_size}: "
                "load_first_frame begins anew"
            )
        self._visit_newest(state)
        self._take_input(image)
        self._frame_idx += 1
        state.num_frames = self._frame_idx + 1
        state.follow(self._frame_idx, reverse=False)
        for prompted in state.objects.values():
            prompted.forget_before(self._frame_idx)
        return state.obj_ids, state.mask_logits(self._frame_idx)

    def remove_object(self, obj_id: int) -> list[int]:
        """Forget an object; returns the ids that remain.

        Raises:
            PromptError: no such object.
        """
        state = self._loaded()
        state.known(obj_id)
        state.remove(obj_id)
        return state.obj_ids

    def reset_state(self) -> None:
        """Forget all objects; the frame stays."""
        if self._state is not None:
            self._state.clear()

    def _visit_newest(self, state: FilmState) -> None:
        """The prompts of the frame that is left behind count from now on."""
        self.finalize()
        for prompted in state.objects.values():
            prompted.film.visited.setdefault(self._frame_idx, False)

    def _take_input(self, image: Image) -> None:
        network = self._model.network
        self._input = to_input(image, network.geometry.input_size, network.device)

    def _newest_input(self, frame_idx: int) -> Tensor:
        assert frame_idx == self._frame_idx
        return self._input

    def _at_newest(self, frame_idx: int) -> FilmState:
        state = self._loaded()
        index = check_frame_idx(frame_idx, "frame_idx")
        if index != self._frame_idx:
            raise PromptError(f"frame_idx is {index}, expected the newest frame, {self._frame_idx}")
        return state

    def _loaded(self) -> FilmState:
        if self._state is None:
            raise PromptError("no frame is loaded, expected load_first_frame first")
        return self._state
