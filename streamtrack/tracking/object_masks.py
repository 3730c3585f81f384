"""The masks of a session's objects on a kept key frame: what was found, whose a pixel is, and who is in whose
place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Found
from streamtrack.frame import ObjectMask
from streamtrack.model.interface import Size
from streamtrack.tracking.claims import contested, in_one_place, share_out
from streamtrack.tracking.keyframes import Move
from streamtrack.tracking.neighbours import neighbours_of
from streamtrack.tracking.outline import Placed
from streamtrack.tracking.postprocess import Box, logits_in_box
from streamtrack.tracking.results import build_object, shown_logits
from streamtrack.tracking.tracked_object import TrackedObject


class ObjectMasks:
    """Reads masks from the engine.

    Args:
        objects: those that are followed, now and later.
    """

    def __init__(
        self, follower: Follower, config: TrackingConfig, objects: Mapping[int, TrackedObject]
    ) -> None:
        self._follower = follower
        self._disjoint = config.overlap == "best_wins"
        self._objects = objects

    def found(self, key: int) -> dict[int, Found]:
        """What the engine found of every object that was there on a key frame; waits for the device."""
        present = [tracked for tracked in self._objects.values() if tracked.from_key <= key]
        found = self._follower.found([tracked.slot for tracked in present], key)
        return {tracked.object_id: one for tracked, one in zip(present, found, strict=True)}

    def build(
        self, found: Mapping[int, Found], frame_size: Size, move: Move | None = None
    ) -> dict[int, ObjectMask]:
        """Every object's own mask; `move` brings it from the key frame to a carried one."""
        return {
            object_id: build_object(self._objects[object_id], one, frame_size, move)
            for object_id, one in found.items()
        }

    def shown(
        self,
        masks: dict[int, ObjectMask],
        found: Mapping[int, Found],
        frame_size: Size,
        move: Move | None = None,
    ) -> dict[int, ObjectMask]:
        """What is shown of masks that were built."""
        if not self._disjoint or len(masks) < 2:
            return masks

        def logits_in(object_id: int, box: Box) -> NDArray[np.float32]:
            logits, view = shown_logits(self._objects[object_id], found[object_id], frame_size, move)
            return logits_in_box(logits, frame_size, view, box)

        return share_out(masks, logits_in)

    def neighbours(self, tracked: TrackedObject, key: int, frame_size: Size) -> Sequence[Placed]:
        """Where others are expected on a key frame, beside an object."""
        bodies = [one.body for one in self._objects.values()]
        return neighbours_of(tracked.body, bodies, key, frame_size)

    def claims(self, key: int, mask: ObjectMask) -> tuple[bool, bool]:
        """Whether another object claims the place of a mask on a kept key frame, and whether with a better
        mask."""
        one = mask.object_id
        if not mask.area_px or len(self._objects) < 2:
            return False, False
        found = {key: other for key, other in self.found(key).items() if key != one}
        masks = self.build(found, mask.frame_size) | {one: mask}
        return one in in_one_place(masks), one in contested(masks)
