"""What flows between the stages: frames in, masks out. numpy only; nothing here knows a model or a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.object_record import ObjectRecord

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
BoolMask = NDArray[np.bool_]
"""(H, W) bool, True on the object."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and when it came."""

    image: Image
    """(H, W, 3) uint8 RGB. Shared between stages: nobody writes into it."""
    seq: int
    """Counts the frames that this source has decoded since it started, across reconnects; gaps are drops."""
    pts: int | None
    """Presentation time in ticks of `time_base`, as the container gave it."""
    time_base: Fraction
    """Seconds per tick of `pts`."""
    capture_monotonic_ns: int
    """Monotonic clock when the decoder handed the frame over."""
    capture_wall_ns: int
    """Wall clock at the same moment."""
    gap_before: bool = False
    """True on the first frame after a reconnect or a seek: time passed that nobody saw."""
    damaged: bool = False
    """True where the picture is known or suspected to be smeared: it is shown, and never remembered."""
    ground_truth: Mapping[int, BoolMask] | None = None
    """Masks by object id where the source knows them (synthetic scenes), else None."""
    file_name: str | None = None
    """The name of the file that the picture came from, in a folder of pictures; None for videos."""
    packet_pts: int | None = None
    """The time that the picture's own packet carries, in ticks of `time_base`: `pts` goes on where a camera's
    times jump, this one does not. None where there is no packet, or it tells none."""

    @property
    def time_s(self) -> float | None:
        """Presentation time in seconds; None where there is none."""
        return None if self.pts is None else float(self.pts * self.time_base)

    @property
    def height_px(self) -> int:
        """Rows of the image."""
        return int(self.image.shape[0])

    @property
    def width_px(self) -> int:
        """Columns of the image."""
        return int(self.image.shape[1])


class ObjectState(StrEnum):
    """What the tracker says of an object on one frame."""

    TRACKING = "tracking"
    """Visible and followed."""
    UNCERTAIN = "uncertain"
    """Visible, but the mask-quality estimate is low."""
    OCCLUDED = "occluded"
    """Not visible on this frame (object score logits below 0); the mask is empty."""
    LOST = "lost"
    """Not visible for longer than `lost_after_ms`."""
    UNSEEN = "unseen"
    """Nobody looks: the source is away, the stream stands, or the network's numbers were not finite; box and
    mask are those of the last frame."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMask(ObjectRecord):
    """One object on one frame, with its mask."""

    state: ObjectState
    crop: BoolMask
    """(y1 - y0, x1 - x0) bool: the mask inside `box`."""
    frame_size: tuple[int, int]
    """H, W of the frame in pixels."""

    @property
    def mask(self) -> BoolMask:
        """The whole mask, (H, W) bool; a new array at each call."""
        full = np.zeros(self.frame_size, dtype=np.bool_)
        x0, y0, x1, y1 = self.box
        full[y0:y1, x0:x1] = self.crop
        return full

    @classmethod
    def from_mask(
        cls,
        mask: BoolMask,
        object_id: int,
        *,
        label: str = "",
        state: ObjectState = ObjectState.TRACKING,
        object_score: float = 1.0,
        iou_score: float = 1.0,
    ) -> ObjectMask:
        """Crop a full (H, W) bool mask to its box and measure it."""
        height, width = mask.shape
        rows = np.flatnonzero(mask.any(axis=1))
        if rows.size == 0:
            box, crop = (0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
        else:
            columns = np.flatnonzero(mask.any(axis=0))
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            crop = np.ascontiguousarray(mask[box[1] : box[3], box[0] : box[2]])
        area_px, centroid = measure_crop(crop, box)
        return cls(
            object_id, label, state, object_score, iou_score, box, area_px, centroid, crop, (height, width)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One of the masks that a click may mean: the man, his shirt, a button of it."""

    index: int
    """What `choose` takes; 0 is the largest."""
    frame_idx: int
    """The frame of the click."""
    chosen: bool
    """Whether the object has this one."""
    found: ObjectMask
    """The object as it would be on that frame."""

    @property
    def mask(self) -> BoolMask:
        """(H, W) bool; a new array at each call."""
        return self.found.mask

    @property
    def area_px(self) -> int:
        """Pixels of the mask."""
        return self.found.area_px

    @property
    def iou_score(self) -> float:
        """The network's estimate of the mask's IoU, 0 to 1."""
        return self.found.iou_score


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back."""

    object_id: int
    what: str
    """start, correct, clear, choose, start_over or merge."""
    frame_idx: int
    """The frame that it was for; -1 where it waited for the next one."""


def measure_crop(crop: BoolMask, box: tuple[int, int, int, int]) -> tuple[int, tuple[float, float] | None]:
    """Area in pixels and mean pixel centre (x, y) of a cropped mask; centroid None where it is empty."""
    per_column = np.count_nonzero(crop, axis=0)
    area_px = int(per_column.sum())
    if area_px == 0:
        return 0, None
    per_row = np.count_nonzero(crop, axis=1)
    x = float(per_column @ np.arange(crop.shape[1])) / area_px + box[0] + 0.5
    y = float(per_row @ np.arange(crop.shape[0])) / area_px + box[1] + 0.5
    return area_px, (x, y)


def masks_iou(first: ObjectMask, second: ObjectMask) -> float:
    """Intersection over union of two masks of one frame, 0 to 1; 0 where both are empty."""
    x0, y0 = max(first.box[0], second.box[0]), max(first.box[1], second.box[1])
    x1, y1 = min(first.box[2], second.box[2]), min(first.box[3], second.box[3])
    if x0 >= x1 or y0 >= y1:
        return 0.0
    parts = [
        one.crop[y0 - one.box[1] : y1 - one.box[1], x0 - one.box[0] : x1 - one.box[0]]
        for one in (first, second)
    ]
    both = int(np.count_nonzero(parts[0] & parts[1]))
    return both / (first.area_px + second.area_px - both)


class EventKind(StrEnum):
    """What can happen to an object or a stream."""

    ADDED = "added"
    CORRECTED = "corrected"
    MENDED = "mended"
    """What was found disagreed with the object's mask, or it was found again: it is followed from there."""
    REMOVED = "removed"
    LABELED = "labeled"
    LOST = "lost"
    FOUND = "found"
    OCCLUDED = "occluded"
    UNCERTAIN = "uncertain"
    TRACKING = "tracking"
    CONDITIONING_EVICTED = "conditioning_evicted"
    GAP = "gap"
    PAUSED = "paused"
    RESUMED = "resumed"
    """A paused stream goes on; or, with the reason `restarted`, it goes on with the objects that the process
    before followed."""
    EXPIRED = "expired"
    """An object that the process before followed is not followed any more; `reason` says why."""
    FAILED = "failed"
    """The stream's step failed; it is restarted after a while."""
    RESTARTED = "restarted"
    """A failed or stalled stream tracks again, its objects re-seeded."""
    STALLED = "stalled"
    """A step takes far longer than any before it."""
    SOURCE_LOST = "source_lost"
    """The camera is away."""
    FROZEN = "frozen"
    """The camera sends the same picture over and over."""
    UNFROZEN = "unfrozen"
    SIZE_CHANGED = "size_changed"
    """The camera's pictures have another size than before."""
    CLOCK_JUMPED = "clock_jumped"
    """The camera's presentation times jumped."""
    DAMAGED = "damaged"
    """Pictures arrive damaged; the decoder waits for a keyframe."""
    NOT_FINITE = "not_finite"
    """The network gave NaN or infinity for an object; the frame was kept out of its memory."""
    IDENTITY_CLASH = "identity_clash"
    """The masks of two objects have been one for some frames; `merge` makes one object of them."""
    SCENE_CUT = "scene_cut"
    """Another scene began; objects are looked for in the whole picture."""
    ENTERED = "entered"
    """An object is in a zone."""
    LEFT = "left"
    """It is not any more."""
    LOITERING = "loitering"
    """It is in a zone for longer than the zone's `loiter_ms`."""
    CROSSED = "crossed"
    """An object crossed a line."""
    PTZ = "ptz"
    """A camera that turns follows, searches, goes home, or its motors answer no more."""
    STREAM_ADDED = "stream_added"
    """The stream was added while the server runs."""
    STREAM_REMOVED = "stream_removed"
    """The stream ends: it was removed, or begins anew with other settings; `reason` says which."""
    RECORDING_STOPPED = "recording_stopped"
    """The disk is full, or refuses: nothing is recorded until it works again. The stream goes on."""
    RECORDING_RESUMED = "recording_resumed"
    """It works again."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, once."""

    kind: EventKind
    frame_idx: int
    """The tracked frame it belongs to; -1 before the first."""
    object_id: int | None = None
    """The object it happened to; None for the stream."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that msgpack and JSON can carry."""


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Where one frame's time went, monotonic nanoseconds."""

    capture_ns: int = 0
    """The decoder handed the frame over."""
    track_start_ns: int = 0
    """`step` began."""
    track_end_ns: int = 0
    """`step` returned: masks are in host memory."""
    publish_ns: int = 0
    """The message was given to the socket; 0 until then."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Every tracked object on one frame."""

    frame_idx: int
    """Counts tracked frames of this session from 0; of a film, the frame's number in it."""
    frame: Frame
    """The frame that was tracked; its `file_name` and `time_s` say where in a recording it stands."""
    objects: Mapping[int, ObjectMask]
    """By object id, in the order in which they were added."""
    times: StageTimes
    events: tuple[Event, ...] = ()
    """What happened on this frame."""
    logits: Mapping[int, NDArray[np.float32]] | None = None
    """Low-res mask logits by object id, (h, w); of films where they are asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """One thing that a stream tells its consumers. They come one way and in order."""

    stream: str
    """The stream's name."""
    result: FrameResult | None
    """The frame's masks; None where only events are told."""
    revises: bool = False
    """True where `result` is a frame that was told before, corrected since."""
    events: tuple[Event, ...] = ()
    """What happened, oldest first; those of `result` included."""


@dataclass(frozen=True, slots=True)
class SourceNotice:
    """Something that the ingest noticed of its source, for the stream to tell as an event."""

    kind: EventKind
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that msgpack and JSON can carry."""
