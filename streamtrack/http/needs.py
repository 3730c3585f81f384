"""What each route asks for: one table for the server and the page of `track --pick`. A route that is not in
it is for admins.

A route is found by the app's own list, in the app's own order, so that what is judged is what will run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import routing
from starlette.routing import Match
from starlette.types import Scope

from streamtrack.access.roles import Role

OPEN: dict[str, Role | None] = dict.fromkeys(
    (
        "GET /",
        "GET /timeline",
        "GET /login",
        "POST /login",
        "POST /logout",
        "GET /web/{name}",
        "GET /web/palette.json",
        "GET /web/version.json",
        "GET /docs/{name}",
        "GET /healthz",
        "GET /readyz",
        "OPTIONS /streams/{name}/whep",
        "OPTIONS /whep/sessions/{session_id}",
    )
)
"""Pages and their files, which are the same for everybody, and whether the process lives."""
VIEW = dict.fromkeys(
    (
        "GET /whoami",
        "GET /docs",
        "GET /openapi.json",
        "GET /metrics",
        "GET /streams",
        "GET /streams/{name}",
        "GET /streams/{name}/events",
        "GET /streams/{name}/live",
        "GET /streams/{name}/results",
        "GET /streams/{name}/masks",
        "WEBSOCKET /streams/{name}/wire",
        "GET /streams/{name}/objects",
        "GET /streams/{name}/objects/at",
        "GET /streams/{name}/objects/{object_id}/mask.png",
        "GET /streams/{name}/objects/{object_id}/memory",
        "GET /streams/{name}/objects/{object_id}/candidates",
        "GET /streams/{name}/mjpeg",
        "GET /streams/{name}/snapshot.jpg",
        "GET /streams/{name}/follow/{object_id}",
        "GET /streams/{name}/encodes",
        "GET /streams/{name}/pushes",
        "GET /streams/{name}/ptz",
        "GET /streams/{name}/rules",
        "GET /streams/{name}/rules/{rule}",
        "POST /streams/{name}/whep",
        "PATCH /whep/sessions/{session_id}",
        "DELETE /whep/sessions/{session_id}",
        "GET /whep/sessions/{session_id}/frame",
        "GET /alerts",
        "GET /recordings",
        "GET /recordings/{stream}",
        "GET /recordings/{stream}/{name}",
        "GET /recordings/{stream}/{name}/{film}.mp4",
        "GET /recordings/{stream}/{name}/masks.jsonl",
        "GET /clips",
        "GET /clips/{clip_id}",
        "GET /clips/{clip_id}/{part}",
        "GET /events/history",
        "GET /events/history/{event_id}/thumbnail.jpg",
        "GET /jobs",
        "GET /jobs/{job_id}",
        "GET /jobs/{job_id}/live",
        "GET /jobs/{job_id}/results.zip",
        "GET /jobs/{job_id}/results/{name:path}",
    ),
    Role.VIEW,
)
"""See and hear. A WebRTC viewer opens, keeps and ends his own session by that."""
CONTROL = dict.fromkeys(
    (
        "POST /streams/{name}/pause",
        "POST /streams/{name}/resume",
        "POST /streams/{name}/restart",
        "POST /streams/{name}/retry",
        "POST /streams/{name}/replay",
        "POST /streams/{name}/undo",
        "POST /streams/{name}/objects",
        "POST /streams/{name}/objects/from",
        "PATCH /streams/{name}/objects/{object_id}",
        "DELETE /streams/{name}/objects/{object_id}",
        "POST /streams/{name}/objects/{object_id}/prompts",
        "DELETE /streams/{name}/objects/{object_id}/prompts",
        "POST /streams/{name}/objects/{object_id}/mend",
        "POST /streams/{name}/objects/{object_id}/likeness",
        "POST /streams/{name}/objects/{object_id}/undo",
        "POST /streams/{name}/objects/{object_id}/choose",
        "POST /streams/{name}/objects/{object_id}/start-over",
        "POST /streams/{name}/objects/{object_id}/merge",
        "POST /streams/{name}/ptz/follow",
        "POST /streams/{name}/ptz/stop",
        "POST /streams/{name}/ptz/home",
        "POST /streams/{name}/ptz/move",
        "POST /streams/{name}/rules",
        "PUT /streams/{name}/rules/{rule}",
        "DELETE /streams/{name}/rules/{rule}",
        "POST /alerts/snoozes",
        "DELETE /alerts/snoozes/{snooze_id}",
        "POST /clips",
        "POST /jobs",
        "POST /jobs/{job_id}/cancel",
        "DELETE /jobs/{job_id}",
    ),
    Role.CONTROL,
)
"""Change what is followed."""
ADMIN = dict.fromkeys(
    (
        "GET /cameras",
        "GET /streams/{name}/config",
        "POST /streams",
        "POST /streams/test",
        "PATCH /streams/{name}",
        "DELETE /streams/{name}",
        "POST /config/reload",
        "DELETE /recordings/{stream}",
        "DELETE /recordings/{stream}/{name}",
        "DELETE /clips/{clip_id}",
        "GET /audit",
    ),
    Role.ADMIN,
)
"""Cameras with their settings, deletion of what was kept, the audit log."""
PICK = {
    **dict.fromkeys(
        (
            "GET /pick",
            "GET /pick/frames/{frame_idx}",
            "GET /pick/masks/{frame_idx}",
            "GET /pick/live",
            "GET /pick/prompts.yaml",
            "GET /pick/job/picture",
            "GET /pick/files/{name:path}",
        ),
        Role.VIEW,
    ),
    **dict.fromkeys(
        (
            "POST /pick/prompts",
            "POST /pick/clear",
            "POST /pick/undo",
            "PATCH /pick/objects/{object_id}",
            "DELETE /pick/objects/{object_id}",
            "PUT /pick/options",
            "POST /pick/job",
            "DELETE /pick/job",
        ),
        Role.CONTROL,
    ),
    "POST /pick/close": Role.ADMIN,
}
"""The page of `track --pick`, whose one token is an admin's."""
NEEDS: Mapping[str, Role | None] = {**OPEN, **VIEW, **CONTROL, **ADMIN, **PICK}
"""By method and path; None: nothing."""
UNKNOWN = Role.VIEW
"""To be told that there is no such address, or no such method."""
FILES = ("/web/", "/docs/")
"""Where there are files alone: that one is not there is told to everybody."""
PATHS_KEPT = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    what: str
    """Its route, as the table names it; the method alone where there is none."""
    need: Role | None
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the path names."""


class Needs:
    """Finds what requests need."""

    def __init__(self, routes: Sequence[Any], table: Mapping[str, Role | None] = NEEDS) -> None:
        """`routes`: of an app, all that there will be."""
        self._routes = tuple(flat_routes(routes))
        self._table = table
        self._known: dict[tuple[str, str], Asked] = {}

    def of(self, scope: Scope) -> Asked:
        """What a request or WebSocket asks for."""
        method = scope.get("method", "WEBSOCKET")
        asked = self._known.get((method, scope["path"]))
        if asked is None:
            asked = self._find(method, scope)
            if len(self._known) >= PATHS_KEPT:
                self._known.clear()
            self._known[method, scope["path"]] = asked
        return asked

    def _find(self, method: str, scope: Scope) -> Asked:
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                what = name_of(method, route.path)
                params = dict(found.get("path_params", {}))
                return Asked(what, self._table.get(what, Role.ADMIN), params)
        is_file = method in ("GET", "HEAD") and scope["path"].startswith(FILES)
        return Asked(method, None if is_file else UNKNOWN)


def name_of(method: str, path: str) -> str:
    """A route's name in the table; who may ask for something may ask for its head."""
    return f"{'GET' if method == 'HEAD' else method} {path}"


def flat_routes(routes: Sequence[Any]) -> Iterable[Any]:
    """Every route of an app in the order in which they are tried; newer FastAPIs keep routers in routers."""
    contexts = getattr(routing, "iter_route_contexts", None)
    return routes if contexts is None else contexts(routes)
