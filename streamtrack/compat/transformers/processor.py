"""transformers' `Sam2VideoProcessor`: sessions, prompts, pictures for a stream, masks at the film's size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from streamtrack.compat.sam2.prompts import join_points
from streamtrack.compat.transformers.model import require_known
from streamtrack.compat.transformers.outputs import Sam2VideoInputs
from streamtrack.compat.transformers.pictures import as_film, as_pictures, to_pixel_values
from streamtrack.compat.transformers.post_processing import post_process, read_sizes
from streamtrack.compat.transformers.prompts import (
    FILLER,
    by_object,
    read_masks,
    read_nested,
    read_object_ids,
)
from streamtrack.compat.transformers.session import Sam2VideoInferenceSession
from streamtrack.errors import PromptError, ShapeError
from streamtrack.model.checkpoint import name_of_checkpoint, read_hub_config
from streamtrack.prompt import check_frame_idx
from streamtrack.weights.catalog import get_entry
from streamtrack.weights.model_name import catalog_name, weights_file


class Sam2VideoProcessor:
    """Makes a model's inputs, and masks of what it returns."""

    def __init__(self, target_size: int = 1024, point_pad_value: int = FILLER) -> None:
        """For a model.

        Args:
            target_size: side of the picture that the network sees, in pixels.
            point_pad_value: must be -10; what fills short lists of points up.
        """
        if point_pad_value != FILLER:
            raise PromptError(f"point_pad_value is {point_pad_value}, expected {FILLER}")
        self.target_size = target_size
        self.point_pad_value = point_pad_value

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        image_size: int | None = None,
        **without_effect: Any,
    ) -> Self:
        """For the model of that name; see `Sam2VideoModel.from_pretrained`.

        Args:
            image_size: as the model's, where one was given there.
        Raises:
            CheckpointError: unknown model, or a folder that is none.
            ConfigError: an option is unknown.
        """
        require_known(without_effect)
        if image_size is not None:
            return cls(image_size)
        name = os.fspath(pretrained_model_name_or_path)
        path = weights_file(name)
        if path is None:
            return cls(get_entry(catalog_name(name)).image_size)
        if path.is_dir():
            return cls(read_hub_config(path).image_size)
        return cls(get_entry(name_of_checkpoint(path)).image_size)

    def __call__(
        self,
        images: Any = None,
        segmentation_maps: Any = None,
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        original_sizes: Any = None,
        return_tensors: str | None = None,
        device: Any = "cpu",
    ) -> Sam2VideoInputs:
        """Pictures for a stream, and prompts in pixels of the network's input.

        Args:
            images: one or several: PIL, (H, W, 3) or (3, H, W) uint8 RGB.
            segmentation_maps: not taken: they are for training.
            input_points, input_labels, input_boxes: nested as in `add_inputs_to_inference_session`.
            original_sizes: H, W of the picture, where prompts are given alone.
            return_tensors: "pt", or None for lists as `original_sizes`.
            device: of the tensors.
        Raises:
            ShapeError: not pictures.
            PromptError: prompts that cannot be meant.
        """
        if segmentation_maps is not None:
            raise PromptError("segmentation_maps are given, expected none: nothing is trained here")
        if return_tensors not in (None, "pt"):
            raise ShapeError(f"return_tensors is {return_tensors!r}, expected 'pt'")
        pictures = [] if images is None else as_pictures(images)
        sizes = [list(picture.shape[:2]) for picture in pictures] or read_sizes(original_sizes)
        if not sizes:
            raise PromptError("neither images nor original_sizes, expected one of them")
        inputs = Sam2VideoInputs(
            to_pixel_values(pictures, self.target_size, torch.device(device)) if pictures else None,
            torch.tensor(sizes) if return_tensors == "pt" else sizes,
        )
        if input_points is not None or input_labels is not None or input_boxes is not None:
            _add_prompts(inputs, input_points, input_labels, input_boxes, sizes[0], self.target_size)
        return inputs

    # -- sessions ----------------------------------------------------------------------------------

    def init_video_session(
        self,
        video: Any = None,
        inference_device: Any = "cpu",
        inference_state_device: Any = None,
        processing_device: Any = None,
        video_storage_device: Any = None,
        max_vision_features_cache_size: int = 1,
        dtype: torch.dtype = torch.float32,
    ) -> Sam2VideoInferenceSession:
        """A session over a video, or over frames as they come.

        Args:
            video: a file, a folder of JPEGs, a list of pictures or (T, H, W, 3) uint8 RGB; None: a stream.
            inference_device, inference_state_device, processing_device, video_storage_device, dtype: have no
                effect: the model's count.
            max_vision_features_cache_size: has no effect: the frames at hand are few.
        Raises:
            SourceError: the video cannot be read.
            ShapeError: it is no video.
        """
        return Sam2VideoInferenceSession(None if video is None else as_film(video))

    def add_inputs_to_inference_session(
        self,
        inference_session: Sam2VideoInferenceSession,
        frame_idx: int,
        obj_ids: Any,
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        input_masks: Any = None,
        original_size: Any = None,
        clear_old_inputs: bool = True,
    ) -> Sam2VideoInferenceSession:
        """Give objects points, boxes or masks on a frame; the model takes them when it is called there.

        Args:
            obj_ids: one id or several.
            input_points: image, object, point, x and y in pixels of the video.
            input_labels: image, object, point: 1 on the object, 0 off it.
            input_boxes: image, object, x0, y0, x1, y1.
            input_masks: one or a list, (H, W) bool of any size.
            original_size: H, W of the frames; needed before the first points of a stream.
            clear_old_inputs: an object's earlier points on the frame no longer count.
        Raises:
            PromptError: such prompts cannot be meant, or the video has no such frame.
            ShapeError: a mask is none.
        """
        session = inference_session
        object_ids = read_object_ids(obj_ids)
        index = check_frame_idx(frame_idx, "frame_idx")
        if not session.is_stream:
            session.known_frame(index)
        if input_masks is not None:
            if any(given is not None for given in (input_points, input_labels, input_boxes)):
                raise PromptError("input_masks are given with points or boxes, expected one of them")
            self.process_new_mask_for_video_frame(session, index, object_ids, input_masks)
        else:
            self.process_new_points_or_boxes_for_video_frame(
                session,
                index,
                object_ids,
                input_points,
                input_labels,
                input_boxes,
                original_size,
                clear_old_inputs,
            )
        return session

    def process_new_points_or_boxes_for_video_frame(
        self,
        inference_session: Sam2VideoInferenceSession,
        frame_idx: int,
        obj_ids: Any,
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        original_size: Any = None,
        clear_old_inputs: bool = True,
    ) -> None:
        """`add_inputs_to_inference_session` without masks."""
        session, object_ids = inference_session, read_object_ids(obj_ids)
        given = read_nested(input_points, input_labels, input_boxes)
        if input_boxes is not None and not clear_old_inputs:
            raise PromptError("input_boxes come before all points, expected clear_old_inputs=True")
        if original_size is not None:
            ((session.video_height, session.video_width),) = read_sizes([original_size])
        if session.video_height is None or session.video_width is None:
            raise PromptError(
                "original_size is None, expected the frame's before the first points of a stream"
            )
        found = by_object(object_ids, given, (session.video_height, session.video_width))
        for object_id, points in zip(object_ids, found, strict=True):
            tracked = session.object_of(object_id)
            earlier = None if clear_old_inputs else tracked.points.get(frame_idx)
            tracked.points[frame_idx] = join_points(earlier, points)
            tracked.masks.pop(frame_idx, None)
        session.mark_new(object_ids)

    def process_new_mask_for_video_frame(
        self, inference_session: Sam2VideoInferenceSession, frame_idx: int, obj_ids: Any, input_masks: Any
    ) -> None:
        """`add_inputs_to_inference_session` with masks."""
        object_ids = read_object_ids(obj_ids)
        masks = read_masks(object_ids, input_masks)
        for object_id, mask in zip(object_ids, masks, strict=True):
            tracked = inference_session.object_of(object_id)
            tracked.masks[frame_idx] = mask
            tracked.points.pop(frame_idx, None)
        inference_session.mark_new(object_ids)

    # -- masks -------------------------------------------------------------------------------------

    def post_process_masks(
        self,
        masks: Any,
        original_sizes: Any,
        mask_threshold: float = 0.0,
        binarize: bool = True,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        apply_non_overlapping_constraints: bool = False,
    ) -> list[Tensor]:
        """Masks at the size of their pictures.

        Args:
            masks: of each picture (N, C, h, w) logits.
            original_sizes: of each picture H, W.
            mask_threshold: logits above it are the object.
            binarize: bool instead of logits.
            max_hole_area, max_sprinkle_area: holes are filled and specks removed of so many mask pixels at
                most, as in sam2; transformers takes both and does nothing.
            apply_non_overlapping_constraints: of each pixel only the likeliest object keeps its logit.
        Raises:
            ShapeError: not as many masks as sizes, or not such masks.
        """
        return post_process(
            masks,
            read_sizes(original_sizes),
            threshold=mask_threshold,
            binarize=binarize,
            max_areas=(max_hole_area, max_sprinkle_area),
            without_overlap=apply_non_overlapping_constraints,
        )


def _add_prompts(
    inputs: Sam2VideoInputs, points: Any, labels: Any, boxes: Any, size: Sequence[int], target_size: int
) -> None:
    """Add prompts in pixels of the network's input.

    Args:
        size: H, W of the picture.
        target_size: side of the network's input.
    """
    given = read_nested(points, labels, boxes)
    number = len(given.points or given.boxes or ())
    if given.points is not None:
        alone = read_nested(points, labels, None)
        shares = by_object(range(number), alone, (size[0], size[1]))
        kinds = torch.stack([kind[0] for _, kind in shares])
        coords = torch.stack([coord[0] for coord, _ in shares]) * target_size
        filled = torch.where((kinds == FILLER)[..., None], float(FILLER), coords)
        inputs.input_points, inputs.input_labels = filled[None], kinds[None].long()
    if given.boxes is not None:
        scale = target_size / torch.tensor([size[1], size[0]] * 2, dtype=torch.float32)
        inputs.input_boxes = torch.tensor(given.boxes, dtype=torch.float32)[None] * scale
