"""`streams.N.tracking`: how much a session remembers, and what it calls lost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from streamtrack.config.section import MadeInPython, Section

Factor = Annotated[float, Field(ge=1.1, le=16)]
"""How many times as long as an object's longer side."""
Growth = Annotated[float, Field(ge=1.5, le=1000)]
"""How many times an object's area."""


MemoryName = Literal["recent", "motion_aware", "distractor_aware"]
"""What of an object's past is remembered."""

_CHOICES = {
    "window": (("off", "auto"), 1.1, 16),
    "max_mask_growth": (("off",), 1.5, 1000),
    "objects_per_step": (("all",), 1, 256),
}
"""Words, and bounds of the number that may stand in their place."""


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
    window: Literal["off", "auto"] | Factor | None = None
    """What the network looks at. off: the whole picture, exact. A number: for each object a window around it,
    so many times as long as its longer side, so that small objects get many of the network's pixels; near
    ones share a window, each further window costs an encoder pass. auto: windows where the object is small in
    the picture, and wider ones where it moves fast. null: the model's own, auto for nano and off for SAM 2's
    checkpoints. In films no two objects share a window, so that each is found as if it were the only one."""
    max_mask_growth: Literal["off"] | Growth | None = None
    """From one frame to the next a mask that has more than so many times the object's area of before (half as
    many, where it is in more pieces than before) counts as exploded: the object is `uncertain`, and the frame
    enters no memory. With windows a mask keeps to the body that it was on as well: what it takes in of others
    that come near is cut away. off: every mask is believed, exact. null: 4 with windows, off without."""
    uncertain_iou_score: float = Field(0.5, ge=0, le=1)
    """Below this estimate of the mask's quality a visible object is `uncertain`. Higher warns earlier and
    more often."""
    lost_after_ms: int = Field(2_000, ge=0)
    """Hidden for longer than this, an object is `lost` and not only `occluded`."""
    keyframe_interval: int = Field(1, ge=1, le=16)
    """Every n-th frame goes through the network; between them optical flow carries the masks: faster, and
    worse where things move fast or cross. 1 is exact."""
    objects_per_step: Literal["all"] | Annotated[int, Field(ge=1, le=256)] = "all"
    """Objects that go through the network on a frame, those that need it most: in doubt, fast, prompted just
    now, or carried for longest. Optical flow carries the masks of the others, which costs next to nothing:
    many objects at nearly the speed of so many. all: every object on every frame, exact."""
    max_carried_frames: int = Field(8, ge=1, le=240)
    """Frames in a row over which an object is carried at most; then it has its turn, whatever others need.
    Where that would be more objects a frame than `objects_per_step`, they take turns, longest carried first.
    Without effect while that is all."""
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

    memory: MemoryName | None = None
    """What is remembered of an object. recent: its last frames, as SAM 2 does, exact. motion_aware: only
    frames on which visibility, estimated quality and motion agree, and of the network's candidates the one
    that is where the object was going (SAMURAI's rule). distractor_aware: the same frames, and beside them
    up to three on which a look-alike was told apart (DAM4SAM's rule). With the last two the worse of two
    masks that claim one place is not remembered, and a hidden object that shows again is `uncertain` until
    look and motion confirm it. null: motion_aware for nano with windows, else recent; see docs/memory.md."""
    found_similarity: float = Field(0.5, ge=-1, le=1)
    """How alike (cosine of pooled encoder features, -1 to 1) what is found again must look to what is
    remembered before the object is `tracking` again. Not with `memory: recent`."""
    found_margin: float = Field(0.03, ge=0, le=2)
    """Where no colours are known: by how much at most less alike than what is remembered is among itself (the
    median). Smaller: fewer strangers, and fewer who come back. 2 leaves it at `found_similarity`. Not with
    `memory: recent`."""
    found_colours: float = Field(0.82, ge=0, le=1)
    """And how alike its colours must be, in the third of it, from top to bottom, where they differ most
    (0 to 1). Higher: fewer strangers, and fewer who come back in another light. Not with `memory: recent`."""
    found_frames: int = Field(2, ge=1, le=60)
    """Tracked frames in a row on which that must hold. Not with `memory: recent`."""
    overlap: Literal["allow", "best_wins"] = "allow"
    """allow: every object's mask is shown as the network has it, exact. best_wins: a pixel that several
    objects claim is shown as that one's whose mask logit is the greatest there. What is remembered stays."""
    clash_iou: float = Field(0.7, gt=0, le=1)
    """From this intersection over union on the masks of two objects are taken for one."""
    clash_frames: int = Field(5, ge=0, le=600)
    """Tracked frames in a row on which they must be, for an `identity_clash` event. 0: no such events."""
    scene_cuts: bool | None = None
    """Look for cuts from one scene to another: each is a `scene_cut` event, objects are `uncertain` and are
    looked for in the whole picture. null: unless `memory` is recent."""
    scene_cut_histogram: float = Field(0.25, ge=0, le=1)
    """From this share of the picture on whose colours are others than before the cut a frame may be one."""
    scene_cut_features: float = Field(0.35, ge=0, le=2)
    """And from this distance of its shapes on (1 less their correlation, wherever they moved; 0 to 2)."""
    scene_cut_frames: int = Field(2, ge=1, le=30)
    """Tracked frames that the new scene must last: shorter is a flash. So many less one late it is told."""

    @field_validator(*_CHOICES, mode="before")
    @classmethod
    def _is_a_word_or_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        words, least, most = _CHOICES[str(info.field_name)]
        # YAML 1.1 reads off as a boolean; on stays one, and is none of the values.
        value = "off" if value is False and "off" in words else value
        is_counted = info.field_name == "objects_per_step"
        is_number = isinstance(value, int if is_counted else int | float) and not isinstance(value, bool)
        is_word = isinstance(value, str) and value in words
        is_unset = value is None and not is_counted
        if is_unset or is_word or (is_number and least <= value <= most):
            return value
        kind = "a whole number from " if is_counted else ""
        raise ValueError(f"expected {', '.join(words)} or {kind}{least} to {most}")
