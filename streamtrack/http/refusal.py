"""Why a request is not let in, as every check says it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Send


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: HTTPStatus
    error: str
    kind: str = "forbidden"
    """The error's name for machines."""


class RefusedError(Exception):
    """A request that is answered by the guard."""

    def __init__(self, refusal: Refusal, retry_after_s: int | None = None) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal
        self.retry_after_s = retry_after_s


async def send_refusal(
    send: Send, refusal: Refusal, retry_after_s: int | None = None, of: str = "http"
) -> None:
    """Answer a request, or one for a WebSocket, with an error, as JSON."""
    body = json.dumps({"error": refusal.error, "kind": refusal.kind}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    else:
        headers.append((b"connection", b"close"))  # what is left of the body is not read
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": f"{of}.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": f"{of}.response.body", "body": body})
