"""In front of everything: each request is let in by somebody's right to it, or answered with why not; what
somebody did is written down; and what he keeps open ends with his right.

Pure ASGI, because answers here stream for hours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamtrack.access.door import WRONG, Pass
from streamtrack.access.refusals import UnauthorizedError
from streamtrack.http.audit_trail import Trail, is_written_down
from streamtrack.http.auth import Entrance
from streamtrack.http.needs import Asked, Needs
from streamtrack.http.refusal import Refusal, RefusedError, send_refusal
from streamtrack.http.visit import KEY, Visit

CLOSE_POLICY = 1008
"""Of a WebSocket whose key no longer holds."""
ENDED = Refusal(HTTPStatus.UNAUTHORIZED, WRONG, UnauthorizedError.kind)


class Admission:
    """The one place where who may what is enforced over HTTP."""

    def __init__(
        self, app: ASGIApp, entrance: Entrance, on_refused: Callable[[str], None] | None = None
    ) -> None:
        """`on_refused` is given the kind of each refusal."""
        self._app = app
        self._entrance = entrance
        self._on_refused = on_refused
        self._needs: Needs | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._needs is None:  # now every route is there
            self._needs = Needs(scope["app"].routes)
        try:
            asked = self._needs.of(scope)
            admitted = await self._entrance.admit(scope, asked)
        except RefusedError as error:
            if self._on_refused is not None:
                self._on_refused(error.refusal.kind)
            await send_refusal(send, error.refusal, error.retry_after_s, of=_answered_as(scope))
            return
        if admitted is None:
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send, asked, admitted)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, asked: Asked, admitted: Pass) -> None:
        door = self._entrance.door
        trail = Trail(door.audit, scope, asked, admitted) if is_written_down(scope, asked) else None
        answer = _Answer(scope, send, trail)
        try:
            with door.staying(admitted, answer.end):
                await self._app({**scope, KEY: Visit(admitted, door)}, receive, answer.send)
        except _PassEndedError:
            await send_refusal(send, ENDED, of=_answered_as(scope))
        except asyncio.CancelledError:
            if not answer.ended:
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            await answer.finish()
        finally:
            if trail is not None:
                trail.close()


class _PassEndedError(Exception):
    """The pass ended before the answer began."""


class _Answer:
    """An answer under way, which can be ended from outside."""

    def __init__(self, scope: Scope, send: Send, trail: Trail | None) -> None:
        self._is_socket = scope["type"] == "websocket"
        self._send = send
        self._trail = trail
        self._task = asyncio.current_task()
        self._begun = self._complete = self._sized = False
        self.ended = False

    def end(self) -> None:
        """Break it off; one that has not begun is refused when it would."""
        self.ended = True
        if self._begun and not self._complete and self._task is not None:
            self._task.cancel()

    async def send(self, message: Message) -> None:
        """Pass a part of it on."""
        match message["type"]:
            case "http.response.start" | "websocket.accept":
                if self.ended:
                    raise _PassEndedError
                self._begun = True
                self._sized = "content-length" in Headers(raw=list(message.get("headers") or ()))
            case "http.response.body":
                self._complete = not message.get("more_body", False)
            case "websocket.close" | "websocket.http.response.start":
                self._complete = True
        if self._trail is not None:
            self._trail.see(message)
        await self._send(message)

    async def finish(self) -> None:
        """The end of what was broken off. An answer that promised a length can only be cut."""
        if self._is_socket:
            reason = "the key no longer holds"
            await self._send({"type": "websocket.close", "code": CLOSE_POLICY, "reason": reason})
        elif not self._sized:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _answered_as(scope: Scope) -> str:
    return "http" if scope["type"] == "http" else "websocket.http"
