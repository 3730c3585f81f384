"""A job as a value: what was asked, how it stands, what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from streamtrack.config.section import Section
from streamtrack.offline.exporters import find_exporters
from streamtrack.tracking.film_span import Direction

USUAL_EXPORTS = ("objects", "events", "masks-rle", "overlay")


class JobOptions(Section):
    """How a film is followed, and what is written."""

    direction: Direction = "forward"
    """forward, backward or both."""
    start: int | None = Field(None, ge=0)
    """First frame; null: the film's."""
    end: int | None = Field(None, ge=0)
    """Last frame; null: the film's."""
    stride: int = Field(1, ge=1, le=10_000)
    """Every how manieth frame is looked at."""
    exports: tuple[str, ...] = Field(USUAL_EXPORTS, min_length=1, max_length=32)
    """What is written: names of `streamtrack track --export list`."""
    max_width_px: int | None = Field(None, ge=32)
    """Wider frames are scaled down while decoding."""

    @field_validator("exports")
    @classmethod
    def _exports_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # Names alone: MODULE:CLASS, which the command line takes, would run any code.
        known = {name for one in find_exporters().values() for name in (one.name, *one.aliases)}
        for name in value:
            if name not in known:
                raise ValueError(f"no such export, expected some of: {', '.join(sorted(find_exporters()))}")
        return value


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = frozenset({JobState.DONE, JobState.CANCELLED, JobState.FAILED})


class JobFile(BaseModel):
    """A result."""

    name: str
    """A file's or a folder's, in the results."""
    bytes: int
    count: int | None = None
    """Files in a folder; null of a file."""


class Job(BaseModel):
    """A film's job at one moment."""

    id: str
    state: JobState = JobState.WAITING
    film: str
    """Its name, or its address without credentials."""
    source: Literal["upload", "url"]
    options: JobOptions
    num_objects: int
    """That the prompts name."""
    num_steps: int = 0
    """Frames that were followed, or told, so far."""
    total_steps: int | None = None
    """Of how many; null where nobody counted the film's frames, or before it has begun."""
    fps: float | None = None
    """Frames a second."""
    left_s: float | None = None
    """Seconds to go."""
    created_ms: int
    """Wall clock (Unix epoch, UTC)."""
    started_ms: int | None = None
    ended_ms: int | None = None
    error: str = ""
    """Why it failed, in one line."""
    line: str = ""
    """What became of it, in one line."""
    summary: dict[str, Any] | None = None
    """Frames, objects, events and what was dropped."""
    files: tuple[JobFile, ...] = ()
    """Results, once it has ended."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ENDED
