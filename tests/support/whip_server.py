"""A WHIP server that is not ours to send to: aiortc's receiver behind HTTP, as RFC 9725 describes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from fastapi import FastAPI, Request, Response

from streamtrack.http.web_server import WebServer, bind_http

TOKEN = "a token of the server"


class WhipServer:
    """Takes one stream at a time and decodes it."""

    def __init__(self) -> None:
        self.pictures: list[Any] = []
        """av.VideoFrame, as they come."""
        self.offers: list[str] = []
        self.ended = 0
        """Sessions that were ended by DELETE."""
        self.app = FastAPI()
        self._connections: list[RTCPeerConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.app.post("/whip/{key}", status_code=201)(self.take)
        self.app.delete("/session")(self.end)

    async def take(self, key: str, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response("who are you", 401)
        if key == "moved":
            return Response(status_code=307, headers={"Location": "/whip/live"})
        offer = (await request.body()).decode()
        self.offers.append(offer)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections.append(connection)
        connection.on("track", self._watch)
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        answer = connection.localDescription.sdp
        return Response(answer, 201, {"Location": "/session"}, "application/sdp")

    async def end(self) -> Response:
        self.ended += 1
        await self.hang_up()
        return Response()

    async def hang_up(self) -> None:
        """Drop every connection."""
        connections, self._connections = self._connections, []
        for one in connections:
            await one.close()

    def _watch(self, track: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._take_all(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_all(self, track: Any) -> None:
        while True:
            try:
                self.pictures.append(await track.recv())
            except Exception:  # the track ended
                return


@asynccontextmanager
async def whip_server() -> AsyncIterator[tuple[WhipServer, str]]:
    """The server, and its address as a push names it."""
    server = WhipServer()
    listener = bind_http("127.0.0.1", 0)
    web = WebServer(server.app, listener)
    await web.start()
    try:
        yield server, f"whip://127.0.0.1:{listener.getsockname()[1]}/whip"
    finally:
        await server.hang_up()
        await web.stop()
