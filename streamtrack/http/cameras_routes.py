"""The HTTP API's cameras: added, tried, changed and removed while the server runs, and the config read
again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Body, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from streamtrack.config import StreamConfig
from streamtrack.config.faults import first_fault
from streamtrack.control.cameras import (
    CameraInfo,
    CameraKeeper,
    CamerasInfo,
    ReloadInfo,
    TrialBody,
    TrialInfo,
)
from streamtrack.errors import ConfigError
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.paths import StreamName

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FOUND_HEADER = "X-Found"


class TrialAnswer(TrialInfo):
    """What was found, with its first picture."""

    still: str
    """The first picture, a `data:image/jpeg;base64,` address."""


def _route_for(root: type[BaseModel]) -> type[CommandRoute]:
    """A kind of route whose body's faults are told as those of a config file's section."""

    class SectionRoute(CommandRoute):
        max_depth = 8

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_told(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    raise _as_config_error(error, root) from error

            return handle_told

    return SectionRoute


def _as_config_error(error: RequestValidationError, root: type[BaseModel]) -> Exception:
    if any(fault["loc"][:1] != ("body",) for fault in error.errors()):
        return error
    faults = [{**fault, "loc": fault["loc"][1:]} for fault in error.errors()]
    if any(not fault["loc"] and fault["type"] == "missing" for fault in faults):
        return ConfigError("the body is empty, expected JSON")
    return ConfigError(first_fault(cast("list[ErrorDetails]", faults), root).text)


def cameras_router(keeper: CameraKeeper) -> APIRouter:
    """The routes, over whoever keeps the cameras."""
    router = APIRouter()
    router.include_router(_looking(keeper))
    router.include_router(_adding(keeper))
    router.include_router(_trying(keeper))
    router.include_router(_changing(keeper))
    return router


def _looking(keeper: CameraKeeper) -> APIRouter:
    router = APIRouter(tags=["cameras"])

    @router.get("/cameras")
    async def list_cameras() -> CamerasInfo:
        """Every stream's settings without secrets, where each stands, and what may be added."""
        return keeper.cameras()

    @router.get("/streams/{name}/config")
    async def show_camera(name: StreamName) -> CameraInfo:
        """One stream's settings; user, password and other secrets are `***`."""
        return keeper.camera(name)

    @router.post("/config/reload")
    async def reload() -> ReloadInfo:
        """Read the config file again, as SIGHUP does. Streams whose settings are as before go on undisturbed;
        a file that cannot be used changes nothing, and the error says why."""
        return await keeper.reload()

    @router.delete("/streams/{name}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_camera(name: StreamName) -> Response:
        """End a stream that was added, and forget it. Its viewers are told."""
        await keeper.remove(name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _adding(keeper: CameraKeeper) -> APIRouter:
    router = APIRouter(tags=["cameras"], route_class=_route_for(StreamConfig))

    @router.post("/streams", status_code=HTTPStatus.CREATED)
    async def add_camera(body: StreamConfig, response: Response) -> CameraInfo:
        """A new stream: the body is what stands under `streams` in a config file (docs/config.md). It begins
        at once, and with `cameras.state_dir` it is back after a restart."""
        info = await keeper.add(body)
        response.headers["Location"] = f"/streams/{info.name}"
        return info

    return router


def _trying(keeper: CameraKeeper) -> APIRouter:
    router = APIRouter(tags=["cameras"], route_class=_route_for(TrialBody))

    @router.post(
        "/streams/test",
        response_model=TrialAnswer,
        responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def try_source(body: TrialBody, request: Request) -> Any:
        """Look once at a source before a stream is made of it: its first picture and what was found. With
        `Accept: image/jpeg` the picture alone, what was found in the header X-Found."""
        found, still = await keeper.try_source(body)
        if "image/jpeg" in request.headers.get("accept", ""):
            headers = {FOUND_HEADER: json.dumps(found.model_dump()), "cache-control": "no-store"}
            return Response(still, media_type="image/jpeg", headers=headers)
        address = "data:image/jpeg;base64," + base64.b64encode(still).decode()
        return TrialAnswer(**found.model_dump(), still=address)

    return router


def _changing(keeper: CameraKeeper) -> APIRouter:
    router = APIRouter(tags=["cameras"], route_class=_route_for(StreamConfig))

    @router.patch("/streams/{name}")
    async def change_camera(name: StreamName, body: Annotated[dict[str, Any], Body()]) -> CameraInfo:
        """Other settings for a stream that was added: the keys of the body are laid over what it has
        (JSON merge patch; null takes a key away). `***` keeps the secret that stands there. Where anything
        changed the stream begins anew."""
        return await keeper.change(name, body)

    return router
