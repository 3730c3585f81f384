"""The HTTP API's turning cameras: follow an object, stop, go home, move by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from streamtrack.errors import PtzError, UnknownStreamError
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.paths import StreamName
from streamtrack.ptz.controller import Aim
from streamtrack.ptz.desk import PtzDesk, PtzStatus

MAX_MOVE_S = 10.0

Speed = Annotated[float, Field(ge=-1, le=1)]


class FollowBody(BaseModel):
    """Whom to follow."""

    model_config = ConfigDict(extra="forbid")

    object_id: int = Field(ge=0, le=2**31 - 1, strict=True)


class MoveBody(BaseModel):
    """Speeds as shares of the camera's top speeds: right, up and in are positive."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    pan: Speed = 0.0
    tilt: Speed = 0.0
    zoom: Speed = 0.0
    seconds: float = Field(0.5, gt=0, le=MAX_MOVE_S)
    """For how long."""


def ptz_router(desks: Mapping[str, PtzDesk | None]) -> APIRouter:
    """The routes, over the turning camera of each stream; None where it has none."""
    router = APIRouter(prefix="/streams/{name}/ptz", tags=["ptz"], route_class=CommandRoute)

    def desk_of(name: str) -> PtzDesk:
        if name not in desks:
            raise UnknownStreamError(name, tuple(desks))
        desk = desks[name]
        if desk is None:
            raise PtzError(f"stream {name}: its camera does not turn, expected `ptz` in its config")
        return desk

    @router.get("")
    async def show(name: StreamName) -> PtzStatus:
        """Whom the camera follows, whether its motors answer, and how it moves."""
        return desk_of(name).status()

    @router.post("/follow")
    async def follow(name: StreamName, body: FollowBody) -> PtzStatus:
        """Keep an object in the middle and at its size."""
        desk = desk_of(name)
        desk.follow(body.object_id)
        return desk.status()

    @router.post("/stop")
    async def stop(name: StreamName) -> PtzStatus:
        """Follow nobody, and stand still."""
        desk = desk_of(name)
        desk.release()
        return desk.status()

    @router.post("/home")
    async def home(name: StreamName) -> PtzStatus:
        """Follow nobody, and turn to the home position."""
        desk = desk_of(name)
        desk.go_home()
        return desk.status()

    @router.post("/move")
    async def move(name: StreamName, body: MoveBody) -> PtzStatus:
        """Move by hand. Whoever is followed is followed again a while later (`ptz.manual_hold_s`)."""
        desk = desk_of(name)
        desk.move(Aim(body.pan, body.tilt, body.zoom), body.seconds)
        return desk.status()

    return router
