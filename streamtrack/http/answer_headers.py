"""What every answer carries, and the one answer to errors that nobody foresaw."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}
"""Unless the answer says otherwise itself, as pages do with their own policy."""

logger = logging.getLogger(__name__)


class AnswerHeaders:
    """Adds HEADERS to each answer."""

    def __init__(self, app: ASGIApp, *, embeddable: bool = False) -> None:
        """`embeddable`: pages of other origins may show pictures (which ones, the access policy decides)."""
        self._app = app
        self._headers = {
            **HEADERS,
            "Cross-Origin-Resource-Policy": "cross-origin" if embeddable else "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class UnexpectedErrors:
    """Turns what nobody foresaw into a 500 without a word of the inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if started or scope["type"] != "http":  # too late for another answer: the connection is closed
                raise
            logger.error("%s %r failed: %s", scope["method"], scope["path"], type(error).__name__)
            await _answer_unexpected(send)


async def _answer_unexpected(send: Send) -> None:
    body = json.dumps({"error": "internal error, see the log", "kind": "internal"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": int(HTTPStatus.INTERNAL_SERVER_ERROR),
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body})
