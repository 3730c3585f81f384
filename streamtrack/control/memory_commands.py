"""The commands by which objects leave a stream as files, and come into one."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from streamtrack.control.command_values import Command, FrameIdx, ObjectId
from streamtrack.object_record import MAX_MEMORY_BYTES


def _as_bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise ValueError("expected bytes, or text in base64") from None


class AddMemoryCommand(Command):
    """Follow an object again of which a memory is there, from the newest frame or from a kept one."""

    op: Literal["add_memory"] = "add_memory"
    object_id: ObjectId | None = None
    """None takes the next free one."""
    memory: Annotated[bytes, BeforeValidator(_as_bytes), Field(max_length=MAX_MEMORY_BYTES, repr=False)]
    """What `export` gave, of any stream or process with the same model; base64 in JSON."""
    label: str = Field("", max_length=128)
    """Empty: the label that the memory has."""
    at_frame: FrameIdx | None = None
    """A kept frame; None: the newest."""
    anywhere: bool = False
    """It may be elsewhere in the picture (another camera's): all of it is looked at first."""


class ProposeCommand(Command):
    """Look for an object of which a memory is there in the newest frame. `answer.likeness` holds the score, 0
    to 1, `answer.candidates` what was found; `answer.object_id` is the object that was started, or null."""

    op: Literal["propose"] = "propose"
    memory: Annotated[bytes, BeforeValidator(_as_bytes), Field(max_length=MAX_MEMORY_BYTES, repr=False)]
    object_id: ObjectId | None = None
    """Of the object that is started; None takes the next free one."""
    label: str = Field("", max_length=128)
    start: Literal["never", "sure", "always"] = "sure"
    """never: nothing is started; sure: what scores `min_score` or more; always: whatever was found."""
    min_score: float = Field(0.5, ge=0, le=1)


class AddFromCommand(Command):
    """`propose` with the memory of an object of another stream."""

    op: Literal["add_from"] = "add_from"
    source: str = Field(max_length=64)
    """The stream that follows it."""
    source_id: ObjectId
    object_id: ObjectId | None = None
    label: str = Field("", max_length=128)
    start: Literal["never", "sure", "always"] = "sure"
    min_score: float = Field(0.5, ge=0, le=1)


class ExportCommand(Command):
    """Give out all that is remembered of an object, as a safetensors file: `answer.memory`, which comes as
    bytes of its own beside the answer."""

    op: Literal["export"] = "export"
    object_id: ObjectId
