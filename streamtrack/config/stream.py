"""`streams.N`: one camera, and the objects it starts with."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from streamtrack.config.autoprompt import AnyAutoprompt
from streamtrack.config.ptz import PtzConfig
from streamtrack.config.push import PushConfig, push_names
from streamtrack.config.recording import RecordingConfig
from streamtrack.config.rules import RulesConfig
from streamtrack.config.section import Pixels, Section
from streamtrack.config.shown import describe_value
from streamtrack.config.source import SourceConfig
from streamtrack.config.supervision import SupervisionConfig
from streamtrack.config.tracking import TrackingConfig
from streamtrack.config.video import VideoConfig

STREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class PromptConfig(Section):
    """An object to start with: points, a box, or both, in pixels of the frame."""

    object_id: int = Field(ge=0, le=2**31 - 1)
    """The caller's id."""
    label: str = Field("", max_length=128)
    """What it is called."""
    points: tuple[tuple[Pixels, Pixels], ...] = ()
    """x, y in pixels."""
    labels: tuple[Literal[0, 1], ...] | None = None
    """1 on the object, 0 off it; all 1 where left out."""
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    """x0, y0, x1, y1 in pixels."""

    @model_validator(mode="after")
    def _has_a_prompt(self) -> Self:
        if not self.points and self.box is None:
            raise ValueError("a prompt needs points or a box")
        if self.labels is not None and len(self.labels) != len(self.points):
            raise ValueError(f"{len(self.labels)} labels for {len(self.points)} points, expected one each")
        return self


class StreamConfig(Section):
    """One camera."""

    name: str
    """Names the stream in topics, URLs and metrics: letters, digits, `_`, `.`, `-`; each stream's its own."""
    source: SourceConfig
    """Where frames come from."""
    tracking: TrackingConfig = TrackingConfig()
    """How much is remembered, and what is called lost."""
    video: VideoConfig = VideoConfig()
    """The annotated picture, its encoder and its viewers."""
    supervision: SupervisionConfig = SupervisionConfig()
    """When a step counts as hanging, and when a stream that failed is tried again."""
    push: tuple[PushConfig, ...] = Field((), max_length=16)
    """Servers that the picture is sent on to, without encoding it again."""
    ptz: PtzConfig | None = None
    """A camera that turns after the chosen object. null: it stands still, or others move it."""
    rules: RulesConfig = RulesConfig()
    """Zones and lines, and what is told of the objects in and at them."""
    recording: RecordingConfig = RecordingConfig()
    """Films of the stream, with the masks beside them: off, continuous, events, or a section."""
    prompts: tuple[PromptConfig, ...] = ()
    """Objects to start with, applied to the first frame."""
    autoprompt: AnyAutoprompt | None = None
    """Starts objects by itself: {kind: detector, classes: [person, car]} finds them by class and mends them,
    {kind: motion} what moves before a fixed camera, {kind: grid} whatever has an outline, {kind: scene} is
    for synthetic scenes. null: only clicks and commands do."""

    @field_validator("push")
    @classmethod
    def _push_names_differ(cls, value: tuple[PushConfig, ...]) -> tuple[PushConfig, ...]:
        push_names(value)
        return value

    @field_validator("name")
    @classmethod
    def _name_fits_a_url(cls, value: str) -> str:
        if not STREAM_NAME.fullmatch(value):
            got = describe_value(value)
            raise ValueError(f"stream name is {got}, expected letters, digits, '_', '.', '-'")
        return value
