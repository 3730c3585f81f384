"""In front of the app: how many requests at once, and how much they may send. Who may come in is decided
before, see admission.

Pure ASGI, because answers here stream for hours (MJPEG, server-sent events) and must not be buffered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamtrack.config import HttpLimitsConfig
from streamtrack.control.untrusted import MAX_REQUEST_BYTES
from streamtrack.errors import BusyError
from streamtrack.http.origins import SAFE_METHODS
from streamtrack.http.peers import peer_of
from streamtrack.http.refusal import Refusal, RefusedError, send_refusal
from streamtrack.object_record import MAX_MEMORY_BYTES

MAX_BODY_BYTES = MAX_REQUEST_BYTES
"""Of a prompt, which may hold a mask."""
MAX_SHORT_BODY_BYTES = 131_072
"""Of everything else: labels, SDP offers."""
MEMORY_SUFFIX, MEMORY_TYPE = "/objects", "application/octet-stream"
"""Where an object's memory may come in, and as what: longer than any prompt."""
MAX_UPLOADS = 2
"""Such bodies at one time."""
FILMS_PATH, FORM_TYPE = "/jobs", "multipart/form-data"
"""Where films are uploaded, and as what."""
PROMPT_SUFFIXES = ("/objects", "/prompts", FILMS_PATH)
UNCOUNTED_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered beside those that have a place."""


class AccessGuard:
    """The limits in front of an ASGI app."""

    def __init__(
        self,
        app: ASGIApp,
        on_refused: Callable[[str], None] | None = None,
        limits: HttpLimitsConfig | None = None,
    ) -> None:
        """`on_refused` is given the kind of each refusal."""
        self._app = app
        self._limits = limits or HttpLimitsConfig()
        self._on_refused = on_refused
        self._under_way: Counter[str] = Counter()
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await self._socket(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        try:
            self._check_length(scope)
            with self._place(scope):
                # Bodies of the others are not read: they mean nothing, and a health check waits for none.
                if scope["method"] not in SAFE_METHODS:
                    await self._with_body(scope, receive, send)
                else:
                    await self._app(scope, receive, send)
        except RefusedError as error:
            if self._on_refused is not None:
                self._on_refused(error.refusal.kind)
            await send_refusal(send, error.refusal, error.retry_after_s)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket on, or refuse it."""
        try:
            with self._place(scope):
                await self._app(scope, receive, send)
        except RefusedError as error:
            if self._on_refused is not None:
                self._on_refused(error.refusal.kind)
            await send_refusal(send, error.refusal, error.retry_after_s, of="websocket.http")

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on once its body is here; a form with a film is read by its route, as it comes."""
        if is_streamed(scope["path"], Headers(scope=scope).get("content-type", "")):
            await self._app(scope, receive, send)
            return
        limit = body_limit(scope["path"], Headers(scope=scope).get("content-type", ""))
        long = limit > MAX_BODY_BYTES
        if long and self._uploads >= MAX_UPLOADS:
            error = f"{self._uploads} memories are on their way in, expected fewer; ask again"
            raise RefusedError(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, error, BusyError.kind), 2)
        self._uploads += long
        try:
            body = await read_body(receive, limit, self._limits.body_timeout_s)
            await self._app(scope, _Replay(body, receive).receive, send)
        finally:
            self._uploads -= long

    @staticmethod
    def _check_length(scope: Scope) -> None:
        """Refuse a body that is longer than its path takes, where its length is told.

        Raises:
            RefusedError: it is.
        """
        headers = Headers(scope=scope)
        content_type = headers.get("content-type", "")
        if is_streamed(scope["path"], content_type):
            return
        length, limit = headers.get("content-length", "0"), body_limit(scope["path"], content_type)
        if length.isdecimal() and (len(length) > 18 or int(length) > limit):
            raise RefusedError(_too_large(length[:20], limit))

    @contextlib.contextmanager
    def _place(self, scope: Scope) -> Iterator[None]:
        """One of the places for requests, while the context lasts.

        Raises:
            RefusedError: they are all taken.
        """
        if scope["path"] in UNCOUNTED_PATHS:
            yield
            return
        peer = peer_of(scope["client"])
        total, of_peer = self._under_way.total(), self._under_way[peer]
        if total >= self._limits.requests or of_peer >= self._limits.requests_per_address:
            error = f"{total} requests are under way, {of_peer} of them yours, expected fewer; ask again"
            raise RefusedError(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, error, BusyError.kind), 2)
        self._under_way[peer] += 1
        try:
            yield
        finally:
            self._under_way[peer] -= 1
            if not self._under_way[peer]:
                del self._under_way[peer]


def is_streamed(path: str, content_type: str) -> bool:
    """Whether a body is bounded by whoever reads it, because it goes to the disk."""
    return path == FILMS_PATH and media_type(content_type) == FORM_TYPE


def body_limit(path: str, content_type: str = "") -> int:
    """The longest body that a path takes, in bytes."""
    if path.endswith(MEMORY_SUFFIX) and media_type(content_type) == MEMORY_TYPE:
        return MAX_MEMORY_BYTES
    return MAX_BODY_BYTES if path.endswith(PROMPT_SUFFIXES) else MAX_SHORT_BODY_BYTES


def media_type(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


async def read_body(receive: Receive, limit: int, timeout_s: float) -> bytes:
    """The whole body, counted while it comes in: a chunked one does not tell its length before.

    Raises:
        RefusedError: it is over `limit` bytes, or has not ended after `timeout_s`.
    """
    parts: list[bytes] = []
    num_bytes = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":  # the client went away
                    return b""
                parts.append(message.get("body", b""))
                num_bytes += len(parts[-1])
                if num_bytes > limit:
                    raise RefusedError(_too_large(f"over {limit}", limit))
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        error = f"the body has not ended after {timeout_s:g} s"
        raise RefusedError(Refusal(HTTPStatus.REQUEST_TIMEOUT, error, "timeout")) from None


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


def _too_large(size: str, limit: int) -> Refusal:
    error = f"the body has {size} bytes, expected at most {limit}"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error, "too_large")
