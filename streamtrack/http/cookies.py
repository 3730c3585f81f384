"""The cookie of the login page: a session's id that no script can read and no other site can send."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

MAX_COOKIES = 64
"""In one request; browsers send those of every server on the host, whatever its port."""


def given_session(scope: Scope) -> str | None:
    """The session's id that a request carries; None where it carries none."""
    wanted = _name(scope)
    for cookie in Headers(scope=scope).get("cookie", "").split(";", MAX_COOKIES):
        name, _, value = cookie.strip().partition("=")
        if name == wanted and value:
            return value
    return None


def set_session(response: Response, scope: Scope, session_id: str, max_age_s: float) -> None:
    """Have a browser keep a session's id."""
    _set(response, scope, session_id, int(max_age_s))


def drop_session(response: Response, scope: Scope) -> None:
    """Have a browser forget it."""
    _set(response, scope, "", 0)


def _set(response: Response, scope: Scope, value: str, max_age_s: int) -> None:
    response.set_cookie(
        _name(scope),
        value,
        max_age=max_age_s,
        path="/",
        secure=is_secure(scope),
        httponly=True,
        samesite="strict",
    )


def is_secure(scope: Scope) -> bool:
    """Whether the browser came by TLS, to us or to a proxy that is trusted."""
    return scope["scheme"] in ("https", "wss")


def _name(scope: Scope) -> str:
    """Cookies are of a host, not of a port: two servers on one host must not take each other's for theirs."""
    server = scope.get("server")
    port = "" if server is None or server[1] is None else server[1]
    prefix = "__Host-" if is_secure(scope) else ""  # nobody but this host, over TLS, can have set it
    return f"{prefix}streamtrack_{port}"
