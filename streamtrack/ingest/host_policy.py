"""Whom a source may make us ask: its own host, and those that its config names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit, urlunsplit

from streamtrack.errors import SourceError
from streamtrack.ingest.redact import redact_url
from streamtrack.ingest.source import SourceSpec, encode_url

DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
ANY_HOST = "*"
NO_ADDRESS = "nowhere://"
"""Of no host, so that nothing follows it."""


def address_behind(url: str, location: str) -> str:
    """The address to which an answer's `Location` leads; NO_ADDRESS where what it says is none."""
    try:
        target = encode_url(urljoin(url, location))
        parts = urlsplit(target)
        parts.port  # noqa: B018  reading it checks it
    except ValueError:
        return NO_ADDRESS
    return target


def host_and_port(url: str) -> tuple[str, int]:
    """Host in small letters and port of a URL; ("", 0) where it names none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # what cannot be asked for names no host
    except ValueError:
        return "", 0
    return host.lower(), port if port is not None else DEFAULT_PORTS.get(parts.scheme.lower(), 0)


def may_follow(own_url: str, other_url: str, follow_hosts: Sequence[str]) -> bool:
    """Whether a source may lead to another address: the same host and port, or one that `follow_hosts` names.

    A change from http to https of the same host is the same host, on the two schemes' own ports.
    """
    own, other = host_and_port(own_url), host_and_port(other_url)
    own_scheme, other_scheme = _scheme(own_url), _scheme(other_url)
    if not other[0] or other_scheme not in DEFAULT_PORTS or own_scheme[:4] != other_scheme[:4]:
        return False
    same_host_made_safe = own[0] == other[0] and own[1] in (80, 443) and other[1] == 443
    if own == other or same_host_made_safe or ANY_HOST in follow_hosts:
        return True
    return any(name.lower() in (other[0], f"{other[0]}:{other[1]}") for name in follow_hosts)


def is_same_host(own_url: str, other_url: str) -> bool:
    """Whether credentials of one address may be sent to the other: never in the clear what was encrypted."""
    made_unsafe = _scheme(own_url).endswith("s") and not _scheme(other_url).endswith("s")
    return host_and_port(own_url) == host_and_port(other_url) and not made_unsafe


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def with_own_credentials(own_url: str, other_url: str) -> str:
    """The other address, with user and password of the own one where it is the same host and port.

    What the other address names of its own stays: whoever wrote it knows it already.
    """
    own, other = urlsplit(own_url), urlsplit(other_url)
    userinfo, at, _ = own.netloc.rpartition("@")
    if not at or "@" in other.netloc or not is_same_host(own_url, other_url):
        return other_url
    return urlunsplit(other._replace(netloc=f"{userinfo}@{other.netloc}"))


def leads_away(spec: SourceSpec, url: str) -> SourceError:
    """The refusal of an address to which a source may not lead."""
    if url == NO_ADDRESS:
        host = "what is no address"
    else:
        host = urlsplit(url).netloc.rpartition("@")[2] or redact_url(url)
    return SourceError(
        f"source {spec.redacted_url}: it leads to {host}, expected its own host and port; "
        "`follow_hosts` names others that it may lead to"
    )
