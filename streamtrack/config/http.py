"""`http`: the page, the API, WHEP and metrics."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

MIN_TOKEN_CHARS = 16
"""Random letters and digits of that length are not found by trying, whoever tries."""
EVERY_ORIGIN = ("*", "null")
"""Origins that any web page can have; null is that of a sandboxed frame."""

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")


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
    cors_origins: tuple[str, ...] = ()
    """Other origins (https://host:port) whose pages may call the API. `*`, every page there is, needs `token`
    (or `allow_open`)."""
    allow_open: bool = False
    """Lets the server bind to the network, or let every origin in, without `token`: whoever reaches the port
    watches and commands."""

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


def check_origins_guarded(http: HttpConfig) -> None:
    """Refuse every web page where there is no token.

    Raises:
        ValueError: any page may watch and command.
    """
    if http.token is None and not http.allow_open and not set(EVERY_ORIGIN).isdisjoint(http.cors_origins):
        raise ValueError(
            "http.cors_origins lets every web page watch and command and http.token is not set; "
            "expected origins, a token, or http.allow_open: true"
        )


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
