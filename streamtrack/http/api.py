"""The HTTP API: commands, states, server-sent events, health and metrics.

It only does input and output: what a command means is decided in the pipeline, what a stream is like is
told by the board. Every error is `{"error": "one line"}`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from streamtrack.config import HttpConfig
from streamtrack.config.faults import describe_faults
from streamtrack.control.commands import (
    AddCommand,
    Answer,
    AnyCommand,
    Coordinate,
    CorrectCommand,
    FindCommand,
    LabelCommand,
    ListCommand,
    ObjectId,
    PauseCommand,
    RemoveCommand,
    ResumeCommand,
)
from streamtrack.control.status import Readiness, StreamBoard, StreamStatus, readiness
from streamtrack.errors import (
    BadRequestError,
    CapacityError,
    PromptError,
    StreamOfflineError,
    StreamTrackError,
)
from streamtrack.http.auth import AccessGuard
from streamtrack.http.live import live_stream
from streamtrack.object_record import ObjectInfo

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_WATCHERS = 64
"""Server-sent event streams at one time; each is a connection and ten small messages a second."""

logger = logging.getLogger(__name__)

StreamName = Annotated[str, Path(description="As in the config", max_length=64)]
ObjectIdPath = Annotated[ObjectId, Path(description="The object's id")]
Hidden = SkipJsonSchema[str]


class AddBody(AddCommand):
    """A prompt for a new object; the stream is the one in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["add"]] = "add"


class CorrectBody(CorrectCommand):
    """A prompt for an object that is followed; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["correct"]] = "correct"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class LabelBody(LabelCommand):
    """What to call an object."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["label"]] = "label"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


def create_app(board: StreamBoard, config: HttpConfig, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The whole HTTP application: this API and `routers`, behind the access guard."""
    app = FastAPI(
        title="streamtrack",
        description="Real-time object tracking on live video. Coordinates are pixels of the source's frame.",
        responses={"4XX": {"description": '{"error": "one line"}'}},
    )
    app.include_router(api_router(board))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(StreamTrackError, _answer_streamtrack_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(Exception, _answer_unexpected)
    app.add_middleware(AccessGuard, config=config)
    if config.cors_origins:  # in front of the guard: its refusals must be readable by these pages as well
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type", "If-Match"],
            expose_headers=["Location", "Link", "ETag", "Accept-Patch", "Retry-After"],
        )
    return app


def api_router(board: StreamBoard) -> APIRouter:
    """The routes of the API."""
    router = APIRouter()
    router.include_router(_stream_routes(board))
    router.include_router(_object_routes(board))
    router.include_router(_health_routes(board))
    return router


def _stream_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(tags=["streams"])
    watchers = 0

    @router.get("/streams")
    async def list_streams() -> list[StreamStatus]:
        """Every stream."""
        return list(board.statuses())

    @router.get("/streams/{name}")
    async def show_stream(name: StreamName) -> StreamStatus:
        """One stream."""
        return board.status(name)

    @router.post("/streams/{name}/pause")
    async def pause(name: StreamName) -> Answer:
        """Stop tracking; frames are dropped as `paused` (a file waits)."""
        return await board.execute(PauseCommand(stream=name))

    @router.post("/streams/{name}/resume")
    async def resume(name: StreamName) -> Answer:
        """Go on tracking."""
        return await board.execute(ResumeCommand(stream=name))

    @router.get("/streams/{name}/live", response_class=StreamingResponse)
    async def live(name: StreamName) -> StreamingResponse:
        """Server-sent events: `state` (as GET /streams/{name}) on change, at most ten a second, and
        `event`."""
        board.status(name)  # an unknown stream is a 404, not an empty stream
        if watchers >= MAX_WATCHERS:
            raise CapacityError(f"{watchers} watchers read live events, expected fewer than {MAX_WATCHERS}")

        async def counted() -> Any:
            nonlocal watchers
            watchers += 1
            try:
                async for block in live_stream(board, name):
                    yield block
            finally:
                watchers -= 1

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)

    return router


def _object_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(prefix="/streams/{name}/objects", tags=["objects"])

    @router.get("")
    async def list_objects(name: StreamName) -> list[ObjectInfo]:
        """The objects that are followed, as of the newest tracked frame."""
        return list((await board.execute(ListCommand(stream=name))).objects)

    @router.get("/at")
    async def find_object(
        name: StreamName, x: Coordinate, y: Coordinate, at_frame: Annotated[int | None, Query(ge=0)] = None
    ) -> Answer:
        """The object under a point in pixels of the frame; `object_id` is null where there is none."""
        return await board.execute(FindCommand(stream=name, point=(x, y), at_frame=at_frame))

    @router.post("", status_code=HTTPStatus.CREATED)
    async def add_object(name: StreamName, body: AddBody) -> Answer:
        """Follow a new object, from the newest tracked frame or from the kept frame `at_frame`."""
        return await board.execute(_for_stream(body, name))

    @router.post("/{object_id}/prompts")
    async def correct_object(name: StreamName, object_id: ObjectIdPath, body: CorrectBody) -> Answer:
        """Mend an object's mask on the newest tracked frame, or on the kept frame `at_frame`, and from
        there on."""
        return await board.execute(_for_stream(body, name, object_id))

    @router.patch("/{object_id}")
    async def label_object(name: StreamName, object_id: ObjectIdPath, body: LabelBody) -> Answer:
        """Call an object something."""
        return await board.execute(_for_stream(body, name, object_id))

    @router.delete("/{object_id}")
    async def remove_object(name: StreamName, object_id: ObjectIdPath) -> Answer:
        """Stop following an object."""
        return await board.execute(RemoveCommand(stream=name, object_id=object_id))

    return router


def _health_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, bool]:
        """The process answers; no token needed."""
        return {"alive": True}

    @router.get("/readyz", responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """503 while a model loads or after a stream failed. A camera that is off does not make us unready."""
        ready = readiness(board.statuses())
        if not ready.ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return ready

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus text format."""
        return Response(board.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _for_stream(
    body: AddBody | CorrectBody | LabelBody, name: str, object_id: int | None = None
) -> AnyCommand:
    """The command in a body, for the stream (and object) that the path names.

    Raises:
        PromptError: the body names another stream.
    """
    if body.stream not in ("", name):
        raise PromptError(f"the body names stream {body.stream!r}, expected {name!r} as in the path")
    named = {"stream": name} if object_id is None else {"stream": name, "object_id": object_id}
    return body.model_copy(update=named)


def _error(status: int, message: str, kind: str = "") -> JSONResponse:
    told = {"error": message, "kind": kind} if kind else {"error": message}
    return JSONResponse(told, status_code=status)


async def _answer_streamtrack_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StreamTrackError)
    answer = _error(error.http_status, str(error), error.kind)
    if isinstance(error, StreamOfflineError | CapacityError):
        answer.headers["retry-after"] = "2"
    return answer


async def _answer_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if error.errors()[0]["type"] == "json_invalid":
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is not JSON", BadRequestError.kind)
    # The path's and the body's own names stand before each key: whoever called knows them.
    faults = [{**fault, "loc": fault["loc"][1:]} for fault in error.errors()]
    told = describe_faults(cast("list[ErrorDetails]", faults))
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, told, PromptError.kind)


async def _answer_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = _error(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error, see the log")
