"""The HTTP API's audit log: who did what, newest first."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel

from streamtrack.access.audit import AuditLog

MAX_PAGE = 500


class AuditEntry(BaseModel):
    """One thing that somebody did, or was refused."""

    id: int
    """Rises; microseconds since the epoch."""
    time: str
    """ISO 8601, UTC."""
    who: str
    """The principal's name; empty where nobody was known."""
    role: str
    by: str
    """key, token, curve, anyone; session: by the login page's cookie."""
    address: str
    via: str = "http"
    """http, zmq, command, file."""
    what: str
    """A route, a command, `log in`, `keys make`."""
    stream: str = ""
    object: str = ""
    """What it was done to: an object's id, a rule, a recording, a job, a key."""
    outcome: str
    """done, refused, failed."""
    status: int = 0
    """HTTP's."""
    detail: str = ""
    """Why not."""
    times: int = 1
    """How often, where it was repeated."""


class AuditPage(BaseModel):
    """A part of the log."""

    entries: tuple[AuditEntry, ...]
    """Newest first."""
    before: int | None
    """Where the next page begins; null at the end."""
    lost: int
    """Entries that could not be kept since the start: the disk was full or gone."""
    stored: bool
    """Whether the log outlives the process: there is a state folder."""


def audit_router(log: AuditLog) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["access"])

    @router.get("/audit")
    async def audit(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        before: Annotated[int | None, Query(ge=0, description="Only entries with a smaller id")] = None,
        who: Annotated[str | None, Query(max_length=64, description="Only of this principal")] = None,
        outcome: Literal["done", "refused", "failed"] | None = None,
    ) -> AuditPage:
        """Who did what and how it ended, the newest first; `before` of an answer asks for the next page."""
        found, rest = await asyncio.to_thread(log.page, limit, before, who, outcome)
        entries = tuple(AuditEntry(**msgspec.to_builtins(entry)) for entry in found)
        return AuditPage(entries=entries, before=rest, lost=log.lost, stored=log.stored)

    return router
