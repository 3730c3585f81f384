"""Which frames go through the network, and what becomes of the others: a policy that a session owns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.prompt import Prompt
from streamtrack.tracking import optical_flow as flow

Move = Callable[[NDArray[np.float32], View | None, tuple[int, int]], tuple[NDArray[np.float32], View | None]]
"""From the mask logits of a key frame, the window that they are of, and H, W of the frame, to the logits of a
later frame and their window."""


class KeyFramePolicy(Protocol):
    """Chooses key frames, and takes masks and prompts from and to them. Frames are numbered by frame_idx."""

    @property
    def num_bytes(self) -> int:
        """Bytes that it keeps."""

    def is_due(self, distance: int) -> bool:
        """Whether the next frame must be a key frame, `distance` frames after the last one."""

    def will_be_key(self, distance: int) -> bool:
        """Whether a frame `distance` frames after the last key frame will be one, as far as is known."""

    def add(self, frame_idx: int, image: Image, *, is_key: bool) -> None:
        """Take the newest frame into account."""

    def carry(self, frame_idx: int, key_frame_idx: int) -> Move | None:
        """How masks come from a key frame to a kept frame; None where they stay as they are."""

    def move_prompt(
        self, prompt: Prompt, frame_idx: int, key_frame_idx: int, frame_size: tuple[int, int]
    ) -> Prompt:
        """A prompt for a kept frame as one for its key frame; `frame_size` is H, W in pixels."""


class EveryFrame:
    """Every frame is a key frame: exact."""

    num_bytes = 0

    def is_due(self, distance: int) -> bool:
        return True

    def will_be_key(self, distance: int) -> bool:
        return True

    def add(self, frame_idx: int, image: Image, *, is_key: bool) -> None:
        """Nothing is needed of it."""

    def carry(self, frame_idx: int, key_frame_idx: int) -> Move | None:
        return None

    def move_prompt(
        self, prompt: Prompt, frame_idx: int, key_frame_idx: int, frame_size: tuple[int, int]
    ) -> Prompt:
        return prompt


class FlowBetweenKeyFrames:
    """Every n-th frame is a key frame; between them optical flow carries the masks.

    Approximate, and for that many times cheaper. A prompt on a carried frame is moved by the flow to its key
    frame and applied there.
    """

    def __init__(self, interval: int, history_frames: int) -> None:
        self._interval = interval
        # One interval more than the frames: the key frame of the oldest may lie before it.
        ring = history_frames + interval
        self._greys = np.zeros((ring, flow.SIDE_PX, flow.SIDE_PX), np.uint8)
        self._tracer = flow.Tracer()
        self._newest = -1
        self._to_key = flow.IDENTITY

    @property
    def num_bytes(self) -> int:
        return self._greys.nbytes

    def is_due(self, distance: int) -> bool:
        return distance >= self._interval

    def will_be_key(self, distance: int) -> bool:
        return distance == self._interval

    def add(self, frame_idx: int, image: Image, *, is_key: bool) -> None:
        grey = flow.to_grey(image)
        if is_key:
            self._to_key = flow.IDENTITY
        else:
            self._to_key = self._tracer.extend(self._to_key, self._grey(frame_idx - 1), grey)
        self._greys[frame_idx % len(self._greys)] = grey
        self._newest = frame_idx

    def carry(self, frame_idx: int, key_frame_idx: int) -> Move | None:
        if frame_idx == key_frame_idx:
            return None
        to_key = self._map_to_key(frame_idx, key_frame_idx)
        return lambda logits, view, frame_size: flow.look_up_in(logits, view, to_key, frame_size)

    def move_prompt(
        self, prompt: Prompt, frame_idx: int, key_frame_idx: int, frame_size: tuple[int, int]
    ) -> Prompt:
        if frame_idx == key_frame_idx:
            return prompt
        if prompt.mask is not None:
            from_key = self._tracer.trace(self._greys_from_key(frame_idx, key_frame_idx)[::-1])
            mask = flow.move_mask(prompt.mask, from_key)
            return Prompt(prompt.object_id, mask=mask, label=prompt.label)
        to_key = self._map_to_key(frame_idx, key_frame_idx)
        return Prompt(
            prompt.object_id,
            points=flow.move_points(prompt.points.tolist(), to_key, frame_size),
            labels=prompt.labels,
            box=None if prompt.box is None else flow.move_box(prompt.box.tolist(), to_key, frame_size),
            label=prompt.label,
        )

    def _map_to_key(self, frame_idx: int, key_frame_idx: int) -> flow.TrackMap:
        if frame_idx == self._newest:
            return self._to_key
        return self._tracer.trace(self._greys_from_key(frame_idx, key_frame_idx))

    def _greys_from_key(self, frame_idx: int, key_frame_idx: int) -> list[flow.Grey]:
        return [self._grey(index) for index in range(key_frame_idx, frame_idx + 1)]

    def _grey(self, frame_idx: int) -> flow.Grey:
        grey: flow.Grey = self._greys[frame_idx % len(self._greys)]
        return grey
