"""Synthetic scenes as annotated sequences: truth without a data set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.scene import MIN_PROMPT_AREA_PX, make_scene


class SceneSequence:
    """The first frames of a scene; objects large enough on the first one are followed and scored."""

    def __init__(self, name: str, num_frames: int) -> None:
        self.name = name
        self._num_frames = num_frames

    @cached_property
    def _rendered(self) -> list[tuple[Image, Mapping[int, BoolMask]]]:
        scene = make_scene(self.name)
        return [scene.render(index)[:2] for index in range(self._num_frames)]

    @cached_property
    def _object_ids(self) -> tuple[int, ...]:
        first = self._rendered[0][1]
        return tuple(key for key, mask in first.items() if np.count_nonzero(mask) >= MIN_PROMPT_AREA_PX)

    def frames(self) -> list[Image]:
        """Every frame, (H, W, 3) RGB."""
        return [image for image, _ in self._rendered]

    def truth(self, frame_idx: int) -> tuple[Mapping[int, BoolMask], BoolMask]:
        """Each object's mask on a frame, empty where it is gone; every pixel is scored."""
        image, masks = self._rendered[frame_idx]
        nothing = np.zeros(image.shape[:2], np.bool_)
        return {key: masks.get(key, nothing) for key in self._object_ids}, ~nothing
