"""The HTTP application on a real socket, with keys, and with streams of which only the answers are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from streamtrack.access.audit import AuditLog
from streamtrack.access.door import Door
from streamtrack.access.key_file import KeyFile
from streamtrack.access.keyring import Keyring
from streamtrack.config import HttpConfig
from streamtrack.control.commands import Answer, AnyCommand
from streamtrack.http.api import create_app
from streamtrack.http.auth import door_of
from streamtrack.http.page_routes import page_router
from streamtrack.http.visit import visit_of
from streamtrack.http.web_server import WebServer, bind_http
from tests.support.doors import QUICK, NoStreams, make_keys


class Obliging(NoStreams):
    """A board that carries everything out."""

    async def execute(self, command: AnyCommand) -> Answer:
        return Answer(stream=command.stream, op=command.op, frame_idx=0, object_id=7)


def odd_router(kept: list[str]) -> APIRouter:
    """Answers that go on, wait, are long, or leave something behind; `kept` is told what was ended."""
    router = APIRouter()

    @router.get("/streams/{name}/mjpeg")
    async def endless(name: str) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"picture\n"
                    await asyncio.sleep(0.02)
            finally:
                kept.append("mjpeg")

        return StreamingResponse(parts(), media_type="multipart/x-mixed-replace")

    @router.get("/streams/{name}/masks")
    async def waiting(name: str) -> str:
        kept.append("asked")
        while "news" not in kept:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return "masks"

    @router.get("/clips/{clip_id}/{part}")
    async def sized(clip_id: str, part: str) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(10_000):
                yield b"x" * 100
                await asyncio.sleep(0.02)

        return StreamingResponse(parts(), headers={"content-length": "1000000"})

    @router.websocket("/streams/{name}/wire")
    async def wire(socket: WebSocket, name: str) -> None:
        await socket.accept()
        while True:
            await socket.send_text("masks")
            await asyncio.sleep(0.02)

    @router.post("/streams/{name}/whep")
    async def whep(name: str, request: Request) -> Response:
        visit = visit_of(request)
        assert visit is not None
        visit.keep(lambda: kept.append("whep"), lambda: True)
        return Response(status_code=201)

    @router.get("/not-in-the-table")
    async def unlisted() -> str:
        return "unlisted"

    return router


@dataclass
class Served:
    """A server with keys."""

    url: str
    door: Door
    keys: KeyFile
    tokens: dict[str, str]
    kept: list[str]

    def http(self, who: str | None = None, **options: Any) -> httpx.AsyncClient:
        """Somebody's client."""
        headers = {} if who is None else {"authorization": f"Bearer {self.tokens[who]}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, **options)


@asynccontextmanager
async def served(folder: Path, **config: Any) -> AsyncIterator[Served]:
    """Serve, with a key of each role, one that has expired and one that was revoked."""
    tokens = make_keys(folder / "keys.json")
    keyring = Keyring(folder / "keys.json")
    keyring.refresh()
    http_config = HttpConfig.model_validate({"port": 0, **config})
    door = door_of(http_config, keyring, AuditLog(None))
    kept: list[str] = []
    board: Any = Obliging()
    app = create_app(board, http_config, (odd_router(kept), page_router()), door=door)
    listener = bind_http("127.0.0.1", 0)
    server = WebServer(app, listener)
    await server.start()
    watching = asyncio.create_task(door.watch(0.1))
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Served(url, door, KeyFile(folder / "keys.json", QUICK), tokens, kept)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await server.stop()
