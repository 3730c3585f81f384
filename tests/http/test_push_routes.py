from __future__ import annotations

import httpx
from fastapi import FastAPI

from streamtrack.config import PushConfig
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.push_routes import push_router
from streamtrack.push.pushes import Pushes
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream
from tests.support.video import video_config


async def test_pushes_are_listed_without_their_passwords() -> None:
    telemetry = Telemetry().stream("cam")
    config = PushConfig(url="rtsp://me:secret@192.0.2.7/live")
    pushes = Pushes((config,), VideoStream("cam", video_config(), telemetry), telemetry)
    app = FastAPI()
    app.include_router(push_router({"cam": pushes}))
    add_error_answers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/streams/cam/pushes")
        unknown = await http.get("/streams/other/pushes")
    assert answer.json() == [
        {
            "name": "rtsp-0",
            "url": "rtsp://***@192.0.2.7/live",
            "view": "overlay",
            "state": "waiting",
            "trouble": None,
            "next_try_in_s": None,
            "packets": 0,
            "bytes": 0,
            "connections": 0,
        }
    ]
    assert unknown.status_code == 404
