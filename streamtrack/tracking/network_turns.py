"""Whose turn it is on a key frame: objects that the network looks at, and those whose masks flow carries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from streamtrack.config import TrackingConfig
from streamtrack.engine.drift import Drift
from streamtrack.engine.follower import Follower
from streamtrack.engine.frame_follower import Carry
from streamtrack.engine.view import View
from streamtrack.frame import Frame
from streamtrack.model.interface import Size
from streamtrack.tracking.budget import Standby, choose
from streamtrack.tracking.key_motion import KeyMotion
from streamtrack.tracking.mask_drift import Logits, MaskDrift
from streamtrack.tracking.tracked_object import TrackedObject

PROMPTED_FRAMES = 8
"""Frames for which an object counts as prompted just now."""


class NetworkTurns:
    """Of one session. With `tracking.objects_per_step: all` everybody has a turn on every frame."""

    def __init__(self, follower: Follower, config: TrackingConfig) -> None:
        self._follower = follower
        self._per_step = None if config.objects_per_step == "all" else config.objects_per_step
        # Each key frame stands for so many frames.
        self._most_carried = max(1, config.max_carried_frames // config.keyframe_interval)
        # One more: the oldest that is kept moved from the one before it.
        self._motion = None if self._per_step is None else KeyMotion(config.history_frames + 1)
        self._drift = MaskDrift()

    @property
    def num_bytes(self) -> int:
        """Bytes that it keeps."""
        return 0 if self._motion is None else self._motion.num_bytes

    def share(
        self, objects: Collection[TrackedObject], key: int, frame: Frame, *, anew: bool
    ) -> tuple[Sequence[TrackedObject], Sequence[TrackedObject]]:
        """Who is looked at on the next key frame, and who is carried to it.

        Args:
            anew: nothing can be carried to it: time has passed, or another scene begins.
        """
        everybody = tuple(objects)
        if self._motion is None or self._per_step is None:
            return everybody, ()
        self._motion.add(key, frame)
        if anew or len(everybody) <= self._per_step:
            return everybody, ()
        places = choose([_standby(one, key) for one in everybody], self._per_step, self._most_carried)
        chosen = {everybody[place].object_id for place in places}
        carried = tuple(one for one in everybody if one.object_id not in chosen)
        for one in carried:
            one.slot.left_out.add(key)
        return tuple(one for one in everybody if one.object_id in chosen), carried

    def part(
        self, objects: Collection[TrackedObject], key: int, frame: Frame, frames_on: int
    ) -> tuple[Sequence[TrackedObject], Sequence[TrackedObject]]:
        """Of those whose turn it is on the next key frame, who is followed onto it and who rests."""
        rest = [self.lets_rest(one, key, damaged=frame.damaged, frames_on=frames_on) for one in objects]
        followed, resting = (
            tuple(one for one, rests in zip(objects, rest, strict=True) if rests is wanted)
            for wanted in (False, True)
        )
        return followed, resting

    def lets_rest(self, one: TrackedObject, key: int, *, damaged: bool, frames_on: int) -> bool:
        """Whether the network need not look for an object on a key frame, so many frames behind the one
        before. Where frames or objects are left out anyhow, nobody rests."""
        return self._per_step is None and frames_on == 1 and not damaged and one.rests(key)

    def carry(self, objects: Sequence[TrackedObject], key: int) -> None:
        """Carry masks to a kept key frame."""
        carry = self.carry_to(key) if objects else None
        if carry is not None:
            self._follower.carry([one.slot for one in objects], key, carry)

    def carry_to(self, key: int) -> Carry | None:
        """What carries a mask to a kept key frame, from the one before it; None where nobody ever is."""
        motion = self._motion
        if motion is None:
            return None

        def carry(
            logits: Logits, view: View | None, drift: Drift | None, frame_size: Size, source: int, since: int
        ) -> tuple[Logits, View | None, Drift]:
            looked_at = motion.grey(source)
            # Where it had gone is not kept of older frames: then on from the source, frame by frame.
            for between in range(since + 1, key):
                moved = motion.at(between)
                _, _, drift = self._drift.carry(logits, view, drift, frame_size, moved, looked_at)
            return self._drift.carry(logits, view, drift, frame_size, motion.at(key), looked_at)

        return carry


def _standby(one: TrackedObject, key: int) -> Standby:
    need = one.need_after(key - 1)
    if need is None:
        return Standby(0, 0.0, at_once=True)
    newest = one.prompts.newest
    if newest is not None and key - newest[0] <= PROMPTED_FRAMES:
        need += 1.0
    return Standby(key - 1 - one.slot.looked_at(key - 1), need)
