"""The page with all it calls: the video router as shipped, and the control API over objects kept in memory.

The objects are discs that stand where they were asked for; everything from their masks to the screen is the
real thing.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from streamtrack.frame import Event, EventKind, ObjectMask, ObjectState
from streamtrack.http.api import add_cors
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.video_routes import video_router
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream
from streamtrack.webrtc.whep import WhepSessions
from tests.support.video import CODE_BITS, HEIGHT, WIDTH, absent, disc, result, until, video_config


@dataclass
class FollowedObject:
    """One disc of the scene."""

    x: float
    y: float
    label: str = ""
    state: ObjectState = ObjectState.TRACKING

    def mask(self, object_id: int) -> ObjectMask:
        if self.state in (ObjectState.LOST, ObjectState.OCCLUDED):
            return absent(object_id, self.state, self.label)
        mask = disc(self.x, self.y, 22)
        return ObjectMask.from_mask(mask, object_id, label=self.label, state=self.state, object_score=0.97)


@dataclass
class PageServer:
    """A server with one stream, and what the page asked of it."""

    fps: float = 15
    token: str | None = None
    max_viewers: int = 16
    ice_addresses: tuple[str, ...] = ("127.0.0.1",)
    cors_origins: tuple[str, ...] = ()
    url: str = ""
    objects: dict[int, FollowedObject] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of every control request, oldest first."""
    frame_idx: int = -1
    paused: bool = False
    state: str = "online"
    answer_delay_s: float = 0
    refusal: str | None = None
    """Answer the next prompt with 409 and this line."""
    shown_at: dict[int, float] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=16))
    stream: VideoStream = field(init=False)
    sessions: WhepSessions = field(default_factory=WhepSessions)

    def status(self) -> dict[str, Any]:
        return {
            "name": "cam",
            "state": self.state,
            "detail": "" if self.state == "online" else "no answer from the camera",
            "width_px": WIDTH,
            "height_px": HEIGHT,
            "fps": self.fps,
            "latency_ms": {"p50": 41.0, "p95": 66.0},
            "dropped": {"superseded": 3},
            "model": "nano",
            "paused": self.paused,
            "newest_frame_idx": self.frame_idx,
            "objects": [
                {
                    "object_id": object_id,
                    "label": one.label,
                    "state": one.state.value,
                    "object_score": 0.97,
                    "iou_score": 0.91,
                    "box": (0, 0, 0, 0),
                    "area_px": 1,
                    "added_at_frame": 0,
                }
                for object_id, one in self.objects.items()
            ],
        }

    async def push(self) -> None:
        while True:
            if not self.paused:
                self.frame_idx = (self.frame_idx + 1) % (1 << CODE_BITS)
                masks = {key: one.mask(key) for key, one in self.objects.items()}
                self.stream.push(result(self.frame_idx, masks))
            await asyncio.sleep(1 / self.fps)

    def control(self) -> FastAPI:
        """The control API as far as the page calls it."""
        app = FastAPI()

        @app.middleware("http")
        async def token(request: Request, call_next: Any) -> Response:
            open_path = request.url.path == "/" or request.url.path.startswith("/web/")
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            given = given or request.query_params.get("token", "")
            if self.token is not None and not open_path and given != self.token:
                return JSONResponse({"error": "the bearer token is missing or wrong"}, 401)
            response: Response = await call_next(request)
            return response

        @app.get("/streams")
        async def streams() -> Any:
            return [self.status()]

        @app.get("/streams/cam/live")
        async def live() -> Response:
            async def lines() -> AsyncIterator[str]:
                while True:
                    yield f"event: state\ndata: {json.dumps(self.status())}\n\n"
                    while self.events:
                        event = self.events.popleft()
                        data = {
                            "kind": event.kind,
                            "frame_idx": event.frame_idx,
                            "object_id": event.object_id,
                            "detail": {},
                        }
                        yield f"event: event\ndata: {json.dumps(data)}\n\n"
                    await asyncio.sleep(0.1)

            return StreamingResponse(lines(), media_type="text/event-stream")

        @app.post("/streams/cam/objects", status_code=201)
        async def add(request: Request) -> Any:
            return await self.prompt(request, max(self.objects, default=0) + 1)

        @app.post("/streams/cam/objects/{object_id}/prompts")
        async def correct(object_id: int, request: Request) -> Any:
            return await self.prompt(request, object_id)

        @app.patch("/streams/cam/objects/{object_id}")
        async def rename(object_id: int, request: Request) -> Any:
            body = await self.note(request)
            self.objects[object_id].label = body["label"]
            return {}

        @app.delete("/streams/cam/objects/{object_id}")
        async def remove(object_id: int, request: Request) -> Any:
            await self.note(request)
            del self.objects[object_id]
            return {}

        @app.post("/streams/cam/pause")
        @app.post("/streams/cam/resume")
        async def pause(request: Request) -> Any:
            await self.note(request)
            self.paused = request.url.path.endswith("pause")
            return {}

        return app

    async def note(self, request: Request) -> Any:
        text = await request.body()
        body = json.loads(text) if text else None
        self.requests.append((request.method, request.url.path, body))
        return body

    async def prompt(self, request: Request, object_id: int) -> Any:
        body = await self.note(request)
        await asyncio.sleep(self.answer_delay_s)
        if self.refusal is not None:
            line, self.refusal = self.refusal, None
            return JSONResponse({"error": line}, 409)
        if "box" in body:
            x0, y0, x1, y1 = body["box"]
            place = ((x0 + x1) / 2, (y0 + y1) / 2)
        else:
            place = tuple(body["points"][0])
        self.objects.setdefault(object_id, FollowedObject(*place))
        return {"object_id": object_id, "frame_idx": body.get("at_frame", self.frame_idx)}

    def lose(self, object_id: int) -> None:
        """An object goes out of sight for good."""
        self.objects[object_id].state = ObjectState.LOST
        self.events.append(Event(EventKind.LOST, self.frame_idx, object_id))


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[PageServer]:
    """A page server on a free port of this machine."""
    server = PageServer(**settings)
    server.stream = VideoStream(
        "cam",
        video_config(max_viewers=server.max_viewers, ice_addresses=server.ice_addresses),
        Telemetry().stream("cam"),
    )
    server.stream.start(asyncio.get_running_loop())
    server.stream.set_online(True)
    app = server.control()
    app.include_router(video_router({"cam": server.stream}, sessions=server.sessions))
    add_error_answers(app)
    add_cors(app, server.cors_origins)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", ws="none", timeout_graceful_shutdown=1
    )
    http = uvicorn.Server(config)
    serve = asyncio.create_task(http.serve())
    push = asyncio.create_task(server.push())
    try:
        await until(lambda: http.started)
        server.url = f"http://127.0.0.1:{http.servers[0].sockets[0].getsockname()[1]}"
        yield server
    finally:
        push.cancel()
        await server.stream.stop()
        http.should_exit = True
        await asyncio.wait_for(serve, 5)
