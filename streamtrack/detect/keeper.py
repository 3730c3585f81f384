"""What the finds of one look lead to: objects mended, started and ended, by whoever has hands on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streamtrack.config import DetectorAutoprompt, FindingAutoprompt, MotionAutoprompt
from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection
from streamtrack.detect.mend_policy import Mender
from streamtrack.detect.mending import Mending, MendPlan
from streamtrack.detect.start_policy import Autoprompter
from streamtrack.frame import ObjectMask


class Hands(Protocol):
    """Carries out what was decided on one frame."""

    def start(self, find: Detection, label: str) -> int | None:
        """Start an object on a find; its id, None where that was refused."""
        ...

    def remove(self, object_id: int, reason: str) -> bool:
        """End an object; False where that was refused."""
        ...

    def mend(self, mending: Mending) -> bool:
        """Follow an object by a find from now on; False where that was refused."""
        ...

    def cut(self, object_id: int, box: Box) -> bool:
        """Cut an object's mask to the box that is its own; False where nothing was cut."""
        ...

    def likeness(self, object_id: int, boxes: Sequence[Box]) -> Sequence[float | None]:
        """How much what boxes show on the frame looks like what is remembered of an object."""
        ...

    def keep_look(self, object_id: int) -> None:
        """Keep how an object looks on the frame, to compare with later."""
        ...


class Keeper:
    """Decides for one stream, look by look."""

    def __init__(self, config: FindingAutoprompt) -> None:
        self._config = config
        self._prompter = Autoprompter(config)
        mend = config.mend if isinstance(config, DetectorAutoprompt | MotionAutoprompt) else None
        self._mender = None if mend is None else Mender(mend)
        self._starts = not isinstance(config, DetectorAutoprompt) or config.start

    def look(
        self,
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        frame_idx: int,
        now_ns: int,
        hands: Hands,
    ) -> int:
        """Take up the finds of one frame, and do what follows.

        Args:
            found: every find however weak, surest first.
            objects: every object of the stream, with its mask on that frame.
        Returns:
            Finds that would have started an object, were there room.
        """
        mends = self._mends(found, objects, frame_idx, now_ns, hands)
        objects = dict(objects)
        for cut in mends.cuts:
            if hands.cut(cut.object_id, cut.find.box):
                objects[cut.object_id] = cut.left
        done = {one.object_id for one in mends.mendings if self._mend(one, frame_idx, now_ns, hands)}
        for object_id in mends.others:
            # Of a person's object only they say that it is over.
            if self._prompter.owns(object_id) and hands.remove(object_id, "unlike"):
                self._prompter.ended(object_id)
                objects = {key: mask for key, mask in objects.items() if key != object_id}
        for object_id in mends.to_keep:
            hands.keep_look(object_id)
        left = [find for place, find in enumerate(found) if place not in mends.claimed]
        plan = self._prompter.plan(left, objects, now_ns, kept=done | mends.pending)
        for object_id, reason in plan.ends:
            if hands.remove(object_id, reason):
                self._prompter.ended(object_id)
        for find in plan.starts if self._starts else ():
            label = find.class_name if self._config.label is None else self._config.label
            started = hands.start(find, label)
            if started is not None:
                self._prompter.started(started, now_ns)
                if self._mender is not None:
                    self._mender.started(started, find, frame_idx, now_ns)
        return plan.held_at_cap if self._starts else 0

    def takes_over(self, object_id: int, find: Detection, frame_idx: int, now_ns: int) -> None:
        """An object goes on that was started from here by the process before."""
        self._prompter.started(object_id, now_ns)
        if self._mender is not None:
            self._mender.started(object_id, find, frame_idx, now_ns)

    def corrected_by_hand(self, object_id: int) -> None:
        """Someone takes care of an object: it is not ended from here any more."""
        self._prompter.corrected_by_hand(object_id)
        if self._mender is not None:
            self._mender.corrected_by_hand(object_id)

    def removed_by_hand(self, object_id: int, box: Box, now_ns: int) -> None:
        """Someone does not want what is in a box: it is left alone."""
        self._prompter.removed_by_hand(object_id, box, now_ns)

    def _mends(
        self,
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        frame_idx: int,
        now_ns: int,
        hands: Hands,
    ) -> MendPlan:
        if self._mender is None:
            return MendPlan()
        return self._mender.plan(found, objects, frame_idx, now_ns, hands.likeness)

    def _mend(self, mending: Mending, frame_idx: int, now_ns: int, hands: Hands) -> bool:
        if self._mender is None or not hands.mend(mending):
            return False
        self._mender.mended(mending, frame_idx, now_ns)
        return True
