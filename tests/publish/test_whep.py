"""WHEP with a real WebRTC peer: aiortc as the viewer, over HTTP to the router, packets over loopback UDP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from fastapi import FastAPI

from streamtrack.publish.encoder import Encoder
from streamtrack.publish.palette import object_colour
from streamtrack.publish.video_routes import video_router
from streamtrack.publish.video_stream import VideoStream
from streamtrack.publish.whep import WhepSessions
from streamtrack.telemetry import Telemetry

from tests.publish.video_support import centre, dropped, pushing, read_code, result, video_config




class Door:
    """A router in an app, and a client that talks to it."""

    def __init__(self, stream: VideoStream, sessions: WhepSessions, telemetry: Telemetry) -> None:
        self.stream, self.sessions, self.telemetry = stream, sessions, telemetry
        app = FastAPI()
        app.include_router(video_router({"cam": stream}, sessions=sessions, cors_origins=("https://a.example",)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    async def post(self, sdp: str, **headers: str) -> httpx.Response:
        return await self.http.post(
            "/streams/cam/whep", content=sdp, headers={"Content-Type": "application/sdp", **headers}
        )


@asynccontextmanager
async def opened(connect_timeout_s: float = 15.0, **config: object) -> AsyncIterator[Door]:
    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(**config), telemetry.stream("cam"))
    stream.start(asyncio.get_running_loop())
    stream.set_online(True)
    door = Door(stream, WhepSessions(connect_timeout_s=connect_timeout_s), telemetry)
    try:
        yield door
    finally:
        await stream.stop()
        await door.http.aclose()


class Viewer:
    """A WHEP player."""

    def __init__(self, codec: str = "H264") -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self.pc.addTransceiver("video", direction="recvonly")
        capabilities = RTCRtpReceiver.getCapabilities("video").codecs
        transceiver.setCodecPreferences([one for one in capabilities if one.name in (codec, "rtx")])
        self.receiver = transceiver.receiver
        self.location = ""

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def join(self, door: Door) -> httpx.Response:
        answer = await door.post(await self.offer())
        if answer.status_code == 201:
            self.location = answer.headers["location"]
            await self.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return answer

    async def picture(self) -> Any:
        frame = await asyncio.wait_for(self.receiver.track.recv(), 10)
        return frame

    async def close(self) -> None:
        await self.pc.close()


@asynccontextmanager
async def watching(door: Door, codec: str = "H264") -> AsyncIterator[Viewer]:
    viewer = Viewer(codec)
    try:
        answer = await viewer.join(door)
        assert answer.status_code == 201, answer.text
        yield viewer
    finally:
        await viewer.close()


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_viewer_sees_the_overlay(codec: str) -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door, codec) as viewer:
                for _ in range(10):
                    frame = await viewer.picture()
    image = frame.to_ndarray(format="rgb24")
    x, y = centre(read_code(image))
    inside = image[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8].reshape(-1, 3).mean(axis=0)
    expected = 0.55 * np.full(3, 90) + 0.45 * np.array(object_colour(1))
    # 12 levels: chroma is subsampled and quantised by the codec.
    assert np.abs(inside - expected).max() < 12
    assert np.abs(image[10:30, 10:30].mean(axis=(0, 1)) - 90).max() < 12
