"""A WHEP server in the test's own loop, and a player for it: aiortc, over loopback UDP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from fastapi import FastAPI

from streamtrack.http.api import add_cors
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.video_routes import video_router
from streamtrack.http.web_server import WebServer, bind_http
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream
from streamtrack.webrtc.ice_servers import IceServers
from streamtrack.webrtc.whep import WhepSessions
from tests.support.video import video_config


class Door:
    """A router in an app, and a client that talks to it."""

    def __init__(self, stream: VideoStream, sessions: WhepSessions, telemetry: Telemetry) -> None:
        self.stream, self.sessions, self.telemetry = stream, sessions, telemetry
        self.app = app = FastAPI()
        app.include_router(video_router({"cam": stream}, sessions=sessions))
        add_error_answers(app)
        add_cors(app, ("https://a.example",))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    async def post(self, sdp: str, **headers: str) -> httpx.Response:
        return await self.http.post(
            "/streams/cam/whep", content=sdp, headers={"Content-Type": "application/sdp", **headers}
        )


@asynccontextmanager
async def opened(
    connect_timeout_s: float = 15.0,
    session_addresses: tuple[str, ...] = (),
    ice_servers: IceServers | None = None,
    **config: object,
) -> AsyncIterator[Door]:
    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(**config), telemetry.stream("cam"))
    stream.start(asyncio.get_running_loop())
    stream.set_online(True)
    sessions = WhepSessions(
        ice_addresses=session_addresses, ice_servers=ice_servers, connect_timeout_s=connect_timeout_s
    )
    door = Door(stream, sessions, telemetry)
    try:
        yield door
    finally:
        await stream.stop()
        await door.http.aclose()


@asynccontextmanager
async def listening(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """The same app on a real socket, where an answer comes in pieces."""
    listener = bind_http("127.0.0.1", 0)
    web = WebServer(door.app, listener)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    await web.start()
    try:
        async with httpx.AsyncClient(base_url=address) as http:
            yield http
    finally:
        await web.stop()


class Viewer:
    """A WHEP player."""

    def __init__(self, codec: str = "H264", configuration: RTCConfiguration | None = None) -> None:
        self.pc = RTCPeerConnection(configuration or RTCConfiguration(iceServers=[]))
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
        """The next av.VideoFrame."""
        return await asyncio.wait_for(self.receiver.track.recv(), 10)

    def rtp_timestamp(self, frame: Any) -> int:
        """What a browser tells of a frame: aiortc starts pts at 0 and keeps the first timestamp to itself."""
        origin: int = self.receiver._RTCRtpReceiver__timestamp_mapper._origin
        return (origin + int(frame.pts)) % 2**32

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


async def made_offer(codec: str = "H264") -> str:
    """A sound SDP offer of a player that has gone since."""
    viewer = Viewer(codec)
    try:
        return await viewer.offer()
    finally:
        await viewer.close()
