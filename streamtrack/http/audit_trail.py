"""What a request did, as the audit log keeps it: its route, what the path and the answer name, how it ended.
Never a body, a query or a header, which may hold secrets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.types import Message, Scope

from streamtrack.access.audit import AuditLog, Outcome
from streamtrack.access.door import Pass
from streamtrack.access.roles import Role
from streamtrack.http.auth import address_of
from streamtrack.http.needs import Asked
from streamtrack.http.origins import SAFE_METHODS

MAX_ANSWER_BYTES = 16_384
"""Of an answer that is looked into for the names in it."""
STREAM_PARAMS = {
    "/streams/": "name",
    "/recordings/": "stream",
}
"""Which of a path's parameters is a stream."""
OF_MACHINES = frozenset(
    {
        "POST /streams/{name}/objects/{object_id}/likeness",
        "POST /streams/{name}/objects/{object_id}/mend",
        "POST /streams/{name}/ptz/move",
    }
)
"""What detectors and sticks ask for many times a second."""
ANSWER_NAMES = ("object_id", "name", "id", "snooze_id")
"""Keys of an answer that say what was made."""


def is_written_down(scope: Scope, asked: Asked) -> bool:
    """Whether a request changes something that others see."""
    return asked.need in (Role.CONTROL, Role.ADMIN) and scope.get("method", "GET") not in SAFE_METHODS


class Trail:
    """Watches one answer."""

    def __init__(self, log: AuditLog, scope: Scope, asked: Asked, admitted: Pass) -> None:
        self._log, self._asked, self._admitted = log, asked, admitted
        self._address = address_of(scope)
        self._status = 0
        self._body: bytes | None = b""

    def see(self, message: Message) -> None:
        """A part of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            kind = Headers(raw=list(message.get("headers") or ())).get("content-type", "")
            self._body = b"" if kind.startswith("application/json") else None
        elif message["type"] == "http.response.body" and self._body is not None:
            body = self._body + message.get("body", b"")
            self._body = body if len(body) <= MAX_ANSWER_BYTES else None

    def close(self) -> None:
        """The answer has ended: write down what came of the request."""
        told = self._told()
        stream, named = self._names()
        if not named:
            named = next((str(told[key]) for key in ANSWER_NAMES if told.get(key) is not None), "")
        if self._asked.what == "POST /streams":
            stream, named = named, ""
        self._log.note(
            self._asked.what,
            outcome_of(self._status),
            principal=self._admitted.principal,
            by=self._admitted.by,
            address=self._address,
            stream=stream,
            object_id=named,
            status=self._status,
            detail=str(told.get("error", "")),
            often=self._asked.what in OF_MACHINES,
        )

    def _names(self) -> tuple[str, str]:
        """The stream, and what else the path names."""
        path = self._asked.what.partition(" ")[2]
        of_stream = next((name for start, name in STREAM_PARAMS.items() if path.startswith(start)), "")
        params = self._asked.params
        others = "/".join(str(value) for name, value in params.items() if name != of_stream)
        return str(params.get(of_stream, "")), others

    def _told(self) -> dict[str, Any]:
        if not self._body:
            return {}
        try:
            told = msgspec.json.decode(self._body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return {}
        return told if isinstance(told, dict) else {}


def outcome_of(status: int) -> Outcome:
    """How a request ended, by its status."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "refused"
    return "done" if 200 <= status < 400 else "failed"
