"""transformers' `Sam2VideoModel` over this project's engine: the same calls and masks, bounded memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch

from streamtrack.compat.sam2.models import load
from streamtrack.compat.sam2.prompts import read_mask
from streamtrack.compat.transformers.outputs import Sam2VideoSegmentationOutput
from streamtrack.compat.transformers.prompts import Shares
from streamtrack.compat.transformers.session import Sam2VideoInferenceSession, SessionObject
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.errors import ConfigError, PromptError
from streamtrack.model.build import LoadedModel

PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16"}
WITHOUT_EFFECT = (
    "attn_implementation",
    "cache_dir",
    "force_download",
    "local_files_only",
    "low_cpu_mem_usage",
    "token",
    "trust_remote_code",
    "use_safetensors",
)
"""Options of `from_pretrained` that change nothing here."""
NO_POINT: Shares = (torch.zeros(1, 1, 2), torch.full((1, 1), -1, dtype=torch.int32))


@dataclass(frozen=True, slots=True)
class _Source:
    """From what a model was loaded, to load it on another device."""

    name: str
    image_size: int | None


@dataclass(frozen=True, slots=True)
class _Look:
    """How one object is looked for on a frame."""

    tracked: SessionObject
    points: Shares | None
    mask: torch.Tensor | None
    first: bool
    """A frame on which it was not followed: it becomes a conditioning frame, and no memory is read."""

    @property
    def prompted(self) -> bool:
        return self.points is not None or self.mask is not None


class Sam2VideoModel:
    """Finds and follows the objects of a session.

    Which frames count as prompted is transformers' rule: an object's new inputs are taken by the first call
    that meets inputs of it, whose frame becomes a conditioning frame unless the object was followed there.
    """

    def __init__(self, model: LoadedModel) -> None:
        """Of a network that is loaded; see `from_pretrained`."""
        self._model = model
        self._source: _Source | None = None

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        device_map: Any = None,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        image_size: int | None = None,
        **without_effect: Any,
    ) -> Self:
        """Load a model.

        Args:
            pretrained_model_name_or_path: a folder as `save_pretrained` writes it, a weights file, an id on
                the hub or a name of the catalog (`nano`).
            device_map: auto, cpu, cuda, mps or a device; None: the processor.
            dtype: float32 or bfloat16; None: float32.
            torch_dtype: its older name.
            image_size: side of the picture that the network sees; None: the model's own.
        Raises:
            CheckpointError: unknown model, or weights that are missing, damaged or of another model.
            ConfigError: the device is not there, or an option is unknown.
        """
        require_known(without_effect)
        source = _Source(os.fspath(pretrained_model_name_or_path), image_size)
        return cls._load(source, _device(device_map), _precision(torch_dtype if dtype is None else dtype))

    @classmethod
    def _load(cls, source: _Source, device: str, precision: str) -> Self:
        made = cls(load(source.name, None, device, precision, source.image_size))
        made._source = source
        return made

    @property
    def device(self) -> torch.device:
        """Of the network."""
        return self._model.network.device

    @property
    def dtype(self) -> torch.dtype:
        """float32 or bfloat16."""
        return next(dtype for dtype, name in PRECISIONS.items() if name == self._model.precision)

    @property
    def image_size(self) -> int:
        """Side of the picture that the network sees, in pixels."""
        return max(self._model.network.geometry.input_size)

    def eval(self) -> Self:
        """Itself: it is never trained."""
        return self

    def to(self, *where: Any, device: Any = None, dtype: Any = None) -> Self:
        """Itself on another device or in another dtype; it is loaded anew for that.

        Raises:
            ConfigError: the device is not there, the dtype is none of float32 and bfloat16, or the model was
                made of a network that was loaded elsewhere.
        """
        for one in where:
            if isinstance(one, torch.dtype):
                dtype = one
            else:
                device = one
        wanted = self.device.type if device is None else _device(device)
        precision = self._model.precision if dtype is None else _precision(dtype)
        if (wanted, precision) == (self.device.type, self._model.precision):
            return self
        if self._source is None:
            raise ConfigError(
                f"model is on {self.device.type} in {self._model.precision}, expected one that "
                "from_pretrained loaded, to move it"
            )
        self._model = self._load(self._source, wanted, precision)._model
        return self

    # -- following ---------------------------------------------------------------------------------

    def __call__(
        self,
        inference_session: Sam2VideoInferenceSession,
        frame_idx: int | None = None,
        frame: torch.Tensor | None = None,
        reverse: bool = False,
        run_mem_encoder: bool = True,
        **without_effect: Any,
    ) -> Sam2VideoSegmentationOutput:
        """Find all objects on a frame: by new inputs, else by memory.

        Args:
            frame_idx: of the session's video; of a new frame of a stream it may be left out.
            frame: (3, S, S), the next frame of a stream: the processor's `pixel_values[0]`.
            reverse: the frames after it are read as the past.
            run_mem_encoder: has no effect: every frame is remembered.
        Raises:
            PromptError: there is no object, no such frame, or an object without a prompt.
            ShapeError: the frame is not the processor's.
        """
        session = inference_session
        if not session.objects:
            raise PromptError("no object has a prompt, expected add_inputs_to_inference_session first")
        if frame is not None:
            frame_idx = session.add_new_frame(frame, frame_idx)
        index = session.known_frame(frame_idx)
        follower = session.follower_of(self._model, streaming=frame is not None)
        looks = self._take_inputs(session, index)
        self._find(follower, looks, index, reverse=reverse)
        return _shown(session, index)

    forward = __call__

    def propagate_in_video_iterator(
        self,
        inference_session: Sam2VideoInferenceSession,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
        show_progress_bar: bool = False,
    ) -> Iterator[Sam2VideoSegmentationOutput]:
        """Follow all objects through the video.

        Args:
            start_frame_idx: None: the first frame on which the model has taken inputs.
            max_frame_num_to_track: frames after the first one; None: all.
            reverse: backward. From frame 0 there is nothing to follow.
            show_progress_bar: on standard error.
        Raises:
            PromptError: there is no object, none with a prompt, or no such frame.
        """
        session = inference_session
        num_frames = session.num_frames
        if num_frames is None:
            raise PromptError("no frame yet, expected a video in init_video_session")
        if start_frame_idx is None:
            conditioning = [index for one in session.objects.values() for index in one.film.conditioning]
            if not conditioning:
                raise PromptError(
                    "start_frame_idx is None and no call of the model has taken inputs yet, expected a frame"
                )
            start_frame_idx = min(conditioning)
        start = session.known_frame(start_frame_idx)
        most = num_frames if max_frame_num_to_track is None else max_frame_num_to_track
        if reverse:
            frames = range(start, max(start - most, 0) - 1, -1) if start else range(0)
        else:
            frames = range(start, min(start + most, num_frames - 1) + 1)
        for done, index in enumerate(frames, 1):
            yield self(session, frame_idx=index, reverse=reverse)
            if show_progress_bar:
                sys.stderr.write(f"\rpropagate in video: {done}/{len(frames)}")
                sys.stderr.write("\n" if done == len(frames) else "")

    def _take_inputs(self, session: Sam2VideoInferenceSession, index: int) -> list[_Look]:
        """Who must be looked for on a frame, and how; inputs that are taken here are not new any more."""
        looks = []
        for object_id, tracked in session.objects.items():
            is_new = object_id in session.obj_with_new_inputs
            if not is_new and index in tracked.film.conditioning:
                continue  # as it was found
            look = _Look(
                tracked,
                tracked.points.get(index) if is_new else None,
                tracked.masks.get(index) if is_new else None,
                first=is_new and index not in tracked.film.visited,
            )
            if not look.first and look.mask is None and not tracked.film.conditioning:
                raise PromptError(
                    f"object {object_id}: nothing is known of it yet, expected a call of the model on a "
                    "frame with a prompt first"
                )
            looks.append(look)
        taken = {id(look.tracked) for look in looks if look.prompted}
        session.mark_new(one for one in session.obj_with_new_inputs if id(session.objects[one]) not in taken)
        return looks

    def _find(self, follower: FilmFollower, looks: list[_Look], index: int, *, reverse: bool) -> None:
        # As there: where one object was prompted, all masks of the frame are remembered as prompted ones.
        prompted = any(look.prompted for look in looks)
        follower.follow(
            [look.tracked.film for look in looks if not look.prompted and not look.first],
            index,
            reverse=reverse,
            as_prompted=prompted,
        )
        for look in looks:
            film = look.tracked.film
            if look.mask is not None:
                scaled = read_mask(0, look.mask, self._model.network.geometry.input_size)
                output = follower.adopt_mask(index, scaled, as_transformers=True)
            elif look.prompted or look.first:
                shares, labels = look.points or NO_POINT
                height, width = self._model.network.geometry.input_size
                output = follower.find_by_points(
                    film,
                    index,
                    shares * torch.tensor([width, height]),
                    labels,
                    previous=None,
                    with_memory=not look.first,
                    reverse=reverse,
                    as_prompted=prompted,
                )
            else:
                film.visited[index] = reverse
                continue
            if output is None:
                raise PromptError(f"frame {index}: the network gave no finite numbers for a prompt")
            if look.first:
                film.conditioning[index] = output
            else:
                film.followed[index] = output
                film.visited[index] = reverse


def require_known(options: dict[str, Any]) -> None:
    """Refuse options of `from_pretrained` that mean something there and nothing here.

    Raises:
        ConfigError: there are some.
    """
    unknown = sorted(set(options) - set(WITHOUT_EFFECT))
    if unknown:
        raise ConfigError(f"option {unknown[0]} is unknown, expected one of: device_map, dtype, image_size")


def _shown(session: Sam2VideoInferenceSession, index: int) -> Sam2VideoSegmentationOutput:
    found = [one.film[index] for one in session.objects.values()]
    return Sam2VideoSegmentationOutput(
        object_ids=session.obj_ids,
        pred_masks=torch.stack([output.low_res_mask_logits for output in found])[:, None],
        object_score_logits=torch.stack([output.object_score_logits for output in found]),
        frame_idx=index,
    )


def _device(device: Any) -> str:
    """cpu, cuda or mps, of what transformers and torch take; its number is left out."""
    if device is None:
        return "cpu"
    if isinstance(device, int):
        return "cuda"
    if isinstance(device, dict):
        if len(set(device.values())) != 1:
            raise ConfigError(f"device_map is {device}, expected one device: the network is not split")
        return _device(next(iter(device.values())))
    return str(device).partition(":")[0]


def _precision(dtype: Any) -> str:
    named = getattr(torch, dtype, dtype) if isinstance(dtype, str) else dtype
    if named in (None, "auto"):
        return "fp32"
    if named not in PRECISIONS:
        raise ConfigError(f"dtype is {dtype}, expected torch.float32 or torch.bfloat16")
    return PRECISIONS[named]
