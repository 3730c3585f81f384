"""What is known of one video: transformers' `Sam2VideoInferenceSession`, of bounded size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from streamtrack.compat.transformers.pictures import from_pixel_values
from streamtrack.compat.transformers.prompts import Shares
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_frames import CACHED_FRAMES, FilmFrames
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FollowedOutputs, OutputFile
from streamtrack.errors import PromptError
from streamtrack.model.build import LoadedModel
from streamtrack.offline.film import AnyFilm
from streamtrack.prompt import check_frame_idx


@dataclass(slots=True, eq=False)
class SessionObject:
    """An object and what it was given, by frame_idx."""

    film: FilmObject
    """Its `visited` are the frames on which it was followed."""
    points: dict[int, Shares] = field(default_factory=dict)
    masks: dict[int, Tensor] = field(default_factory=dict)
    """(H, W) of any size."""


class Sam2VideoInferenceSession:
    """Objects on a video, or on frames as they come. Made by `Sam2VideoProcessor.init_video_session`.

    Of a video nothing is held but what was found, and of that the greater part in a temporary file; of a
    stream the newest frames. `processed_frames` and `cache` are not copied.
    """

    def __init__(self, film: AnyFilm | None = None) -> None:
        """Without objects.

        Args:
            film: None for a stream.
        """
        self.video_height: int | None = None
        self.video_width: int | None = None
        if film is not None:
            self.video_height, self.video_width = film.frame_size
        self.obj_with_new_inputs: list[int] = []
        """Objects whose newest inputs no call of the model has taken yet."""
        self.objects: dict[int, SessionObject] = {}
        self._film = film
        self._file = None if film is None else OutputFile()
        self._streamed: dict[int, Tensor] = {}
        self._num_streamed = 0
        self._bound: tuple[LoadedModel, FilmFollower] | None = None

    # -- frames ------------------------------------------------------------------------------------

    @property
    def num_frames(self) -> int | None:
        """Of the video, or so far of the stream; None before its first."""
        return self._film.num_frames if self._film is not None else self._num_streamed or None

    @property
    def is_stream(self) -> bool:
        """Frames come one by one."""
        return self._film is None

    def add_new_frame(self, pixel_values: Tensor, frame_idx: int | None = None) -> int:
        """Take a frame of a stream; returns its frame_idx.

        Args:
            pixel_values: (3, S, S) or (1, 3, S, S) float, as the processor makes it.
            frame_idx: None: the next one.
        Raises:
            ShapeError: something else.
            PromptError: the session has a video.
        """
        if self._film is not None:
            raise PromptError("frame is given, but the session has a video: expected frame_idx alone")
        index = self._num_streamed if frame_idx is None else check_frame_idx(frame_idx, "frame_idx")
        self._streamed[index] = from_pixel_values(pixel_values, int(pixel_values.shape[-1]))
        self._num_streamed = max(self._num_streamed, index + 1)
        if len(self._streamed) > CACHED_FRAMES:
            self._forget(next(iter(self._streamed)))
        return index

    def _forget(self, frame_idx: int) -> None:
        """A frame that cannot be prompted any more leaves nothing but what was found on it."""
        del self._streamed[frame_idx]
        for one in self.objects.values():
            one.film.visited.pop(frame_idx, None)
            one.points.pop(frame_idx, None)
            one.masks.pop(frame_idx, None)

    def known_frame(self, frame_idx: Any) -> int:
        """The index of a frame that can be read.

        Raises:
            PromptError: there is none.
        """
        if frame_idx is None:
            raise PromptError("neither frame_idx nor frame, expected one of them")
        index = check_frame_idx(frame_idx, "frame_idx")
        if self._film is not None and not 0 <= index < self._film.num_frames:
            raise PromptError(
                f"frame_idx is {index}, expected one of the video's {self._film.num_frames} frames"
            )
        if self._film is None and index not in self._streamed:
            kept = f"{min(self._streamed)} to {max(self._streamed)}" if self._streamed else "none yet"
            raise PromptError(f"frame_idx is {index}, expected a kept frame of the stream: {kept}")
        return index

    # -- objects -----------------------------------------------------------------------------------

    @property
    def obj_ids(self) -> list[int]:
        """In the order in which they came."""
        return list(self.objects)

    def get_obj_num(self) -> int:
        """How many objects there are."""
        return len(self.objects)

    def obj_id_to_idx(self, obj_id: int) -> int:
        """An object's place; a new id makes a new object, as there."""
        self.object_of(obj_id)
        return self.obj_ids.index(obj_id)

    def obj_idx_to_id(self, obj_idx: int) -> int:
        """The id at a place. Raises IndexError where there is none."""
        return self.obj_ids[obj_idx]

    def object_of(self, object_id: int) -> SessionObject:
        """An object, made where the id is new."""
        if object_id not in self.objects:
            self.objects[object_id] = SessionObject(FilmObject(FollowedOutputs(self._file)))
        return self.objects[object_id]

    def mark_new(self, object_ids: Iterable[int]) -> None:
        """These objects, and no others, have inputs that the model has yet to take."""
        self.obj_with_new_inputs = list(object_ids)

    def remove_point_inputs(self, obj_idx: int, frame_idx: int) -> None:
        """Forget an object's points on a frame; what was found there stays."""
        self.objects[self.obj_idx_to_id(obj_idx)].points.pop(frame_idx, None)

    def remove_mask_inputs(self, obj_idx: int, frame_idx: int) -> None:
        """Forget an object's mask on a frame; what was found there stays."""
        self.objects[self.obj_idx_to_id(obj_idx)].masks.pop(frame_idx, None)

    def remove_object(self, obj_id: int) -> None:
        """Forget an object; transformers has no such call.

        Raises:
            PromptError: no such object.
        """
        if obj_id not in self.objects:
            ids = ", ".join(map(str, self.objects)) or "none"
            raise PromptError(f"obj_id is {obj_id}, expected one of: {ids}")
        self.objects.pop(obj_id).film.close()
        self.obj_with_new_inputs = [one for one in self.obj_with_new_inputs if one != obj_id]

    def reset_tracking_data(self) -> None:
        """Forget all objects; the video stays."""
        for object_id in self.obj_ids:
            self.remove_object(object_id)

    def reset_inference_session(self) -> None:
        """Forget all objects, and which model has looked at the video."""
        self.reset_tracking_data()
        self._bound = None

    # -- following ---------------------------------------------------------------------------------

    def follower_of(self, model: LoadedModel, *, streaming: bool) -> FilmFollower:
        """What finds objects on this session's frames.

        Args:
            streaming: how long the film will be is not known.
        Raises:
            PromptError: another model has found the session's objects.
        """
        if self._bound is None or self._bound[0] is not model:
            if self._bound is not None and any(one.film.conditioning for one in self.objects.values()):
                raise PromptError(
                    "inference_session holds what another model found: reset_inference_session first"
                )
            network = model.network
            frames = self._newest if self._film is None else self._read_film(model)
            follower = FilmFollower(network, frames, num_frames=None, autocast=model.autocast)
            self._bound = (model, follower)
        follower = self._bound[1]
        follower.set_num_frames(None if streaming else self.num_frames)
        return follower

    def _read_film(self, model: LoadedModel) -> FilmFrames:
        assert self._film is not None
        network = model.network
        # transformers resizes every video as pictures, whatever file it comes from.
        return FilmFrames(self._film, network.geometry.input_size, network.device, resampling="bilinear")

    def _newest(self, frame_idx: int) -> Tensor:
        assert self._bound is not None
        network = self._bound[0].network
        kept = self._streamed[frame_idx]
        side = max(network.geometry.input_size)
        if kept.shape[-1] != side:
            raise PromptError(
                f"frame is {kept.shape[-1]} pixels wide, expected {side}: "
                "model and processor must be of the same name"
            )
        return (
            kept.to(network.device)
            if network.device.type == "cpu"
            else kept.to(network.device, torch.float32)
        )
