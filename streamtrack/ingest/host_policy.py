"""Whom a source may make us ask: its own host, and those that its config names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
ANY_HOST = "*"


def host_and_port(url: str) -> tuple[str, int]:
    """Host in small letters and port of a URL; ("", 0) where it names none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", 0
    return host.lower(), port if port is not None else DEFAULT_PORTS.get(parts.scheme.lower(), 0)


def may_follow(own_url: str, other_url: str, follow_hosts: Sequence[str]) -> bool:
    """Whether a source may lead to another address: the same host and port, or one that `follow_hosts` names.

    A change from http to https of the same host is the same host, on the two schemes' own ports.
    """
    own, other = host_and_port(own_url), host_and_port(other_url)
    if not other[0] or urlsplit(other_url).scheme.lower() not in DEFAULT_PORTS:
        return False
    same_host_made_safe = own[0] == other[0] and own[1] in (80, 443) and other[1] == 443
    if own == other or same_host_made_safe or ANY_HOST in follow_hosts:
        return True
    return any(name.lower() in (other[0], f"{other[0]}:{other[1]}") for name in follow_hosts)


def is_same_host(own_url: str, other_url: str) -> bool:
    """Whether credentials of one address may be sent to the other."""
    return host_and_port(own_url) == host_and_port(other_url)
