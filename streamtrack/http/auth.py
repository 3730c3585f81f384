"""Who may come in: the bearer token, the Host and Origin that a browser names, and the size of what it sends.

Pure ASGI, because answers here stream for hours (MJPEG, server-sent events) and must not be buffered.

Without a token the server is bound to this machine only, and the danger is a web page that the operator has
open: a browser sends any page's requests to 127.0.0.1. Two checks stop that. The Origin of a request that
changes something must be our own or a configured one, and the Host must be a name of this machine (an
attacker's name that was re-bound to 127.0.0.1 is not). With a token neither matters: that page does not
know it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamtrack.config import HttpConfig, is_loopback

MAX_BODY_BYTES = 8_500_000
"""A mask of 8,000,000 characters of run lengths (`RleMask`) and what surrounds it."""
BODY_TIMEOUT_S = 20.0
"""How long a client may take to send a body."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/", "/healthz"})
"""The page asks for the token, and a supervisor asks whether the process lives: neither tells anything."""
OPEN_PREFIX = "/web/"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: HTTPStatus
    error: str


class AccessPolicy:
    """Decides from a request's head whether it is let in. Pure."""

    def __init__(self, config: HttpConfig) -> None:
        self._token = config.token.get_secret_value().encode() if config.token is not None else None
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.cors_origins)
        hosts = {urlsplit(origin).hostname for origin in self._origins} | {config.host.strip("[]").lower()}
        self._hosts: Collection[str] = frozenset(host for host in hosts if host)
        # Bound to the network without a token (`allow_open`), the names it is reached by are not known.
        self._checks_host = self._token is None and is_loopback(config.host)

    def refuse(self, method: str, path: str, query: bytes, headers: Headers) -> Refusal | None:
        """Why a request is refused; None where it may come in."""
        if self._token is None:
            return self._refuse_host(headers) or self._refuse_origin(method, headers)
        # A preflight cannot carry a token, and is answered by headers alone.
        if method == "OPTIONS" or (method in SAFE_METHODS and is_open(path)):
            return None
        if self._token_fits(method, query, headers):
            return None
        return Refusal(HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong")

    def _token_fits(self, method: str, query: bytes, headers: Headers) -> bool:
        assert self._token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return hmac.compare_digest(given.strip().encode(), self._token)
        if method in SAFE_METHODS:
            # <img> and EventSource cannot send headers.
            given = parse_qs(query.decode("latin-1")).get("token", [""])[0]
            return hmac.compare_digest(given.encode(), self._token)
        return False

    def _refuse_host(self, headers: Headers) -> Refusal | None:
        if not self._checks_host:
            return None
        host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
        if host in self._hosts or is_loopback(host):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the Host is not a name of this machine, see http.cors_origins")

    def _refuse_origin(self, method: str, headers: Headers) -> Refusal | None:
        if method in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:  # not a browser, or a browser that tells it in another header
            foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        else:
            own = urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
            foreign = not own and origin.lower() not in self._origins
        if not foreign:
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the request comes from another origin, see http.cors_origins")


def is_open(path: str) -> bool:
    """Whether a path is served without the token."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIX)


class AccessGuard:
    """The policy and the body limits in front of an ASGI app."""

    def __init__(self, app: ASGIApp, config: HttpConfig) -> None:
        self._app = app
        self._policy = AccessPolicy(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})  # there is none to connect to
                return
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._policy.refuse(scope["method"], scope["path"], scope["query_string"], headers)
        length = headers.get("content-length", "0")
        if refusal is None and length.isdecimal() and int(length) > MAX_BODY_BYTES:
            refusal = _too_large(length)
        if refusal is not None:
            await send_refusal(send, refusal)
            return
        try:
            body = await read_body(receive)
        except BodyRefusedError as error:
            await send_refusal(send, error.refusal)
            return
        await self._app(scope, _Replay(body, receive).receive, send)


class BodyRefusedError(Exception):
    """A body that is too large or too slow."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


async def read_body(receive: Receive) -> bytes:
    """The whole body, counted while it comes in: a chunked one does not tell its length before.

    Raises:
        BodyRefusedError: it is over MAX_BODY_BYTES, or has not ended after BODY_TIMEOUT_S.
    """
    parts: list[bytes] = []
    num_bytes = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":  # the client went away
                    return b""
                parts.append(message.get("body", b""))
                num_bytes += len(parts[-1])
                if num_bytes > MAX_BODY_BYTES:
                    raise BodyRefusedError(_too_large(f"over {MAX_BODY_BYTES}"))
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        error = f"the body has not ended after {BODY_TIMEOUT_S:g} s"
        raise BodyRefusedError(Refusal(HTTPStatus.REQUEST_TIMEOUT, error)) from None


class _Replay:
    """A body that was read, as the messages that the app expects."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        """The body first; then what comes of itself, which is the client going away."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _too_large(size: str) -> Refusal:
    error = f"the body has {size} bytes, expected at most {MAX_BODY_BYTES}"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)


async def send_refusal(send: Send, refusal: Refusal) -> None:
    """Answer a request with an error, as JSON."""
    body = json.dumps({"error": refusal.error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    else:
        headers.append((b"connection", b"close"))  # what is left of the body is not read
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
