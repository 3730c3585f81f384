"""Who may come in over HTTP: Host and Origin first, then the key, token or cookie, then the role."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from streamtrack.access.audit import AuditLog
from streamtrack.access.door import OPEN_PASS, WRONG, Door, Pass
from streamtrack.access.keyring import Keyring
from streamtrack.access.refusals import ForbiddenError, TooManyGuessesError, UnauthorizedError
from streamtrack.access.sessions import Sessions
from streamtrack.config import HttpConfig
from streamtrack.config.http import token_fault
from streamtrack.errors import BusyError, ConfigError
from streamtrack.http.cookies import given_session
from streamtrack.http.needs import Asked
from streamtrack.http.origins import SAFE_METHODS, OriginPolicy
from streamtrack.http.peers import peer_of
from streamtrack.http.refusal import Refusal, RefusedError

MAX_QUERY_FIELDS = 16
TELLS_MORE = "GET /readyz"
"""An open route that tells more to whoever may see it."""


def door_of(config: HttpConfig, keyring: Keyring | None = None, audit: AuditLog | None = None) -> Door:
    """The door that a config asks for.

    Raises:
        ConfigError: the token is empty or cannot stand in a header, or every origin is let in without one.
    """
    token = usable_token(config)
    door = Door(
        token=token,
        keyring=keyring,
        sessions=Sessions(config.session_idle_s, config.session_max_s),
        audit=audit or AuditLog(None),
    )
    if "*" in config.cors_origins and not door.asks and not config.allow_open:
        raise ConfigError(
            "http.cors_origins is '*' without http.token, which lets every web page watch and command; "
            "expected origins, a token, or --insecure (http.allow_open: true)"
        )
    return door


class Entrance:
    """Judges requests by their heads."""

    def __init__(self, config: HttpConfig, door: Door) -> None:
        self.door = door
        self._origins = OriginPolicy(config)

    async def admit(self, scope: Scope, asked: Asked) -> Pass | None:
        """Who a request is from; None where it needs nobody.

        Raises:
            RefusedError: it is not let in.
        """
        method, headers = scope.get("method", "GET"), Headers(scope=scope)
        refusal = self._origins.refuse(method, scope["path"], headers)
        if refusal is not None:
            raise RefusedError(refusal)
        if not self.door.asks:
            return OPEN_PASS
        # A preflight cannot carry a token, and is answered by headers alone.
        if method == "OPTIONS" or asked.need is None:
            return await self._if_known(scope) if asked.what == TELLS_MORE else None
        admitted = await self._admitted(scope, headers)
        try:
            admitted.principal.require(asked.need, asked.what)
        except ForbiddenError as error:
            self._tell_forbidden(admitted, asked, scope, str(error))
            raise RefusedError(Refusal(HTTPStatus.FORBIDDEN, str(error), error.kind)) from None
        return admitted

    async def _if_known(self, scope: Scope) -> Pass | None:
        try:
            return await self._admitted(scope, Headers(scope=scope))
        except RefusedError:
            return None

    async def _admitted(self, scope: Scope, headers: Headers) -> Pass:
        token = given_token(scope.get("method", "GET"), scope["query_string"], headers)
        if token is None:
            session_id = given_session(scope)
            admitted = None if session_id is None else self.door.resume(session_id)
            if admitted is None:
                raise RefusedError(Refusal(HTTPStatus.UNAUTHORIZED, WRONG, UnauthorizedError.kind))
            return admitted
        return await admitted_by_token(self.door, token, scope)

    def _tell_forbidden(self, admitted: Pass, asked: Asked, scope: Scope, detail: str) -> None:
        self.door.audit.note(
            asked.what,
            "refused",
            principal=admitted.principal,
            by=admitted.by,
            address=address_of(scope),
            status=int(HTTPStatus.FORBIDDEN),
            detail=detail,
            often=True,
        )


async def admitted_by_token(door: Door, token: str, scope: Scope) -> Pass:
    """Who shows this token.

    Raises:
        RefusedError: nobody, or it is not looked at now.
    """
    try:
        return await door.admit(token, peer_of(scope.get("client")), address_of(scope))
    except TooManyGuessesError as error:
        refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, str(error), error.kind)
        raise RefusedError(refusal, error.wait_s) from None
    except UnauthorizedError as error:
        raise RefusedError(Refusal(HTTPStatus.UNAUTHORIZED, str(error), error.kind)) from None
    except BusyError as error:
        raise RefusedError(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error), error.kind), 2) from None


def usable_token(config: HttpConfig) -> bytes | None:
    """The configured token as bytes; None where there is none.

    Raises:
        ConfigError: it is empty, short, or holds what a header cannot.
    """
    if config.token is None:
        return None
    token = config.token.get_secret_value()
    if (fault := token_fault(token)) is not None:
        raise ConfigError(f"http.{fault}")
    return token.encode()


def given_token(method: str, query: bytes, headers: Headers) -> str | None:
    """The token that a request carries; None where it carries none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip() or None
    if method not in SAFE_METHODS:
        return None
    try:  # <img> and EventSource cannot send headers
        fields = parse_qs(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return None
    return fields.get("token", [None])[0]


def address_of(scope: Scope) -> str:
    """The client's address, for the audit log."""
    client = scope.get("client")
    return "" if client is None else str(client[0])
