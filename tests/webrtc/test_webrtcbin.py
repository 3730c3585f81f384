"""GStreamer's own WebRTC player plays what browsers play."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.video_routes import video_router
from streamtrack.http.web_server import WebServer, bind_http
from tests.support.rtsp import SYSTEM_PYTHON
from tests.support.video import HEIGHT, WIDTH, pushing
from tests.support.whep import opened

PLAYER = Path(__file__).parents[1] / "support" / "webrtcbin_player.py"
PLAY_TIMEOUT_S = 40
"""GStreamer scans its plugins on the first start of a machine."""


@pytest.mark.webrtcbin
@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_webrtcbin_plays(codec: str) -> None:
    async with opened(keyframe_interval_s=1, ice_addresses=()) as door:
        app = FastAPI()
        app.include_router(video_router({"cam": door.stream}, sessions=door.sessions))
        add_error_answers(app)
        listener = bind_http("127.0.0.1", 0)
        server = WebServer(app, listener)
        await server.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/streams/cam/whep"
            with pushing(door.stream):
                player = await asyncio.create_subprocess_exec(
                    SYSTEM_PYTHON,
                    str(PLAYER),
                    url,
                    codec,
                    "--pictures",
                    "10",
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                async with asyncio.timeout(PLAY_TIMEOUT_S):
                    told, errors = await player.communicate()
        finally:
            await server.stop()
    assert told.decode() == f"played 10 {WIDTH}x{HEIGHT}\n", (told.decode(), errors.decode()[-2_000:])
    assert player.returncode == 0
