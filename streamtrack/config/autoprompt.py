"""`streams.N.autoprompt`: who starts objects, beside people and programs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.section import Section


class SceneAutoprompt(Section):
    """A synthetic scene knows its objects, and starts all of them on the first frame.

    The mean IoU against its ground truth is reported.
    """

    kind: Literal["scene"] = "scene"
    """For `synthetic:` sources."""


class DetectorAutoprompt(Section):
    """The shipped detector looks at the newest frame every now and then, and starts what it finds.

    It runs on a thread of its own, on the processor.
    """

    kind: Literal["detector"] = "detector"
    """Finds objects by class."""
    classes: tuple[str, ...] = Field(min_length=1)
    """Of COCO's 80: person, car, dog, ... From straight above it takes cars for cell phones: name both, and
    set `label`."""
    label: str | None = Field(None, max_length=128)
    """What its objects are called. null: their class."""
    min_score: float = Field(0.45, ge=0, le=1)
    """Surer finds start fewer wrong tracks and miss more right ones; 0.35 to 0.6 is sensible."""
    min_box_px: int = Field(24, ge=1)
    """Shorter side of the box, in pixels of the frame. Smaller objects are followed badly."""
    confirmations: int = Field(2, ge=1, le=20)
    """Detections in a row before an object starts: each costs an interval and spares false starts."""
    interval_ms: int = Field(400, ge=20)
    """From the start of one detection to the next. Shorter starts tracks sooner and takes more of a
    core."""
    max_objects: int = Field(8, ge=1, le=256)
    """Objects that it follows at a time; those of people do not count."""
    cooldown_ms: int = Field(5_000, ge=0)
    """What someone removed is left alone until it was out of the detector's sight for so long."""
    remove_lost_after_ms: int | None = Field(5_000, ge=0)
    """Its objects end so long after they were lost, so that days of passers-by fill nothing. null: never."""
    remove_unconfirmed_after_ms: int | None = Field(3_000, ge=0)
    """Its objects end when no detection met their mask for so long: they left, or the mask drifted off.
    Longer keeps what the detector cannot see, such as people behind a car. null: never."""

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value
