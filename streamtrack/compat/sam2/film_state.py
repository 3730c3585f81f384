"""What a predictor knows of one film: sam2's `inference_state`, of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.compat.sam2.prompts import GivenPoints, Points, join_points, read_mask
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs
from streamtrack.errors import PromptError
from streamtrack.model.interface import Size
from streamtrack.prompt import check_object_id

HIDDEN_LOGIT = -1024.0
"""Of the whole mask of an object of which a frame holds nothing."""
OVERLAP_LOGIT = -10.0
"""The most that a pixel has which belongs to another object."""


@dataclass(slots=True, eq=False)
class PromptedObject:
    """An object and the prompts that it was given, by frame_idx."""

    film: FilmObject
    points: dict[int, Points] = field(default_factory=dict)
    masks: set[int] = field(default_factory=set)
    """Frames whose prompt is a mask."""

    @property
    def prompted_frames(self) -> set[int]:
        """Frames with a prompt."""
        return self.points.keys() | self.masks

    def forget_before(self, frame_idx: int) -> None:
        """Forget prompts and passes of earlier frames; what they made of the object stays."""
        self.points = {index: points for index, points in self.points.items() if index >= frame_idx}
        self.masks = {index for index in self.masks if index >= frame_idx}
        self.film.visited = {i: reverse for i, reverse in self.film.visited.items() if i >= frame_idx}


class FilmState:
    """Objects on a film. Made by `SAM2VideoPredictor.init_state`.

    Read it as sam2's dict: `num_frames`, `video_height`, `video_width`, `obj_ids`.
    """

    def __init__(
        self,
        follower: FilmFollower,
        frame_size: Size,
        input_size: Size,
        num_frames: int,
        outputs: Callable[[], FollowedOutputs],
        *,
        corrections_condition: bool,
        non_overlap_masks: bool,
        clear_within: int | None = None,
    ) -> None:
        """Without objects.

        Args:
            input_size: H, W of the network's input in pixels.
            outputs: makes the store of a new object's outputs.
            corrections_condition: a corrected frame becomes a conditioning frame.
            non_overlap_masks: a pixel shows one object only.
            clear_within: what was found this many frames around a prompt is forgotten.
        """
        self.num_frames = num_frames
        self.frame_size = frame_size
        self.objects: dict[int, PromptedObject] = {}
        self._follower = follower
        self._input_size = input_size
        self._outputs = outputs
        self._corrections_condition = corrections_condition
        self._non_overlap_masks = non_overlap_masks
        self._clear_within = clear_within

    @property
    def obj_ids(self) -> list[int]:
        """In the order in which they came."""
        return list(self.objects)

    def __getitem__(self, key: str) -> Any:
        known = {
            "num_frames": self.num_frames,
            "video_height": self.frame_size[0],
            "video_width": self.frame_size[1],
            "obj_ids": self.obj_ids,
        }
        return known[key]

    # -- prompts -----------------------------------------------------------------------------------

    def add_points(self, frame_idx: int, object_id: int, given: GivenPoints) -> Tensor:
        """Find an object by points; returns the masks of all objects on the frame.

        Raises:
            PromptError: such points cannot be meant.
        """
        points = given.read(object_id, self.frame_size, self._input_size)
        prompted = self._object(object_id)
        if not given.clear_old_points:
            points = join_points(prompted.points.get(frame_idx), points)
        film, tracked = prompted.film, frame_idx in prompted.film.visited
        output = self._follower.find_by_points(
            film,
            frame_idx,
            *points,
            previous=film.shown(frame_idx, corrections=not self._conditions(film, frame_idx)),
            # On a frame that no pass has been through the points alone count, as on an image.
            with_memory=tracked,
            reverse=film.visited.get(frame_idx, False),
        )
        prompted.points[frame_idx] = points
        prompted.masks.discard(frame_idx)
        return self._take(object_id, prompted, frame_idx, output)

    def add_mask(self, frame_idx: int, object_id: int, mask: Any) -> Tensor:
        """Take an object's mask, (H, W) of any size; returns the masks of all objects on the frame.

        Raises:
            ShapeError: not such a mask.
        """
        scaled = read_mask(object_id, mask, self._input_size)
        prompted = self._object(object_id)
        output = self._follower.adopt_mask(frame_idx, scaled)
        prompted.masks.add(frame_idx)
        prompted.points.pop(frame_idx, None)
        return self._take(object_id, prompted, frame_idx, output)

    def clear_prompts(self, frame_idx: int, object_id: int) -> None:
        """Forget an object's prompts on a frame.

        Raises:
            PromptError: no such object.
        """
        prompted = self.known(object_id)
        prompted.points.pop(frame_idx, None)
        prompted.masks.discard(frame_idx)
        prompted.film.clear_prompts(frame_idx)

    def remove(self, object_id: int) -> set[int]:
        """Forget an object; returns the frames of its prompts."""
        removed = self.objects.pop(object_id)
        removed.film.close()
        return removed.prompted_frames

    def clear(self) -> None:
        """Forget all objects."""
        for object_id in self.obj_ids:
            self.remove(object_id)

    def known(self, object_id: int) -> PromptedObject:
        """The object of an id.

        Raises:
            PromptError: there is none.
        """
        if object_id not in self.objects:
            ids = ", ".join(map(str, self.objects)) or "none"
            raise PromptError(f"object_id is {object_id}, expected one that has a prompt: {ids}")
        return self.objects[object_id]

    def _object(self, object_id: int) -> PromptedObject:
        """The object of an id, which may be new; one whose first prompt fails is not kept."""
        known = self.objects.get(check_object_id(object_id))
        return PromptedObject(FilmObject(self._outputs())) if known is None else known

    def _conditions(self, film: FilmObject, frame_idx: int) -> bool:
        return self._corrections_condition or frame_idx not in film.visited

    def _take(
        self, object_id: int, prompted: PromptedObject, frame_idx: int, output: FilmOutput | None
    ) -> Tensor:
        if output is None:
            raise PromptError(f"object {object_id}: the network gave no finite numbers for frame {frame_idx}")
        film = prompted.film
        conditions = self._conditions(film, frame_idx)
        (film.waiting if conditions else film.waiting_corrections)[frame_idx] = output
        self.objects[check_object_id(object_id)] = prompted
        return self.mask_logits(frame_idx, corrections=not conditions)

    # -- following ---------------------------------------------------------------------------------

    def commit(self) -> None:
        """Let the prompts count.

        Raises:
            PromptError: there is no object, or one without a prompt.
        """
        if not self.objects:
            raise PromptError("no object has a prompt, expected points, a box or a mask first")
        for object_id, prompted in self.objects.items():
            prompted.film.commit(clear_within=self._clear_within)
            if not prompted.film.conditioning:
                raise PromptError(f"object {object_id}: no prompt is left, expected points, a box or a mask")

    def follow(self, frame_idx: int, *, reverse: bool) -> None:
        """Find every object on a frame that has no prompt there."""
        # One that came while a pass is under way waits for the next pass.
        films = [prompted.film for prompted in self.objects.values() if prompted.film.conditioning]
        for film in films:
            if self._clear_within is not None and frame_idx in film.conditioning:
                film.forget_around(frame_idx, self._clear_within)
        unprompted = [film for film in films if frame_idx not in film.conditioning]
        self._follower.follow(unprompted, frame_idx, reverse=reverse)
        for film in films:
            film.visited[frame_idx] = reverse

    # -- masks -------------------------------------------------------------------------------------

    @torch.inference_mode()
    def mask_logits(self, frame_idx: int, *, corrections: bool = False) -> Tensor:
        """(N, 1, H, W) float32: the objects' masks on a frame, at the film's size."""
        found = [
            prompted.film.shown(frame_idx, corrections=corrections) for prompted in self.objects.values()
        ]
        like = next((output.low_res_mask_logits for output in found if output is not None), None)
        if like is None:
            return torch.full((len(found), 1, *self.frame_size), HIDDEN_LOGIT)
        low_res = [
            torch.full_like(like, HIDDEN_LOGIT) if output is None else output.low_res_mask_logits
            for output in found
        ]
        logits = F.interpolate(torch.stack(low_res)[:, None].float(), size=self.frame_size, mode="bilinear")
        return without_overlaps(logits) if self._non_overlap_masks else logits


def without_overlaps(logits: Tensor) -> Tensor:
    """Of each pixel only the likeliest object keeps its logit."""
    if len(logits) == 1:
        return logits
    first = logits.argmax(dim=0, keepdim=True)
    keep = first == torch.arange(len(logits), device=logits.device)[:, None, None, None]
    return torch.where(keep, logits, logits.clamp(max=OVERLAP_LOGIT))
