"""Whose word on a request's origin is taken: that of the proxies that are named, and of nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from streamtrack.config import HttpConfig
from streamtrack.http.proxies import ForwardedHeaders, TrustedProxies

PROXIES = TrustedProxies(("127.0.0.1", "10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("fd00::7", True),
        ("fd00::7%eth0", True),
        ("11.0.0.1", False),
        ("", False),
        ("proxy.example", False),
    ],
)
def test_proxy_is_known_by_its_address(host: str, trusted: bool) -> None:
    assert (host in PROXIES) is trusted
    assert host not in TrustedProxies()


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),  # what stands before anybody may have written
        ("192.0.2.1:5555", "192.0.2.1"),
        ("[2001:db8::1]:5555, 10.1.1.1", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("unknown", None),
        ("", None),
        (",,,", None),
        ("<script>", None),
        ("x" * 10_000, None),
        (",".join(["1.1.1.1"] * 10_000 + ["192.0.2.1"]), "192.0.2.1"),
    ],
)
def test_client_is_the_last_that_is_no_proxy_of_ours(chain: str, client: str | None) -> None:
    assert PROXIES.client_of(chain) == client


async def seen(client: tuple[str, int] | None, kind: str = "http", **headers: str) -> Scope:
    """The scope behind the middleware."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scheme = "http" if kind == "http" else "ws"
    scope: Any = {"type": kind, "client": client, "scheme": scheme, "headers": raw}
    nothing: Any = None
    await ForwardedHeaders(app, PROXIES)(scope, nothing, nothing)
    assert scope["headers"] == raw  # the given scope is left alone
    return found[0]


TOLD = {
    "host": "127.0.0.1:8080",
    "x_forwarded_for": "192.0.2.1",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "cams.example",
}


async def test_trusted_proxy_tells_client_scheme_and_host() -> None:
    scope = await seen(("127.0.0.1", 5), **TOLD)
    assert (scope["client"], scope["scheme"]) == (("192.0.2.1", 0), "https")
    assert Headers(scope=scope)["host"] == "cams.example"
    assert (await seen(("127.0.0.1", 5), "websocket", **TOLD))["scheme"] == "wss"


@pytest.mark.parametrize("client", [("192.0.2.7", 5), None])
async def test_nobody_else_tells_anything(client: tuple[str, int] | None) -> None:
    scope = await seen(client, **TOLD)
    assert (scope["client"], scope["scheme"]) == (client, "http")
    assert Headers(scope=scope)["host"] == "127.0.0.1:8080"


async def test_what_is_no_address_or_scheme_is_nobodys() -> None:
    scope = await seen(("127.0.0.1", 5), host="h", x_forwarded_for="junk", x_forwarded_proto="gopher")
    assert (scope["client"], scope["scheme"]) == (("", 0), "http")
    assert Headers(scope=scope)["host"] == "h"


async def test_of_several_the_nearest_proxys_word_counts() -> None:
    told = {**TOLD, "x_forwarded_host": "evil.example, cams.example", "x_forwarded_proto": "http, https"}
    scope = await seen(("10.0.0.1", 5), **told)
    assert Headers(scope=scope)["host"] == "cams.example"
    assert scope["scheme"] == "https"


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.0/99", ""])
def test_what_is_no_address_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ValidationError, match=r"is no address, expected 127\.0\.0\.1 or 10\.0\.0\.0/8"):
        HttpConfig(trusted_proxies=(proxy,))
