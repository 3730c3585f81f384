"""Who may come in: the bearer token, and the Host and Origin that a browser names. Pure.

Without a token the server is bound to this machine only, and the danger is a web page that the operator has
open: a browser sends any page's requests to 127.0.0.1. Three checks stop that. The Origin of a request that
changes something must be our own or a configured one; pictures and live events, which a page could show or
occupy without reading them, are for our own pages and configured ones; and the Host must be a name of this
machine (an attacker's name that was re-bound to 127.0.0.1 is not). With a token none of them matters: that
page does not know it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers

from streamtrack.config import HttpConfig, is_loopback
from streamtrack.config.http import token_fault
from streamtrack.errors import ConfigError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/", "/timeline", "/healthz"})
"""The page asks for the token, and a supervisor asks whether the process lives: neither tells anything."""
OPEN_PREFIXES = ("/web/", "/docs/")
"""Scripts and styles, the same everywhere."""
WATCHED_PATH = re.compile(
    r"/streams/[^/]+/(mjpeg|snapshot\.jpg|live|results|masks|wire|objects/[^/]+/mask\.png)"
    r"|/(recordings|clips|events)/.+\.(mp4|jsonl|jpg)"
)
"""What takes a viewer's place, or can be shown by a page that cannot read it."""
MAX_QUERY_FIELDS = 16


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: HTTPStatus
    error: str
    kind: str = "forbidden"
    """The error's name for machines."""
    guess: str | None = None
    """The wrong token that was given."""


class AccessPolicy:
    """Decides from a request's head whether it is let in."""

    def __init__(self, config: HttpConfig) -> None:
        """Raises:
        ConfigError: the token is empty or cannot stand in a header, or every origin is let in without one.
        """
        self._token = usable_token(config)
        self._origins = frozenset(map(normal_origin, config.cors_origins))
        if "*" in self._origins and self._token is None and not config.allow_open:
            raise ConfigError(
                "http.cors_origins is '*' without http.token, which lets every web page watch and command; "
                "expected origins, a token, or http.allow_open: true"
            )
        hosts = {urlsplit(origin).hostname for origin in self._origins} | {config.host.strip("[]").lower()}
        self._hosts: Collection[str] = frozenset(host for host in hosts if host)
        # Bound to the network without a token (`allow_open`), the names it is reached by are not known.
        self._checks_host = self._token is None and is_loopback(config.host)

    @property
    def asks_for_a_token(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    def refuse(self, method: str, path: str, query: bytes, headers: Headers) -> Refusal | None:
        """Why a request is refused; None where it may come in."""
        if self._token is None:
            return self._refuse_host(headers) or self._refuse_origin(method, path, headers)
        # A preflight cannot carry a token, and is answered by headers alone.
        if method == "OPTIONS" or (method in SAFE_METHODS and is_open(path)):
            return None
        given = given_token(method, query, headers)
        if given is not None and hmac.compare_digest(given.encode(), self._token):
            return None
        return Refusal(
            HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", "unauthorized", given or None
        )

    def _refuse_host(self, headers: Headers) -> Refusal | None:
        if not self._checks_host:
            return None
        try:
            host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
        except ValueError:  # [ without ]
            host = ""
        if host in self._hosts or is_loopback(host):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the Host is not a name of this machine, see http.cors_origins")

    def _refuse_origin(self, method: str, path: str, headers: Headers) -> Refusal | None:
        if method in SAFE_METHODS and not WATCHED_PATH.fullmatch(path):
            return None
        # Someone who follows a link to a picture looks at it in the address bar's own page.
        if method in SAFE_METHODS and headers.get("sec-fetch-dest") == "document":
            return None
        if not self._is_foreign(method, headers):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the request comes from another origin, see http.cors_origins")

    def _is_foreign(self, method: str, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None and method in SAFE_METHODS:  # an <img> names where it stands in another header
            origin = _origin_of(headers.get("referer"))
        if origin is not None:
            return not (self._is_own(origin, headers) or self._may_call(origin))
        # Not a browser, or one that does not say where its page is from.
        return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")

    def _is_own(self, origin: str, headers: Headers) -> bool:
        return origin.partition("://")[2].lower() == headers.get("host", "").lower()

    def _may_call(self, origin: str) -> bool:
        return "*" in self._origins or normal_origin(origin) in self._origins


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


def normal_origin(origin: str) -> str:
    """An origin as browsers write it: lower case, no slash behind it."""
    return origin.rstrip("/").lower()


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


def _origin_of(url: str | None) -> str | None:
    if url is None or "://" not in url:
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
