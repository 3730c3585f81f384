"""How well masks fit the truth of annotated sequences, for anything that follows objects from a first prompt.

for result in measure_quality(tracker_follower(tracker.new_session), sequences, PromptKind.BOX):
    result.name, result.region().mean, result.boundary().mean
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import cv2
import numpy as np

from bench.davis_metric import Statistics, boundary_measure, statistics
from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.scene import innermost_point
from streamtrack.tracking import Session
from training.baselines import flow_masks, static_masks
from training.measures import region_similarity

Masks = Mapping[int, BoolMask]
"""By object id, (H, W)."""
Prompts = Mapping[int, Mapping[str, Any]]
"""By object id, the keywords of `Session.add`."""
Follower = Callable[[list[Image], Prompts], Iterator[Masks]]
"""Given all frames and the first one's prompts, the masks of each frame, in order, as soon as it has them."""


class Annotated(Protocol):
    """A sequence whose every frame has its truth, such as `davis_folder.Sequence`."""

    @property
    def name(self) -> str:
        """What it is called."""

    def frames(self) -> list[Image]:
        """Every frame, (H, W, 3) RGB."""

    def truth(self, frame_idx: int) -> tuple[Mapping[int, BoolMask], BoolMask]:
        """Each object's mask on a frame, and the pixels that are scored."""


class PromptKind(StrEnum):
    """What is known of an object on the first frame."""

    CLICK = "click"
    """Its innermost point."""
    BOX = "box"
    """The tight box around it."""
    MASK = "mask"
    """Its true mask."""


@dataclass
class ObjectScores:
    """One object on every frame of a sequence, the first and last included."""

    region: list[float] = field(default_factory=list)
    """J, 0 to 1."""
    boundary: list[float] = field(default_factory=list)
    """F, 0 to 1."""


@dataclass
class SequenceResult:
    """One sequence, raw; what is made of it is computed when asked for."""

    name: str
    objects: dict[int, ObjectScores]
    step_seconds: list[float]
    """Per frame, with everything that the follower does for it."""

    def region(self) -> Statistics:
        """J, mean over the objects."""
        return mean_statistics([scored(one.region) for one in self.objects.values()])

    def boundary(self) -> Statistics:
        """F, mean over the objects."""
        return mean_statistics([scored(one.boundary) for one in self.objects.values()])


@dataclass(frozen=True)
class ScoredFrame:
    """What was found on a frame, for pictures of it."""

    sequence: str
    frame_idx: int
    image: Image
    masks: Masks
    truth: Masks
    score: float
    """J&F, mean over the objects."""


def measure_quality(
    follow: Follower,
    sequences: Iterable[Annotated],
    prompt: PromptKind,
    on_frame: Callable[[ScoredFrame], None] | None = None,
) -> Iterator[SequenceResult]:
    """Follow every object of each sequence's first frame, and score all frames.

    Args:
        on_frame: told of each scored frame, the first and the last of a sequence left out.
    """
    for sequence in sequences:
        frames = sequence.frames()
        first, _ = sequence.truth(0)
        prompts = {object_id: make_prompt(mask, prompt) for object_id, mask in first.items()}
        result = SequenceResult(sequence.name, {object_id: ObjectScores() for object_id in first}, [])
        found = follow(frames, prompts)
        for frame_idx, image in enumerate(frames):
            started = time.perf_counter()
            masks = next(found)
            result.step_seconds.append(time.perf_counter() - started)
            truth, counts = sequence.truth(frame_idx)
            values = []
            for object_id, one in result.objects.items():
                ours, theirs = masks[object_id] & counts, truth[object_id] & counts
                one.region.append(region_similarity(ours, theirs))
                one.boundary.append(boundary_measure(ours, theirs))
                values.append((one.region[-1] + one.boundary[-1]) / 2)
            if on_frame is not None and 0 < frame_idx < len(frames) - 1:
                on_frame(
                    ScoredFrame(sequence.name, frame_idx, image, masks, truth, sum(values) / len(values))
                )
        yield result


def make_prompt(mask: BoolMask, kind: PromptKind) -> dict[str, Any]:
    """The keywords of `Session.add` for a true mask, which must not be empty."""
    if kind is PromptKind.MASK:
        return {"mask": mask}
    if kind is PromptKind.CLICK:
        return {"points": [innermost_point(mask)]}
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return {"box": (x, y, x + width, y + height)}


def tracker_follower(new_session: Callable[[], Session]) -> Follower:
    """Follow with sessions of the product, one for each sequence, all objects in it."""

    def follow(frames: list[Image], prompts: Prompts) -> Iterator[Masks]:
        session = new_session()
        for object_id, prompt in prompts.items():
            session.add(object_id, **prompt)
        for frame in frames:
            yield {object_id: found.mask for object_id, found in session.step(frame).objects.items()}

    return follow


def leave_in_place(frames: list[Image], prompts: Prompts) -> Iterator[Masks]:
    """Baseline: the first mask on every frame. Needs mask prompts."""
    return _each_object(static_masks, frames, prompts)


def carry_by_flow(frames: list[Image], prompts: Prompts) -> Iterator[Masks]:
    """Baseline: the first mask carried from frame to frame by dense optical flow. Needs mask prompts."""
    return _each_object(flow_masks, frames, prompts)


def scored(per_frame: list[float]) -> Statistics:
    """Statistics as DAVIS takes them: the first frame is given and the last is left out."""
    return statistics(per_frame[1:-1])


def mean_statistics(of_objects: list[Statistics]) -> Statistics:
    """Over objects, each weighing alike."""
    return Statistics(
        *(float(np.mean([getattr(one, name) for one in of_objects])) for name in ("mean", "recall", "decay"))
    )


def _each_object(
    baseline: Callable[[BoolMask, list[Image]], Iterator[BoolMask]], frames: list[Image], prompts: Prompts
) -> Iterator[Masks]:
    carried = {object_id: baseline(prompt["mask"], frames) for object_id, prompt in prompts.items()}
    for _ in frames:
        yield {object_id: next(masks) for object_id, masks in carried.items()}
