"""The HTTP API's pushes: where a stream is sent on to, and how that goes."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from streamtrack.errors import UnknownStreamError
from streamtrack.http.paths import StreamName
from streamtrack.push.pusher import PushStatus
from streamtrack.push.pushes import Pushes


def push_router(pushes: Mapping[str, Pushes]) -> APIRouter:
    """The routes, over the pushes of each stream."""
    router = APIRouter(tags=["video"])

    @router.get("/streams/{name}/pushes")
    async def list_pushes(name: StreamName) -> list[PushStatus]:
        """Each server that the stream is sent on to: connecting, streaming or away, and what was sent."""
        found = pushes.get(name)
        if found is None:
            raise UnknownStreamError(name, tuple(pushes))
        return list(found.statuses())

    return router
