"""Whom a request really comes from, where a proxy that is trusted says so. Everyone else's word on it is
passed over: anybody can write X-Forwarded-For."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from streamtrack.config.networks import network_of

SECURE = {"http": "https", "ws": "wss"}
MAX_HOPS = 32
"""Of X-Forwarded-For, counted from our end."""


class TrustedProxies:
    """The proxies whose word is taken."""

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        self._networks = [network for text in addresses if (network := network_of(text)) is not None]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, host: object) -> bool:
        address = _address_of(str(host))
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, forwarded_for: str) -> str | None:
        """The client of a chain of hosts, each added by the proxy that it asked: the last that is no proxy of
        ours, since what stands before it anybody may have written. None where that is no address."""
        hops = [_without_port(hop.strip()) for hop in forwarded_for.split(",")[-MAX_HOPS:]]
        last = next((hop for hop in reversed(hops) if hop not in self), hops[0])
        return None if _address_of(last) is None else last


class ForwardedHeaders:
    """Puts in a request's scope who asks, by which scheme and for which host, as a trusted proxy tells."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        client = scope.get("client")
        if scope["type"] in ("http", "websocket") and client is not None and client[0] in self._proxies:
            scope = self._as_told(scope)
        await self._app(scope, receive, send)

    def _as_told(self, scope: Scope) -> Scope:
        given, told = Headers(scope=scope), {**scope}
        if chain := ",".join(given.getlist("x-forwarded-for")):
            # What is no address is nobody's: all of them share one place among the limits.
            told["client"] = (self._proxies.client_of(chain) or "", 0)
        if _last(given, "x-forwarded-proto").lower() in ("https", "wss"):
            told["scheme"] = SECURE.get(scope["scheme"], scope["scheme"])
        if host := _last(given, "x-forwarded-host"):
            headers = MutableHeaders(raw=list(scope["headers"]))
            headers["host"] = host
            told["headers"] = headers.raw
        return told


def _last(headers: Headers, name: str) -> str:
    """What the proxy next to us says; those behind it may have said other things before."""
    values = headers.getlist(name)
    return values[-1].rpartition(",")[2].strip() if values else ""


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
