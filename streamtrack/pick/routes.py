"""The page's requests: pictures, masks, prompts, the job, results. Input and output only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from streamtrack.config import AnnotateConfig
from streamtrack.errors import PromptError
from streamtrack.http.command_route import CommandRoute
from streamtrack.pick.desk import Desk
from streamtrack.pick.jobs import Direction, JobOptions
from streamtrack.pick.pictures import encode_jpeg
from streamtrack.pick.presence import Presence
from streamtrack.pick.repeat import DIGITS
from streamtrack.prompt import MAX_OBJECT_ID
from streamtrack.video.draw import annotate

TELL_PERIOD_S = 0.2
"""How often a page is told what has changed."""
KEEP_ALIVE_S = 1.0
KEEP_ALIVE = b": still here\n\n"
IMMUTABLE = {"Cache-Control": "no-store"}
"""The page keeps pictures itself; on a shared machine a browser's disk need not."""

Pixel = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
FrameIdx = Annotated[int, Field(ge=0, le=2**31 - 1)]
ObjectId = Annotated[int, Field(ge=0, le=MAX_OBJECT_ID)]
Text = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """A request's body; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class PromptBody(Body):
    """A point or a box on a frame."""

    frame_idx: FrameIdx
    object_id: ObjectId | None = None
    """None: a new object."""
    point: tuple[Pixel, Pixel] | None = None
    on: bool = True
    """Whether the point is on the object."""
    box: tuple[Pixel, Pixel, Pixel, Pixel] | None = None


class ClearBody(Body):
    """An object's prompts on a frame."""

    object_id: ObjectId
    frame_idx: FrameIdx


class LabelBody(Body):
    """What an object is called."""

    label: Text


class OptionsBody(Body):
    """How the film is followed and what is written."""

    direction: Direction
    start: FrameIdx | None
    end: FrameIdx | None
    stride: Annotated[int, Field(ge=1, le=10_000)]
    exports: Annotated[tuple[Text, ...], Field(max_length=64)]
    overwrite: bool


def pick_router(desk: Desk, presence: Presence, close: Callable[[], None]) -> APIRouter:
    """All routes under /pick.

    Args:
        close: ends the command.
    """
    router = APIRouter(prefix="/pick", route_class=CommandRoute)
    _add_looking(router, desk, presence)
    _add_picking(router, desk)
    _add_job(router, desk, close)
    return router


def _add_looking(router: APIRouter, desk: Desk, presence: Presence) -> None:
    @router.get("")
    async def state() -> dict[str, Any]:
        return desk.told()

    @router.get("/frames/{frame_idx}")
    async def picture(frame_idx: Annotated[int, Path()]) -> Response:
        return Response(await desk.pictures.jpeg(frame_idx), media_type="image/jpeg", headers=IMMUTABLE)

    @router.get("/masks/{frame_idx}")
    async def masks(frame_idx: Annotated[int, Path()]) -> dict[str, Any]:
        return await desk.masks(frame_idx)

    @router.get("/live")
    async def live() -> Response:
        blocks = _live(desk, presence)
        return StreamingResponse(blocks, media_type="text/event-stream", headers=IMMUTABLE)

    @router.get("/prompts.yaml")
    async def prompts_file() -> Response:
        return PlainTextResponse(desk.prompts_file(), media_type="application/yaml", headers=IMMUTABLE)


def _add_picking(router: APIRouter, desk: Desk) -> None:
    @router.post("/prompts")
    async def add(body: PromptBody) -> dict[str, Any]:
        _refuse_while_running(desk)
        desk.check_frame(body.frame_idx)
        if (body.point is None) == (body.box is None):
            raise PromptError("expected a point or a box, one of them")
        if body.point is not None:
            x, y = (round(value, DIGITS) for value in body.point)
            added = desk.picked.add_point(body.frame_idx, x, y, on=body.on, object_id=body.object_id)
        else:
            assert body.box is not None
            x0, y0, x1, y1 = (round(value, DIGITS) for value in body.box)
            added = desk.picked.add_box(body.frame_idx, (x0, y0, x1, y1), object_id=body.object_id)
        return {**desk.told(), "object_id": added.object_id}

    @router.post("/clear")
    async def clear(body: ClearBody) -> dict[str, Any]:
        _refuse_while_running(desk)
        desk.picked.clear(body.object_id, body.frame_idx)
        return desk.told()

    @router.post("/undo")
    async def undo() -> dict[str, Any]:
        _refuse_while_running(desk)
        return {"undone": desk.picked.undo(), **desk.told()}

    @router.patch("/objects/{object_id}")
    async def rename(object_id: ObjectId, body: LabelBody) -> dict[str, Any]:
        _refuse_while_running(desk)
        desk.picked.rename(object_id, body.label.strip())
        return desk.told()

    @router.delete("/objects/{object_id}")
    async def remove(object_id: ObjectId) -> dict[str, Any]:
        _refuse_while_running(desk)
        desk.picked.remove(object_id)
        return desk.told()


def _add_job(router: APIRouter, desk: Desk, close: Callable[[], None]) -> None:
    @router.put("/options")
    async def options(body: OptionsBody) -> dict[str, Any]:
        _refuse_while_running(desk)
        desk.choose(JobOptions(**body.model_dump()))
        return desk.told()

    @router.post("/job", status_code=201)
    async def start() -> dict[str, Any]:
        desk.start_job()
        return desk.told()

    @router.delete("/job")
    async def stop() -> dict[str, Any]:
        desk.jobs.ask_to_stop()
        return desk.told()

    @router.get("/job/picture")
    async def newest() -> Response:
        result = None if desk.jobs.newest is None else desk.jobs.newest.progress.newest
        if result is None:
            raise HTTPException(404, "no frame is done")
        encoded = await asyncio.to_thread(lambda: encode_jpeg(annotate(result, AnnotateConfig())))
        headers = {**IMMUTABLE, "X-Frame-Idx": str(result.frame_idx)}
        return Response(encoded, media_type="image/jpeg", headers=headers)

    @router.get("/files/{name:path}")
    async def file(name: str) -> Response:
        path = desk.jobs.files.get(name)
        if path is None or not path.is_file():
            raise HTTPException(404, f"no file {name[:80]!r}")
        return FileResponse(path, filename=path.name, headers=IMMUTABLE)

    @router.post("/close")
    async def end() -> dict[str, Any]:
        close()
        return {}


def _refuse_while_running(desk: Desk) -> None:
    desk.jobs.refuse_while_running()


async def _live(desk: Desk, presence: Presence) -> AsyncIterator[bytes]:
    """`text/event-stream` of revision and job, as long as the page listens."""
    told, silent_s = "", 0.0
    with presence.here():
        while True:
            now = json.dumps({"revision": desk.picked.revision, "job": desk.told_job()})
            if now != told:
                told, silent_s = now, 0.0
                yield f"event: state\ndata: {now}\n\n".encode()
            elif silent_s >= KEEP_ALIVE_S:
                silent_s = 0.0
                yield KEEP_ALIVE
            await asyncio.sleep(TELL_PERIOD_S)
            silent_s += TELL_PERIOD_S
