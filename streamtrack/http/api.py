"""The HTTP API: commands, states, server-sent events, health and metrics.

It only does input and output: what a command means is decided in the pipeline, what a stream is like is
told by the board.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.middleware.cors import CORSMiddleware

from streamtrack.access.door import Door
from streamtrack.config import HttpConfig
from streamtrack.control.command_values import Coordinate
from streamtrack.control.commands import (
    AddCommand,
    Answer,
    CorrectCommand,
    FindCommand,
    LabelCommand,
    LikenessCommand,
    ListCommand,
    MendCommand,
    PauseCommand,
    RemoveCommand,
    ReplayCommand,
    RestartCommand,
    ResumeCommand,
    RetryCommand,
)
from streamtrack.control.status import PastEvent, Readiness, StreamBoard, StreamStatus, readiness
from streamtrack.errors import CapacityError
from streamtrack.http.access_guard import AccessGuard
from streamtrack.http.admission import Admission
from streamtrack.http.answer_headers import AnswerHeaders, UnexpectedErrors
from streamtrack.http.audit_routes import audit_router
from streamtrack.http.auth import Entrance, door_of
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.docs_page import docs_router
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.live import live_stream
from streamtrack.http.login_routes import login_router
from streamtrack.http.made_once import MadeOnce
from streamtrack.http.memory_routes import TAKES_A_MEMORY, memory_routes, prompts_or_memories
from streamtrack.http.origins import normal_origin
from streamtrack.http.paths import Hidden, ObjectIdPath, StreamName, for_stream
from streamtrack.http.peers import peer_of
from streamtrack.http.proxies import ForwardedHeaders, TrustedProxies
from streamtrack.http.second_thoughts_routes import second_thoughts_routes
from streamtrack.http.visit import visit_of
from streamtrack.http.watchers import Watchers
from streamtrack.object_record import ObjectInfo


class AddBody(AddCommand):
    """A prompt for a new object; the stream is the one in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["add"]] = "add"


class CorrectBody(CorrectCommand):
    """A prompt for an object that is followed; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["correct"]] = "correct"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class MendBody(MendCommand):
    """What was found of an object that is followed; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["mend"]] = "mend"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class LikenessBody(LikenessCommand):
    """Boxes to compare with an object; stream and object are those in the path."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["likeness"]] = "likeness"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


class LabelBody(LabelCommand):
    """What to call an object."""

    stream: Hidden = ""
    op: SkipJsonSchema[Literal["label"]] = "label"
    object_id: SkipJsonSchema[int] = Field(0, ge=0)


def create_app(
    board: StreamBoard,
    config: HttpConfig,
    routers: Sequence[APIRouter] = (),
    on_refused: Callable[[str], None] | None = None,
    door: Door | None = None,
) -> FastAPI:
    """The whole HTTP application: this API and `routers`, behind the access guard.

    Args:
        on_refused: given the kind of each request that the guard refuses.
        door: who comes in; None: as `config` alone says.
    Raises:
        ConfigError: the token or the origins cannot be used.
    """
    door = door or door_of(config)  # now, because middleware is only made at the first request
    app = FastAPI(
        title="streamtrack",
        description="Real-time object tracking on live video. Coordinates are pixels of the source's frame.",
        responses={"4XX": {"description": '{"error": "one line", "kind": "its name for machines"}'}},
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(api_router(board))
    app.include_router(login_router(door))
    app.include_router(audit_router(door.audit))
    app.include_router(docs_router())
    for router in routers:
        app.include_router(router)
    add_error_answers(app)
    app.add_middleware(AccessGuard, on_refused=on_refused, limits=config.limits)
    app.add_middleware(Admission, entrance=Entrance(config, door), on_refused=on_refused)
    app.add_middleware(UnexpectedErrors)
    add_cors(app, config.cors_origins)  # in front of the guard: those pages must be able to read refusals
    app.add_middleware(
        AnswerHeaders, embeddable=bool(config.cors_origins), hsts_max_age_s=config.hsts_max_age_s
    )
    if config.trusted_proxies:  # in front of all: what they tell is what the others judge by
        app.add_middleware(ForwardedHeaders, proxies=TrustedProxies(config.trusted_proxies))
    return app


def add_cors(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these origins ("*": of any) read answers; the one place where that is said."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[normal_origin(origin) for origin in origins],
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type", "If-Match"],
            expose_headers=["Location", "Link", "ETag", "Accept-Patch", "Accept-Post", "Retry-After"],
        )


def api_router(board: StreamBoard) -> APIRouter:
    """The routes of the API."""
    router = APIRouter()
    router.include_router(_stream_routes(board))
    router.include_router(_object_routes(board))
    router.include_router(memory_routes(board))
    router.include_router(second_thoughts_routes(board))
    router.include_router(_health_routes(board))
    return router


def _stream_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(tags=["streams"])
    watchers = Watchers(time.monotonic)

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

    @router.post("/streams/{name}/restart")
    async def restart(name: StreamName) -> Answer:
        """Give the stream's session up, also one that hangs, and start its objects again from what was last
        seen of them."""
        return await board.execute(RestartCommand(stream=name))

    @router.post("/streams/{name}/retry")
    async def retry(name: StreamName) -> Answer:
        """Ask a camera that is offline at once, and not when the next try is due."""
        return await board.execute(RetryCommand(stream=name))

    @router.post("/streams/{name}/replay")
    async def replay(name: StreamName) -> Answer:
        """Play a file that has ended again."""
        return await board.execute(ReplayCommand(stream=name))

    @router.get("/streams/{name}/events")
    async def past_events(name: StreamName) -> list[PastEvent]:
        """What happened last, oldest first."""
        return list(board.past_events(name))

    @router.get("/streams/{name}/live", response_class=StreamingResponse)
    async def live(name: StreamName, request: Request) -> StreamingResponse:
        """Server-sent events: `state` (as GET /streams/{name}) on change, at most ten a second, and
        `event`."""
        board.status(name)  # an unknown stream is a 404, not an empty stream
        peer = peer_of(request.client)
        watchers.make_room(peer)

        async def blocks() -> AsyncIterator[bytes]:
            # Only once it runs: of a client that has gone meanwhile nothing would end it.
            with suppress(CapacityError), watchers.watching(peer) as watcher:
                async for block in live_stream(board, name):
                    yield block
                    if watcher.leaves:
                        return

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(blocks(), media_type="text/event-stream", headers=headers)

    return router


def _object_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(prefix="/streams/{name}/objects", tags=["objects"], route_class=CommandRoute)

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

    async def add_object(name: StreamName, body: AddBody) -> Answer:
        """Follow a new object, from the newest tracked frame or from the kept frame `at_frame`; or one of
        which a memory is there, which comes as the body's bytes (`application/octet-stream`)."""
        return await board.execute(for_stream(body, name))

    router.add_api_route(
        "",
        add_object,
        methods=["POST"],
        status_code=HTTPStatus.CREATED,
        route_class_override=prompts_or_memories(board),
        openapi_extra=TAKES_A_MEMORY,
    )

    @router.post("/{object_id}/prompts")
    async def correct_object(name: StreamName, object_id: ObjectIdPath, body: CorrectBody) -> Answer:
        """Correct an object's mask on the newest tracked frame, or on the kept frame `at_frame`, and from
        there on."""
        return await board.execute(for_stream(body, name, object_id))

    @router.post("/{object_id}/mend")
    async def mend_object(name: StreamName, object_id: ObjectIdPath, body: MendBody) -> Answer:
        """Follow an object by what was found, whatever its mask was; told as `mended`."""
        return await board.execute(for_stream(body, name, object_id))

    @router.post("/{object_id}/likeness")
    async def compare_object(name: StreamName, object_id: ObjectIdPath, body: LikenessBody) -> Answer:
        """How much what boxes show looks like the object, by what was kept of its looks."""
        return await board.execute(for_stream(body, name, object_id))

    @router.patch("/{object_id}")
    async def label_object(name: StreamName, object_id: ObjectIdPath, body: LabelBody) -> Answer:
        """Call an object something."""
        return await board.execute(for_stream(body, name, object_id))

    @router.delete("/{object_id}")
    async def remove_object(name: StreamName, object_id: ObjectIdPath) -> Answer:
        """Stop following an object."""
        return await board.execute(RemoveCommand(stream=name, object_id=object_id))

    return router


def _health_routes(board: StreamBoard) -> APIRouter:
    router = APIRouter(tags=["health"])
    made = MadeOnce(board.metrics)

    @router.get("/healthz")
    async def healthz() -> dict[str, bool]:
        """The process answers; no token needed."""
        return {"alive": True}

    @router.get("/readyz", responses={503: {"model": Readiness}})
    async def readyz(request: Request, response: Response) -> Readiness:
        """503 while a model loads or after a stream failed. A camera that is off does not make us unready. No
        token needed; with one the streams are named."""
        ready = readiness(board.statuses())
        if visit_of(request) is None:
            ready = ready.model_copy(update={"streams": {}})
        if not ready.ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return ready

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Prometheus text format."""
        text = await made.get()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
