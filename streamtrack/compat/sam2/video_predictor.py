"""sam2's `SAM2VideoPredictor` over this project's engine: the same calls, the same masks, bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from streamtrack.compat.sam2.film_state import FilmState
from streamtrack.compat.sam2.models import load
from streamtrack.compat.sam2.prompts import GivenPoints
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_frames import FilmFrames
from streamtrack.engine.film_outputs import FollowedOutputs, OutputFile
from streamtrack.engine.film_plan import UNLIMITED, require_both_sides
from streamtrack.errors import PromptError
from streamtrack.model.build import LoadedModel
from streamtrack.offline.film import FilmSource, open_film
from streamtrack.prompt import check_frame_idx

Masks = tuple[int, list[int], Tensor]
"""frame_idx, the objects' ids, and their mask logits, (N, 1, H, W) float32 at the film's size."""


class SAM2VideoPredictor:
    """Follows objects through films by points, boxes and masks.

    Nothing of a film is kept but what was found on its frames, and of that the greater part in a temporary
    file (see `OutputFile`).
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        fill_hole_area: int = 0,
        non_overlap_masks: bool = False,
        clear_non_cond_mem_around_input: bool = False,
        add_all_frames_to_correct_as_cond: bool = False,
        max_cond_frames_in_attn: int = UNLIMITED,
    ) -> None:
        """Names, meanings, defaults as in sam2. They are attributes, too: the next `init_state` reads them.

        Args:
            fill_hole_area: holes of so many mask pixels at most are filled.
            non_overlap_masks: a pixel belongs to one object only, in what is returned.
            clear_non_cond_mem_around_input: what was found around a prompt is forgotten.
            add_all_frames_to_correct_as_cond: a frame that is corrected after a pass went through it counts
                as a prompted one, for all frames before and after it. Without it the next pass follows over
                the correction.
            max_cond_frames_in_attn: prompted frames that a frame reads, the nearest in time; -1: all.
        Raises:
            ConfigError: `max_cond_frames_in_attn` would lose one side of a frame.
        """
        require_both_sides(max_cond_frames_in_attn)
        self._model = model
        self.fill_hole_area = fill_hole_area
        self.non_overlap_masks = non_overlap_masks
        self.clear_non_cond_mem_around_input = clear_non_cond_mem_around_input
        self.add_all_frames_to_correct_as_cond = add_all_frames_to_correct_as_cond
        self.max_cond_frames_in_attn = max_cond_frames_in_attn

    @classmethod
    def from_pretrained(cls, model_id: str, device: str = "auto", **options: Any) -> SAM2VideoPredictor:
        """One by a model's id on the Hugging Face hub; the catalog has its weights.

        Raises:
            CheckpointError: no such model, or its weights are not there.
            ConfigError: the device is not there.
        """
        return cls(load(model_id, None, device, "auto", None), **options)

    @property
    def device(self) -> torch.device:
        """Of the network."""
        return self._model.network.device

    @property
    def image_size(self) -> int:
        """Side of the picture that the network sees, in pixels."""
        return max(self._model.network.geometry.input_size)

    def eval(self) -> SAM2VideoPredictor:
        """Itself: it is never trained."""
        return self

    def init_state(
        self,
        video_path: FilmSource,
        offload_video_to_cpu: bool = False,
        offload_state_to_cpu: bool = False,
        async_loading_frames: bool = False,
    ) -> FilmState:
        """Open a film; its frames are decoded when they are needed.

        Args:
            video_path: a video file, a folder of JPEGs named by number, or (N, H, W, 3) uint8 RGB.
            offload_video_to_cpu, offload_state_to_cpu, async_loading_frames: have no effect: nothing of a
                film lies on the device that could be moved from it.
        Raises:
            SourceError: the film cannot be read.
            ShapeError: the array is no film.
        """
        film, network = open_film(video_path), self._model.network
        file = OutputFile()
        follower = FilmFollower(
            network,
            FilmFrames(film, network.geometry.input_size, network.device),
            num_frames=film.num_frames,
            max_conditioning_frames=self.max_cond_frames_in_attn,
            fill_hole_area=self.fill_hole_area,
            autocast=self._model.autocast,
        )
        recent = network.geometry.recent_frames
        return FilmState(
            follower,
            film.frame_size,
            network.geometry.input_size,
            film.num_frames,
            lambda: FollowedOutputs(file),
            corrections_condition=self.add_all_frames_to_correct_as_cond,
            non_overlap_masks=self.non_overlap_masks,
            clear_within=recent + 1 if self.clear_non_cond_mem_around_input else None,
        )

    # -- prompts -----------------------------------------------------------------------------------

    def add_new_points_or_box(
        self,
        inference_state: FilmState,
        frame_idx: int,
        obj_id: int,
        points: Any = None,
        labels: Any = None,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
        box: Any = None,
    ) -> Masks:
        """Find an object on a frame, or correct its mask there.

        Args:
            points: (P, 2) x, y in pixels of the film; without `normalize_coords` from 0 to 1.
            labels: (P,): 1 on the object, 0 off it.
            clear_old_points: the frame's earlier points no longer count.
            box: x0, y0, x1, y1; comes before all points, so it needs `clear_old_points`.
        Raises:
            PromptError: such a prompt cannot be meant, or the film has no such frame.
        """
        index = self._frame(inference_state, frame_idx)
        given = GivenPoints(points, labels, box, clear_old_points, normalize_coords)
        return self._masks(inference_state, index, inference_state.add_points(index, obj_id, given))

    add_new_points = add_new_points_or_box  # its older name

    def add_new_mask(self, inference_state: FilmState, frame_idx: int, obj_id: int, mask: Any) -> Masks:
        """Give an object's mask on a frame, (H, W) bool of any size.

        Raises:
            ShapeError: not (H, W).
            PromptError: the film has no such frame.
        """
        index = self._frame(inference_state, frame_idx)
        return self._masks(inference_state, index, inference_state.add_mask(index, obj_id, mask))

    def clear_all_prompts_in_frame(
        self, inference_state: FilmState, frame_idx: int, obj_id: int, need_output: bool = True
    ) -> Masks | None:
        """Take an object's prompts on a frame back; what was found there stays until a pass comes by.

        Raises:
            PromptError: no such object or frame.
        """
        index = self._frame(inference_state, frame_idx)
        inference_state.clear_prompts(index, obj_id)
        if not need_output:
            return None
        return self._masks(inference_state, index, self._shown(inference_state, index))

    clear_all_points_in_frame = clear_all_prompts_in_frame  # an older name

    def remove_object(
        self, inference_state: FilmState, obj_id: int, strict: bool = False, need_output: bool = True
    ) -> tuple[list[int], list[tuple[int, Tensor]]]:
        """Forget an object.

        Returns:
            The ids that remain, and the remaining masks on the frames where it had prompts.
        Raises:
            PromptError: no such object, where `strict`.
        """
        if obj_id not in inference_state.objects and not strict:
            return inference_state.obj_ids, []
        inference_state.known(obj_id)
        frames = sorted(inference_state.remove(obj_id))
        if not need_output or not inference_state.objects:
            return inference_state.obj_ids, []
        shown = [(index, self._shown(inference_state, index).to(self.device)) for index in frames]
        return inference_state.obj_ids, shown

    def reset_state(self, inference_state: FilmState) -> None:
        """Forget all objects; the film stays open."""
        inference_state.clear()

    # -- following ---------------------------------------------------------------------------------

    def propagate_in_video_preflight(self, inference_state: FilmState) -> None:
        """Let the prompts count; `propagate_in_video` does it itself.

        Raises:
            PromptError: there is no object, or one without a prompt.
        """
        inference_state.commit()

    def propagate_in_video(
        self,
        inference_state: FilmState,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
    ) -> Iterator[Masks]:
        """Follow all objects through the film.

        Args:
            start_frame_idx: None: the first frame with a prompt.
            max_frame_num_to_track: frames after the first one; None: all.
            reverse: backward. From frame 0 there is nothing to follow.
        Raises:
            PromptError: there is no object, or one without a prompt, or no such frame.
            SourceError: the film cannot be read.
        """
        state = inference_state
        self.propagate_in_video_preflight(state)
        if start_frame_idx is None:
            start = min(min(prompted.film.conditioning) for prompted in state.objects.values())
        else:
            start = self._frame(state, start_frame_idx)
        for index in _frames_of_pass(start, max_frame_num_to_track, state.num_frames, reverse=reverse):
            state.follow(index, reverse=reverse)
            yield self._masks(state, index, state.mask_logits(index))

    def _shown(self, state: FilmState, frame_idx: int) -> Tensor:
        waits = any(frame_idx in prompted.film.waiting for prompted in state.objects.values())
        return state.mask_logits(frame_idx, corrections=not waits)

    def _masks(self, state: FilmState, frame_idx: int, logits: Tensor) -> Masks:
        return frame_idx, state.obj_ids, logits.to(self.device)

    def _frame(self, state: FilmState, frame_idx: int) -> int:
        index = check_frame_idx(frame_idx, "frame_idx")
        if not 0 <= index < state.num_frames:
            raise PromptError(f"frame_idx is {index}, expected one of the film's {state.num_frames} frames")
        return index


def _frames_of_pass(start: int, most: int | None, num_frames: int, *, reverse: bool) -> range:
    most = num_frames if most is None else most
    if not reverse:
        return range(start, min(start + most, num_frames - 1) + 1)
    if start == 0:
        return range(0)
    return range(start, max(start - most, 0) - 1, -1)
