"""When a frame is remembered: the rules, what they look at, and what they make of it. Values only.

Sources: SAMURAI (arXiv:2411.11922) for motion and for which frames are fit to be remembered, DAM4SAM
(arXiv:2411.17576) for the frames on which a look-alike was told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.config import TrackingConfig
from streamtrack.model.interface import Size
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.known_look import KnownLook

MOTION_WEIGHT = 0.15
"""How much the motion's IoU counts beside the estimated one (SAMURAI's alpha)."""

LEAST_IOU = 0.5
"""The estimate of the mask's IoU is above (SAMURAI's tau_mask)."""


@dataclass(frozen=True, slots=True)
class MemoryRules:
    """When a frame is remembered. Scores are from 0 to 1, lengths are frames."""

    name: str = "motion_aware"
    """Of the plan."""
    motion_weight: float = MOTION_WEIGHT
    """How much the motion's IoU counts when a candidate is chosen."""
    least_iou: float = LEAST_IOU
    """The estimate of the mask's IoU must be above."""
    least_object_score: float = 0.5
    """Probability of being visible (tau_obj, which is 0 as a logit)."""
    least_motion: float = 0.0
    """IoU of its box and the expected one (tau_kf); only once motion is known."""
    most_growth: float = 1.5
    """Times the median area of the frames that were remembered lately that it may have; more, the longer ago
    they were."""
    most_motion_growth: float = 1.25
    """The same for the mask to say where the object goes: it is off where it took in some of another."""
    stable_frames: int = 15
    """Motion is known once so many frames in a row were seen well (tau_stable)."""
    stable_iou: float = 0.3
    """Seen well: the estimate is above."""
    anchors: bool = False
    """Whether frames on which a look-alike was told apart are remembered for long."""
    anchor_iou: float = 0.8
    """An anchor's estimate is above (DAM4SAM's theta_iou),"""
    anchor_area: float = 0.2
    """its area at most this share from the median of the last frames (theta_area),"""
    anchor_rival: float = 0.7
    """the IoU of its box without and with another candidate at most this (theta_anc),"""
    anchor_every: int = 5
    """and the last anchor more than so many frames ago."""
    found_similarity: float = 0.5
    found_margin: float = 0.03
    found_colours: float = 0.82
    found_frames: int = 2
    """As `TrackingConfig` has them."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What was seen of an object on a frame."""

    object_score: float
    iou_score: float
    rival: float
    """See `Found`."""
    look: KnownLook | None
    """None where nobody asked."""
    box: Box | None
    """In pixels of the picture; None where it is hidden."""
    area_px: int
    frame_size: Size
    fit: bool = True
    """False: the frame came damaged, or the mask is not believed: it changes nothing."""
    contested: bool = False
    """Another object claims the place with a better mask."""
    stranger: Box | None = None
    """Where it is hidden: what showed in its place, and cannot be it."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a frame and an object's mask on it, beside what the network says."""

    prompted: bool = False
    fit: bool = True
    """False: the frame came damaged, or the mask is not believed."""
    contested: bool = False
    """Another object claims the place with a better mask."""
    cut: bool = False
    """Another scene begins with it."""
    stranger: Box | None = None
    """What showed in the object's place, and cannot be it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is made of a frame."""

    remember: bool
    anchor: bool
    confirmed: bool
    """False: it was hidden, and what shows now may be another."""
    same: bool = True
    """False: what shows now does not look like it, or is not where it can be."""


ALL_WELL = Verdict(remember=True, anchor=False, confirmed=True)
CUT = Verdict(remember=True, anchor=False, confirmed=False)
"""Of the first frame of a scene, where nothing confirms that an object is itself."""


def make_memory_rules(config: TrackingConfig) -> MemoryRules | None:
    """The rules of a config's memory plan; None for `recent`, which remembers what comes."""
    if config.memory in (None, "recent"):
        return None
    by_motion = config.memory == "motion_aware"
    return MemoryRules(
        name=str(config.memory),
        motion_weight=MOTION_WEIGHT if by_motion else 0.0,
        # DAM4SAM remembers whenever the object is there.
        least_iou=LEAST_IOU if by_motion else 0.0,
        anchors=not by_motion,
        found_similarity=config.found_similarity,
        found_margin=config.found_margin,
        found_colours=config.found_colours,
        found_frames=config.found_frames,
    )
