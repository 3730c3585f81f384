"""`archive` and `streams.N.recording`: what is kept of a stream, where, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value
from streamtrack.frame import EventKind

RecordingMode = Literal["off", "continuous", "events"]
DEFAULT_KINDS = (
    EventKind.ADDED,
    EventKind.LOST,
    EventKind.FOUND,
    EventKind.ENTERED,
    EventKind.LEFT,
    EventKind.LOITERING,
    EventKind.CROSSED,
)
NEVER_STARTS = frozenset({EventKind.RECORDING_STOPPED, EventKind.RECORDING_RESUMED})


class RecordingConfig(Section):
    """Films of one stream. `recording: continuous` stands for `recording: {mode: continuous}`."""

    mode: RecordingMode = "off"
    """continuous: everything. events: from `pre_roll_s` before an event to `post_roll_s` after it. Both need
    `archive.folder`."""
    overlay: bool = False
    """Keep the annotated picture beside the clean one: a second film, and an encode of every tracked frame,
    with `mode: events` also while nothing happens. The page draws the masks over the clean one by itself."""
    masks: bool = True
    """Keep the masks beside the film: run lengths as JSON lines."""
    segment_s: float = Field(60, ge=2, le=3_600)
    """A new file begins at the first keyframe after so long. Shorter ones are deleted in finer steps."""
    kinds: tuple[str, ...] = Field(tuple(map(str, DEFAULT_KINDS)), min_length=1)
    """With `mode: events`: the kinds of events that are kept, as docs/wire-format.md lists them."""
    rules: tuple[str, ...] = ()
    """Only events of these zones and lines. Empty: of every one, and events that are no rule's."""
    classes: tuple[str, ...] = ()
    """Only events of objects of these of COCO's 80 classes. Empty: of any."""
    labels: tuple[str, ...] = ()
    """Only events of objects with these labels. Empty: of any."""
    pre_roll_s: float = Field(10, ge=0, le=120)
    """How long before the event the film begins, or up to a keyframe earlier. Kept in memory as packets."""
    post_roll_s: float = Field(10, ge=0, le=600)
    """How long after the last event it goes on. Events that are nearer to each other share a film."""
    bitrate_kbps: int = Field(4_000, ge=50)
    """Of what has to be encoded: the overlay, and the clean film where the camera's packets do not fit."""

    @model_validator(mode="before")
    @classmethod
    def _mode_alone(cls, value: Any) -> Any:
        # YAML reads `off` as false.
        if value is False or (isinstance(value, Mapping) and value.get("mode") is False):
            value = {**(value or {}), "mode": "off"}
        return {"mode": value} if isinstance(value, str) else value

    @field_validator("kinds")
    @classmethod
    def _kinds_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in frozenset(EventKind) or kind in NEVER_STARTS:
                kinds = ", ".join(one for one in EventKind if one not in NEVER_STARTS)
                got = describe_value(kind)
                raise ValueError(f"{got} is no kind of event to record, expected some of: {kinds}")
        return value

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value


class ArchiveConfig(Section):
    """Where recordings and the log of events are kept, and for how long."""

    folder: Path | None = None
    """A folder of its own; a relative path begins at the config's folder. null: no recordings, and of the
    events the newest only, in memory."""
    keep_days: float = Field(7, gt=0, le=3_650)
    """Recordings older than this are deleted."""
    max_gb: float = Field(50, ge=0.01)
    """All recordings together, in 10^9 bytes: beyond, the oldest are deleted, never one that is being
    written."""
    min_free_gb: float = Field(1, ge=0)
    """Recording stops where the disk has less room than this, tells it, and goes on once there is more."""
    events_keep_days: float = Field(30, gt=0, le=3_650)
    """Events older than this are forgotten."""
    events_max: int = Field(500_000, ge=100, le=50_000_000)
    """Events that are remembered; of more, the oldest are forgotten. Each takes a few kilobytes with its
    picture."""
    thumbnail_px: int = Field(160, ge=0, le=320)
    """Longer side of the picture that is kept with an event of an object. 0: none beside those of rules."""
