"""A route whose JSON body is bounded before FastAPI looks at it.

FastAPI decodes a body on the event loop and lists everything that is wrong with it; both cost the loop what
the client decides.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.routing import APIRoute

from streamtrack.control.untrusted import MAX_DEPTH, check_extent, decode_off_loop
from streamtrack.errors import BadRequestError, WrongTypeError

JSON_TYPE = "application/json"


class BodyError(BadRequestError):
    """A body that is no command."""

    http_status = 422


class CommandRoute(APIRoute):
    """Decodes a body off the loop, and refuses early what no command can be."""

    max_depth = MAX_DEPTH
    """Lists and maps inside each other that a body may have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a body that is decoded and bounded."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_bounded(request: Request) -> Response:
            decoded = _DecodedRequest(request.scope, request.receive)
            await decoded.decode(self.max_depth)
            return await handle(decoded)

        return handle_bounded


class _DecodedRequest(Request):
    _decoded: Any = None

    async def decode(self, max_depth: int) -> None:
        """Decode the body.

        Raises:
            WrongTypeError: it is of another type.
            BodyError: it is not JSON, or holds more than a command may.
        """
        data = await self.body()
        kind = self.headers.get("content-type", "missing").partition(";")[0].strip()
        if data and kind.lower() != JSON_TYPE:
            raise WrongTypeError(f"content type is {kind[:80]}, expected {JSON_TYPE}")
        if data:
            self._decoded = await decode_off_loop(partial(_decode, max_depth=max_depth), data)

    async def json(self) -> Any:
        """The decoded body; what FastAPI asks for."""
        return self._decoded


def _decode(data: bytes, max_depth: int) -> Any:
    try:
        decoded = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise BodyError("the body is not JSON") from None
    try:
        check_extent(decoded, max_depth)
    except BadRequestError as error:
        raise BodyError(str(error)) from None
    return decoded
