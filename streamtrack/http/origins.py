"""What a browser says of where a request comes from and goes to: Host, Origin, Sec-Fetch-Site. Pure.

A browser sends any page's requests to any address, and cookies of ours along where they may go. Three checks
stop what a page of another origin could do with that, whether there is a token or none. The Host must be a
name of this server: an attacker's name that was bound to our address anew (DNS rebinding) is none. The Origin
of a request that changes something must be our own or a configured one. Pictures and live events, which a
page could show or occupy without reading them, are for our own pages and configured ones.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from streamtrack.config import HttpConfig, is_loopback
from streamtrack.http.refusal import Refusal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WATCHED_PATH = re.compile(
    r"/streams/[^/]+/(mjpeg|snapshot\.jpg|live|results|masks|wire|objects/[^/]+/mask\.png)"
    r"|/(recordings|clips|events)/.+\.(mp4|jsonl|jpg)"
)
"""What takes a viewer's place, or can be shown by a page that cannot read it."""
ANY = "*"
LOCAL_DOMAIN = ".local"
"""Where mDNS puts a machine's own name."""


class OriginPolicy:
    """Decides by a request's Host and origin whether it is let in."""

    def __init__(self, config: HttpConfig) -> None:
        self._origins = frozenset(map(normal_origin, config.cors_origins))
        named = {urlsplit(origin).hostname for origin in self._origins} | {config.host.strip("[]")}
        self._hosts = frozenset(
            _plain(host) for host in (*named, *config.hosts, *_own_names(config.host)) if host
        )
        self._on_network = not is_loopback(config.host)

    def refuse(self, method: str, path: str, headers: Headers) -> Refusal | None:
        """Why a request is refused; None where it may come in."""
        if not self._is_known(headers.get("host", "")):
            return Refusal(HTTPStatus.FORBIDDEN, "the Host is not a name of this machine, see http.hosts")
        if method in SAFE_METHODS and not WATCHED_PATH.fullmatch(path):
            return None
        # Someone who follows a link to a picture looks at it in the address bar's own page.
        if method in SAFE_METHODS and headers.get("sec-fetch-dest") == "document":
            return None
        if not self._is_foreign(method, headers):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "the request comes from another origin, see http.cors_origins")

    def _is_known(self, given: str) -> bool:
        """Whether a Host header names this server. An address is no name that could be bound anew."""
        if ANY in self._hosts:
            return True
        try:
            host = _plain(urlsplit(f"//{given}").hostname or "")
        except ValueError:  # [ without ]
            return False
        return host in self._hosts or is_loopback(host) or (self._on_network and _is_address(host))

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
        return ANY in self._origins or normal_origin(origin) in self._origins


def normal_origin(origin: str) -> str:
    """An origin as browsers write it: lower case, no slash behind it."""
    return origin.rstrip("/").lower()


def _own_names(host: str) -> tuple[str, ...]:
    """What this machine is called by its neighbours; none where it listens to itself alone."""
    if is_loopback(host):
        return ()
    name = socket.gethostname()
    first = name.partition(".")[0]
    return (name, first, first + LOCAL_DOMAIN)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin_of(url: str | None) -> str | None:
    if url is None or "://" not in url:
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
