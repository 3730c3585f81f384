"""The HTTP API's history: events of every stream, searched."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from streamtrack.errors import PromptError
from streamtrack.frame import EventKind
from streamtrack.history.kept_event import MAX_PAGE, EventPage, EventQuery
from streamtrack.http.recordings_routes import MAX_MS, ArchiveOf, Moment
from streamtrack.recording.names import not_kept

MAX_NAMES = 64

Names = Annotated[
    list[Annotated[str, Query(max_length=128)]],
    Query(max_length=MAX_NAMES, description="May be given several times: any of them"),
]
EventId = Annotated[int, Path(ge=1, le=MAX_MS)]


def history_router(archive: ArchiveOf) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/events/history", tags=["events"])

    @router.get("")
    async def find_events(
        stream: Names = [],  # noqa: B006  FastAPI copies it
        kind: Names = [],  # noqa: B006
        class_: Annotated[Names, Query(alias="class")] = [],  # noqa: B006
        label: Names = [],  # noqa: B006
        rule: Names = [],  # noqa: B006
        object_id: Annotated[list[int], Query(max_length=MAX_NAMES)] = [],  # noqa: B006
        from_ms: Moment | None = None,
        to_ms: Moment | None = None,
        before_id: Annotated[int | None, Query(ge=1, le=MAX_MS)] = None,
        after_id: Annotated[int | None, Query(ge=0, le=MAX_MS)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        oldest_first: bool = False,
    ) -> EventPage:
        """Events of all streams, the newest first. `next_id` of the answer is the next page's `before_id`
        (with `oldest_first` its `after_id`); null where there is none."""
        for name in kind:
            if name not in frozenset(EventKind):
                raise PromptError(f"kind is {name[:64]!r}, expected some of: {', '.join(EventKind)}")
        query = EventQuery(
            stream,
            kind,
            class_,
            label,
            rule,
            object_id,
            from_ms,
            to_ms,
            before_id,
            after_id,
            limit,
            oldest_first,
        )
        return await asyncio.to_thread(archive.shelves.events.find, query)

    @router.get("/{event_id}/thumbnail.jpg", response_class=Response)
    async def show_thumbnail(event_id: EventId) -> Response:
        """The object's picture at that moment, as JPEG."""
        picture = await asyncio.to_thread(archive.shelves.events.thumbnail, event_id)
        if picture is None:
            raise not_kept("events", f"{event_id}/thumbnail.jpg")
        headers = {"cache-control": "private, max-age=3600"}
        return Response(picture, media_type="image/jpeg", headers=headers)

    return router
