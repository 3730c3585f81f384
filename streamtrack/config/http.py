"""`http`: the page, the API, WHEP and metrics."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from streamtrack.config.networks import network_of
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

KEYS_FILE = "keys.json"
"""In a state folder."""
MIN_TOKEN_CHARS = 16
"""Random letters and digits of that length are not found by trying, whoever tries."""
EVERY_ORIGIN = ("*", "null")
"""Origins that any web page can have; null is that of a sandboxed frame."""

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")


class HttpLimitsConfig(Section):
    """What one client, one connection and all together may take."""

    connections: int = Field(512, ge=8, le=65_536)
    """Open connections at one time. When they run out, the one that has waited longest without a request
    makes room."""
    connections_per_address: int = Field(192, ge=4, le=65_536)
    """Of one client address (of IPv6 a /64 network). Those of a trusted proxy are counted among all alone."""
    requests: int = Field(448, ge=1, le=65_536)
    """Requests under way at one time, viewers included; more are answered 503. `/healthz` and `/readyz` are
    answered beside them."""
    requests_per_address: int = Field(160, ge=1, le=65_536)
    """Of one client address."""
    head_bytes: int = Field(16_384, ge=2_048, le=1 << 20)
    """Of a request's line and headers, its address included; more is answered 431."""
    head_timeout_s: float = Field(10.0, ge=0.1, le=600)
    """From the connection, or the answer before, to the end of a request's head; TLS's handshake as well."""
    body_timeout_s: float = Field(20.0, ge=0.1, le=3_600)
    """How long a body may take; films that are uploaded are bounded by the section `jobs`."""
    write_timeout_s: float = Field(10.0, ge=0.1, le=600)
    """How long a client may leave what it is sent unread, after which it is cut off."""


class HttpConfig(Section):
    """The page, the API, WHEP and metrics."""

    host: str = "127.0.0.1"
    """127.0.0.1 stays on this machine; another address needs `token` (or `allow_open`)."""
    port: int = Field(8080, ge=0, le=65_535)
    """Page, API, WHEP and metrics. 0 takes a free one and prints it."""
    token: SecretStr | None = None
    """Bearer token that every endpoint then asks for: a long random text, ASCII without blanks; fewer than 16
    characters are refused. `${NAME}` takes it from the environment. null: none."""
    hosts: tuple[str, ...] = ()
    """Names beside its addresses and its own name by which this server is reached (cams.example, or what a
    proxy in front is called): a Host that is none of them is refused, since web pages can be bound to any
    address (DNS rebinding). `*` takes every one."""
    keys_file: Path | None = None
    """The file of keys that `streamtrack keys` makes: who comes in, and as what (view, control, admin). It is
    read again when it changes. null: keys.json in `cameras.state_dir`, once there is one."""
    session_idle_s: float = Field(28_800, ge=1, le=31_536_000)
    """How long somebody who came in by the login page stays in while nothing of his is open."""
    session_max_s: float = Field(86_400, ge=1, le=31_536_000)
    """How long at most."""
    cors_origins: tuple[str, ...] = ()
    """Other origins (https://host:port) whose pages may call the API. `*`, every page there is, needs `token`
    (or `allow_open`)."""
    allow_open: bool = False
    """Lets the server bind to the network, or let every origin in, without `token`: whoever reaches the port
    watches and commands. `serve --insecure` says it for HTTP and ZeroMQ."""
    tls_certificate: Path | None = None
    """A PEM file with this server's certificate, and those between it and its authority behind it (certbot's
    fullchain.pem); then everything is https and wss. It is read again when it changes, and at SIGHUP;
    connections go on. null: plain HTTP."""
    tls_key: Path | None = None
    """The PEM file with its key (privkey.pem)."""
    tls_key_password: SecretStr | None = None
    """Of an encrypted key. Write it as `${NAME}`."""
    hsts_max_age_s: int = Field(15_552_000, ge=0)
    """Over TLS browsers are told to come by TLS alone for so long (Strict-Transport-Security), where the Host
    is a name. 0 does not tell them."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies in front (127.0.0.1, 10.0.0.0/8), whose X-Forwarded-For,
    X-Forwarded-Proto and X-Forwarded-Host are believed. Empty: nobody's."""
    limits: HttpLimitsConfig = HttpLimitsConfig()
    """How much, how many and how long."""

    @field_validator("host")
    @classmethod
    def _host_is_one(cls, value: str) -> str:
        if value and not _HOST_NAME.fullmatch(value) and not _is_ip(value.strip("[]")):
            raise ValueError("expected an address of this machine, such as 127.0.0.1 or 0.0.0.0")
        return value

    @field_validator("token")
    @classmethod
    def _token_guards_something(cls, value: SecretStr | None) -> SecretStr | None:
        fault = None if value is None else token_fault(value.get_secret_value())
        if fault is not None:
            raise ValueError(fault)
        return value

    @field_validator("hosts")
    @classmethod
    def _hosts_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if host != "*" and not _HOST_NAME.fullmatch(host) and not _is_ip(host.strip("[]")):
                raise ValueError(f"{describe_value(host)} is no host, expected a name such as cams.example")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin not in EVERY_ORIGIN and not _is_origin(origin):
                raise ValueError(f"{describe_value(origin)} is no origin, expected https://host:port")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            if network_of(proxy) is None:
                raise ValueError(f"{describe_value(proxy)} is no address, expected 127.0.0.1 or 10.0.0.0/8")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                "http.tls_certificate and http.tls_key: one is set without the other, expected both or none"
            )
        if self.tls_key_password is not None and self.tls_key is None:
            raise ValueError("http.tls_key_password is set without http.tls_key, expected both or none")
        return self


def token_fault(token: str) -> str | None:
    """What makes a token useless, in one line that does not show it; None where it is sound."""
    if not token.strip():
        return "token is empty, expected a long random text, or null for none"
    if not (token.isascii() and token.isprintable() and " " not in token):
        return "token holds a blank or a character that no header can, expected ASCII"
    if len(token) < MIN_TOKEN_CHARS:
        return (
            f"token has {len(token)} characters, expected at least {MIN_TOKEN_CHARS}, better 20 random ones"
        )
    return None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Scheme, host and perhaps port, nothing after them."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  reading it checks it
    except ValueError:
        return False
    named = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    return named and parts.path in ("", "/") and not (parts.query or parts.fragment)
