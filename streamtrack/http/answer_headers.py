"""What every answer carries, and the one answer to errors that nobody foresaw."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamtrack.config import is_loopback

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
}
"""Unless the answer says otherwise itself, as pages do with their own policy."""

CORP, HSTS = "Cross-Origin-Resource-Policy", "Strict-Transport-Security"
ANSWERS = ("http.response.start", "websocket.http.response.start")

logger = logging.getLogger(__name__)


class AnswerHeaders:
    """Adds HEADERS to each answer."""

    def __init__(self, app: ASGIApp, *, embeddable: bool = False, hsts_max_age_s: int = 0) -> None:
        """Args:
        embeddable: pages of other origins may show pictures (which ones, the access policy decides).
        hsts_max_age_s: how long browsers shall come by TLS alone; 0 does not tell them.
        """
        self._app = app
        self._headers = {**HEADERS, CORP: "cross-origin" if embeddable else HEADERS[CORP]}
        self._secure = {**self._headers, HSTS: f"max-age={hsts_max_age_s}"} if hsts_max_age_s else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        over_tls = scope.get("scheme") in ("https", "wss")
        added = self._secure if self._secure and over_tls and _is_named(scope) else self._headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ANSWERS:
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                for name, value in added.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_named(scope: Scope) -> bool:
    """Whether a request was made to a name that is not this machine's name for itself: browsers keep what
    they are told for a name, whatever its port, and localhost is everybody's."""
    host = Headers(scope=scope).get("host", "").rpartition(":")[0] or Headers(scope=scope).get("host", "")
    return any(map(str.isalpha, host.rpartition(".")[2])) and not is_loopback(host)


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
        except ClientDisconnect:
            return  # in the middle of what it sent; nobody waits for an answer
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
