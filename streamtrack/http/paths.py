"""What the API's addresses name, and commands whose stream and object the address names."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Path
from pydantic.json_schema import SkipJsonSchema

from streamtrack.control.command_values import Command, ObjectId
from streamtrack.errors import PromptError

StreamName = Annotated[str, Path(description="As in the config", max_length=64)]
ObjectIdPath = Annotated[ObjectId, Path(description="The object's id")]
Hidden = SkipJsonSchema[str]

CommandT = TypeVar("CommandT", bound=Command)


def for_stream(body: CommandT, name: str, object_id: int | None = None) -> CommandT:
    """The command in a body, for the stream (and object) that the path names.

    Raises:
        PromptError: the body names another stream.
    """
    if body.stream not in ("", name):
        raise PromptError(f"the body names stream {body.stream!r}, expected {name!r} as in the path")
    named = {"stream": name} if object_id is None else {"stream": name, "object_id": object_id}
    return body.model_copy(update=named)
