"""Connections to the address that a name was looked up as when it was let pass, and to no other: between a
look and a connection a name may come to mean another machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from streamtrack.ingest.source import SourceSpec

Addresses = Mapping[str, str]
"""Host names in small letters, and each one's address; names that are not in it are looked up as ever."""

NAMELESS_SCHEMES = ("rtsp", "rtsps", "srt")
"""Protocols whose servers are not told by which name they were called."""
WEB_SCHEMES = ("http", "https")


def plain_host(host: str) -> str:
    """A host as names are compared."""
    return host.strip("[]").rstrip(".").lower()


def connect(host: str, port: int, timeout_s: float, addresses: Addresses) -> socket.socket:
    """A TCP connection; raises OSError."""
    return socket.create_connection((addresses.get(plain_host(host), host), port), timeout=timeout_s)


def pinned(spec: SourceSpec) -> tuple[str, dict[str, str]]:
    """What FFmpeg is to open, and its options: the address in the place of the name, which goes along where
    the protocol has a place for it. RTMP and what the gate did not look up stay as they are."""
    parts = urlsplit(spec.url) if "://" in spec.url else None
    host = (parts.hostname or "") if parts is not None else ""
    address = spec.addresses.get(plain_host(host))
    if parts is None or address is None or address == host:
        return spec.url, dict(spec.options)
    scheme = parts.scheme.lower()
    if scheme not in (*NAMELESS_SCHEMES, *WEB_SCHEMES):
        return spec.url, dict(spec.options)
    userinfo, at, place = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port is not None else ""
    shown = f"[{address}]" if ":" in address else address
    options = dict(spec.options)
    if scheme in WEB_SCHEMES:
        options["headers"] = f"Host: {place}\r\n{options.get('headers', '')}"
        options["verifyhost"] = host  # also what TLS names
    return urlunsplit(parts._replace(netloc=f"{userinfo}{at}{shown}{port}")), options
