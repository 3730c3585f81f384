"""`streams.N.tracking`: how much a session remembers, and what it calls lost."""

from __future__ import annotations

from pydantic import Field

from streamtrack.config.section import MadeInPython, Section


class TrackingConfig(Section, metaclass=MadeInPython):
    """The session: how much it remembers and what it calls lost."""

    max_objects: int = Field(16, ge=1, le=256)
    """Objects at one time. Each costs memory and time in every step; slots are allocated by doubling."""
    max_conditioning_frames: int = Field(4, ge=2, le=32)
    """Prompted frames kept for each object, the first for ever. More remember more corrections and cost
    time."""
    history_frames: int = Field(32, ge=1, le=600)
    """Encoded frames kept for prompts on a past frame: 32 at 15 fps is two seconds of an operator's delay.
    Each keeps its picture and features in memory."""
    uncertain_iou_score: float = Field(0.5, ge=0, le=1)
    """Below this estimate of the mask's quality a visible object is `uncertain`. Higher warns earlier and
    more often."""
    lost_after_ms: int = Field(2_000, ge=0)
    """Hidden for longer than this, an object is `lost` and not only `occluded`."""
    keyframe_interval: int = Field(1, ge=1, le=16)
    """Every n-th frame goes through the network; between them optical flow carries the masks: faster, and
    worse where things move fast or cross. 1 is exact."""
    memory_frames: int = Field(6, ge=1, le=6)
    """Unprompted frames whose memory features are read. Fewer are faster and forget sooner; 6 is as the
    checkpoint was trained."""
    max_hole_area: int = Field(0, ge=0)
    """Holes of so many pixels at most are filled in every mask that is shown, counted in pixels of the
    network's own masks (a quarter of `model.image_size` a side); corners connect. 0 fills none."""
    max_sprinkle_area: int = Field(0, ge=0)
    """Pieces of a mask of so many of those pixels at most are dropped. 0 drops none."""
    memory_stride: int = Field(1, ge=1, le=16)
    """Of those, all but the newest lie this many tracked frames apart. More look back further and see less of
    what just changed. 1 is exact."""
