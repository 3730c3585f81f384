"""Who may come in: the bearer token, after the Host and Origin that a browser names. Pure."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers

from streamtrack.config import HttpConfig
from streamtrack.config.http import token_fault
from streamtrack.errors import ConfigError
from streamtrack.http.origins import SAFE_METHODS, OriginPolicy
from streamtrack.http.refusal import Refusal

OPEN_PATHS = frozenset({"/", "/timeline", "/healthz"})
"""The page asks for the token, and a supervisor asks whether the process lives: neither tells anything."""
OPEN_PREFIXES = ("/web/", "/docs/")
"""Scripts and styles, the same everywhere."""
MAX_QUERY_FIELDS = 16


class AccessPolicy:
    """Decides from a request's head whether it is let in."""

    def __init__(self, config: HttpConfig) -> None:
        """Raises:
        ConfigError: the token is empty or cannot stand in a header, or every origin is let in without one.
        """
        self._token = usable_token(config)
        if "*" in config.cors_origins and self._token is None and not config.allow_open:
            raise ConfigError(
                "http.cors_origins is '*' without http.token, which lets every web page watch and command; "
                "expected origins, a token, or --insecure (http.allow_open: true)"
            )
        self._origins = OriginPolicy(config)

    @property
    def asks_for_a_token(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    def refuse(self, method: str, path: str, query: bytes, headers: Headers) -> Refusal | None:
        """Why a request is refused; None where it may come in."""
        refusal = self._origins.refuse(method, path, headers)
        if refusal is not None or self._token is None:
            return refusal
        # A preflight cannot carry a token, and is answered by headers alone.
        if method == "OPTIONS" or (method in SAFE_METHODS and is_open(path)):
            return None
        given = given_token(method, query, headers)
        if given is not None and hmac.compare_digest(given.encode(), self._token):
            return None
        return Refusal(
            HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", "unauthorized", given or None
        )


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
        return given.strip()
    if method not in SAFE_METHODS:
        return None
    try:  # <img> and EventSource cannot send headers
        fields = parse_qs(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return None
    return fields.get("token", [None])[0]


def is_open(path: str) -> bool:
    """Whether a path is served without the token."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)
