"""The HTTP API's way for objects as files: out of a stream, and into one.

A memory comes in where prompts do, `POST /streams/{name}/objects`, and is told from them by its content type.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic.json_schema import SkipJsonSchema

from streamtrack.config.shown import describe_key
from streamtrack.control.command_values import ObjectId
from streamtrack.control.commands import Answer, Executor, ExportAnswer
from streamtrack.control.memory_commands import AddFromCommand, AddMemoryCommand, ExportCommand
from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.http.access_guard import MEMORY_TYPE, media_type
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.paths import Hidden, ObjectIdPath, StreamName, for_stream
from streamtrack.object_record import MAX_MEMORY_BYTES

MEMORY_QUERY = (
    ("object_id", "integer", "Of a memory: its id; the next free one where left out"),
    ("label", "string", "Of a memory: what to call it; the label that it has where left out"),
    (
        "at_frame",
        "integer",
        "Of a memory: the kept frame that it is followed from; the newest where left out",
    ),
    (
        "anywhere",
        "boolean",
        "Of a memory: it may be elsewhere in the picture; all of it is looked at first",
    ),
)
TAKES_A_MEMORY: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "schema": {"type": kind}, "description": text}
        for name, kind, text in MEMORY_QUERY
    ],
    "requestBody": {
        "content": {
            MEMORY_TYPE: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "maxLength": MAX_MEMORY_BYTES,
                    "description": "An object's memory, as GET .../objects/{object_id}/memory gives it",
                }
            }
        }
    },
}
"""What OpenAPI tells of the route that takes prompts and memories."""


class FromBody(AddFromCommand):
    """Which object, and how sure one must be; the stream that it comes to is the one in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["add_from"]] = "add_from"


def memory_routes(executor: Executor) -> APIRouter:
    """The route by which memories go out."""
    router = APIRouter(prefix="/streams/{name}/objects", tags=["objects"])

    @router.get(
        "/{object_id}/memory",
        response_class=Response,
        responses={200: {"content": {MEMORY_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def download_memory(name: StreamName, object_id: ObjectIdPath) -> Response:
        """All that is remembered of the object as a safetensors file: what `POST .../objects` takes, here, in
        another process or at another camera with the same model."""
        answer = await executor.execute(ExportCommand(stream=name, object_id=object_id))
        headers = {
            "content-disposition": f'attachment; filename="object-{object_id}.safetensors"',
            "cache-control": "no-store",
        }
        assert isinstance(answer, ExportAnswer)
        return Response(answer.memory, media_type=MEMORY_TYPE, headers=headers)

    bodies = APIRouter(prefix="/streams/{name}/objects", tags=["objects"], route_class=CommandRoute)

    @bodies.post("/from")
    async def hand_over(name: StreamName, body: FromBody) -> Answer:
        """Look for an object of another stream in this one's newest picture, and follow it here where its
        looks say surely enough that it is the same. `likeness` is the score, `candidates` what was found,
        `object_id` the object that was started, or null."""
        return await executor.execute(for_stream(body, name))

    both = APIRouter()
    both.include_router(router)
    both.include_router(bodies)
    return both


def _check_keys(given: Iterable[str]) -> None:
    """Refuse a query that says what nobody reads, such as a key with a slip of the pen."""
    known = [name for name, _, _ in MEMORY_QUERY]
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            meant = f"{close[0]}?" if close else ", ".join(known)
            raise PromptError(f"unknown key {describe_key(key)}, expected {meant}")


def prompts_or_memories(executor: Executor) -> type[CommandRoute]:
    """The kind of a route that takes JSON prompts, and memories as bytes."""

    async def add_memory(
        name: StreamName,
        request: Request,
        object_id: Annotated[ObjectId | None, Query()] = None,
        label: Annotated[str, Query(max_length=128)] = "",
        at_frame: Annotated[int | None, Query(ge=0)] = None,
        anywhere: bool = False,
    ) -> Answer:
        _check_keys(request.query_params)
        memory = await request.body()
        if not memory:
            raise ObjectMemoryError("object memory: the body is empty, expected an object's memory")
        command = AddMemoryCommand(
            stream=name,
            object_id=object_id,
            memory=memory,
            label=label,
            at_frame=at_frame,
            anywhere=anywhere,
        )
        return await executor.execute(command)

    takes_memory = APIRoute("/", add_memory, status_code=HTTPStatus.CREATED).get_route_handler()

    class PromptOrMemoryRoute(CommandRoute):
        """Tells the two by their content type."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            takes_prompt = super().get_route_handler()

            async def handle(request: Request) -> Response:
                is_memory = media_type(request.headers.get("content-type", "")) == MEMORY_TYPE
                return await (takes_memory if is_memory else takes_prompt)(request)

            return handle

    return PromptOrMemoryRoute
