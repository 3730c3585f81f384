"""Logging in: a page that asks for a token, and a session's cookie for it; who one is; logging out."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel

from streamtrack.access.door import Door, Pass
from streamtrack.access.principal import Kind
from streamtrack.errors import WrongTypeError
from streamtrack.http.auth import address_of, admitted_by_token
from streamtrack.http.cookies import drop_session, given_session, set_session
from streamtrack.http.refusal import RefusedError
from streamtrack.http.visit import admitted_by

FORM_TYPE, JSON_TYPE = "application/x-www-form-urlencoded", "application/json"
MAX_FIELDS = 8
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}
LOG_IN, LOG_OUT = "log in", "log out"
"""As the audit log calls them."""


class WhoAmI(BaseModel):
    """Who asks, and what he may."""

    name: str
    """Of the key; `token` for the config's one, `anyone` where nobody is asked."""
    role: Literal["view", "control", "admin"]
    kind: Kind
    session: bool
    """Whether by the login page's cookie, which `POST /logout` ends."""
    asks: bool
    """Whether the server asks anybody who he is."""


class TokenBody(BaseModel):
    """What the login page sends."""

    token: str


def login_router(door: Door) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["access"])
    page = (files("streamtrack.http") / "web" / "login.html").read_bytes()

    @router.get("/login", include_in_schema=False)
    async def login_page() -> Response:
        return Response(page, media_type="text/html", headers=PAGE_HEADERS)

    @router.post(
        "/login",
        response_model=WhoAmI,
        openapi_extra={
            "requestBody": {
                "content": {JSON_TYPE: {"schema": TokenBody.model_json_schema()}},
                "required": True,
            }
        },
    )
    async def log_in(request: Request) -> Any:
        """Begin a session by a token, `{"token": "..."}`: the answer sets a cookie that stands for it. Wrong
        tokens are slowed down as they are everywhere."""
        is_form, token, goal = await _given(request)
        try:
            admitted = await admitted_by_token(door, token, request.scope)
        except RefusedError as error:
            if is_form:
                query = urlencode({"wrong": error.refusal.kind, "next": goal})
                return RedirectResponse(f"/login?{query}", HTTPStatus.SEE_OTHER)
            return _refusal(error)
        body = who_am_i(door, admitted)
        response: Response = JSONResponse(body.model_dump())
        if is_form:
            response = RedirectResponse(goal, HTTPStatus.SEE_OTHER)
        if door.asks:
            former = given_session(request.scope)
            if former is not None and (left := door.resume(former)) is not None:
                door.end_session(left)
            session_id = door.begin_session(admitted)
            set_session(response, request.scope, session_id, door.sessions.longest_s)
            _tell(door, LOG_IN, admitted, request)
        response.headers["Cache-Control"] = "no-store"
        return response

    @router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
    async def log_out(request: Request) -> Response:
        """End the cookie's session, and what it keeps open."""
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        session_id = given_session(request.scope)
        admitted = None if session_id is None else door.resume(session_id)
        if admitted is not None:
            _tell(door, LOG_OUT, admitted, request)
            door.end_session(admitted)
        drop_session(response, request.scope)
        return response

    @router.get("/whoami")
    async def whoami(request: Request) -> WhoAmI:
        """Who asks, and what he may: view, control or admin."""
        return who_am_i(door, admitted_by(request))

    return router


def who_am_i(door: Door, admitted: Pass) -> WhoAmI:
    """What is told of somebody to himself."""
    who = admitted.principal
    is_session = admitted.session is not None
    return WhoAmI(name=who.name, role=who.role.value, kind=who.kind, session=is_session, asks=door.asks)


async def _given(request: Request) -> tuple[bool, str, str]:
    """Whether a form was sent, the token in it, and where to go then.

    Raises:
        WrongTypeError: it is neither a form nor JSON.
    """
    kind = request.headers.get("content-type", "missing").partition(";")[0].strip().lower()
    data = await request.body()
    if kind == FORM_TYPE:
        try:
            fields = parse_qs(data.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS)
        except ValueError:
            fields = {}
        return True, fields.get("token", [""])[0].strip(), own_path(fields.get("next", ["/"])[0])
    if kind != JSON_TYPE:
        raise WrongTypeError(f"content type is {kind[:80]}, expected {JSON_TYPE} or {FORM_TYPE}")
    try:
        token = msgspec.json.decode(data, type=dict[str, str]).get("token", "")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        token = ""
    return False, token.strip(), "/"


def own_path(text: str) -> str:
    """Where to go on this server; its page where a text names another one, or what no address is."""
    # "//host" and "/\\host" are other servers to a browser.
    is_own = text.startswith("/") and text[1:2] not in ("/", "\\") and text.isascii() and text.isprintable()
    return text[:500] if is_own else "/"


def _tell(door: Door, what: str, admitted: Pass, request: Request) -> None:
    where = address_of(request.scope)
    door.audit.note(what, "done", principal=admitted.principal, by=admitted.principal.kind, address=where)


def _refusal(error: RefusedError) -> Response:
    body = {"error": error.refusal.error, "kind": error.refusal.kind}
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return JSONResponse(body, error.refusal.status, headers)
