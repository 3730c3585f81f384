"""A mender whose detections come one after the other, with finds and masks made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from streamtrack.clock import NS_PER_MS
from streamtrack.config import MendConfig
from streamtrack.detect import Box, Detection
from streamtrack.detect.mend_policy import Mender
from streamtrack.detect.mending import MendPlan
from streamtrack.frame import ObjectMask, ObjectState

PERSON: Box = (100, 50, 160, 200)
NEIGHBOUR: Box = (180, 50, 240, 200)
FAR: Box = (500, 60, 560, 210)
STEP_MS, FRAMES_A_STEP = 400, 4
GONE = ObjectMask.from_mask(np.zeros((300, 640), np.bool_), 1, state=ObjectState.LOST)


def find(box: Box = PERSON, name: str = "person", score: float = 0.7) -> Detection:
    return Detection(name, score, box)


def moved(box: Box, x: float) -> Box:
    return box[0] + x, box[1], box[2] + x, box[3]


def mask_in(
    box: Box, object_id: int = 1, state: ObjectState = ObjectState.TRACKING, share: float = 0.8
) -> ObjectMask:
    mask = np.zeros((300, 640), np.bool_)
    x0, y0, x1, y1 = map(int, box)
    mask[y0:y1, x0 : x0 + round((x1 - x0) * share)] = True
    return replace(ObjectMask.from_mask(mask, object_id), state=state)


def mask_of(*boxes: Box) -> ObjectMask:
    mask = np.zeros((300, 640), np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[round(y0) : round(y1), round(x0) : round(x1)] = True
    return ObjectMask.from_mask(mask, 1)


UNCERTAIN = ObjectState.UNCERTAIN


class Stream:
    """A mender whose detections come every STEP_MS, and whose plans are carried out."""

    def __init__(self, likeness: Mapping[Any, float] | None = None, **config: Any) -> None:
        """`likeness`: by box, or by object and box."""
        self.mender = Mender(MendConfig.model_validate({"min_likeness": 0.55, **config}))
        self.likeness = likeness
        self.asked: list[tuple[int, Box]] = []
        """Whose likeness to what was asked for."""
        self.now_ms = 0

    def see(self, finds: Sequence[Detection], *objects: ObjectMask) -> MendPlan:
        self.now_ms += STEP_MS
        frame_idx, now_ns = self.now_ms // STEP_MS * FRAMES_A_STEP, self.now_ms * NS_PER_MS

        def likeness(object_id: int, boxes: Sequence[Box]) -> list[float | None]:
            known = self.likeness
            self.asked += [(object_id, box) for box in boxes]
            if known is None:
                return [None for _ in boxes]
            return [known.get((object_id, box), known.get(box, 0.0)) for box in boxes]

        there = {mask.object_id: mask for mask in objects}
        plan = self.mender.plan(finds, there, frame_idx, now_ns, likeness)
        for mending in plan.mendings:
            self.mender.mended(mending, frame_idx, now_ns)
        return plan

    def start(self, box: Box = PERSON, object_id: int = 1, name: str = "person") -> Stream:
        frame_idx = self.now_ms // STEP_MS * FRAMES_A_STEP
        self.mender.started(object_id, find(box, name), frame_idx, self.now_ms * NS_PER_MS)
        return self

    def mended(self, finds: Sequence[Detection], *objects: ObjectMask, looks: int = 2) -> list[str]:
        """Reasons, over some looks that show the same."""
        return [one.reason for _ in range(looks) for one in self.see(finds, *objects).mendings]
