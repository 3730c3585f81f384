"""Asks an RTSP camera before FFmpeg does, which follows redirects with the password and hides what is wrong.

Source: RFC 2326; RFC 7616 for digests.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from streamtrack.config import SourceConfig
from streamtrack.digits import whole_number
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.host_policy import (
    address_behind,
    host_and_port,
    leads_away,
    may_follow,
    with_own_credentials,
)
from streamtrack.ingest.pinned import Addresses, connect
from streamtrack.ingest.source import SourceSpec

MAX_HEAD_BYTES = 65_536
MAX_REDIRECTS = 5
WORDS = {
    401: "401 Unauthorized: user or password is wrong",
    403: "403 Forbidden: the camera does not let this user watch",
    404: "404 Not Found: the camera has no such stream",
    453: "453 Not Enough Bandwidth: the camera has no room for another viewer",
    503: "503 Service Unavailable: the camera has no room for another viewer, or is starting",
}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]*))')


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    reason: str
    headers: dict[str, list[str]]


def check_rtsp(spec: SourceSpec, config: SourceConfig) -> str:
    """Ask for the description of a camera's stream, so that FFmpeg meets no surprise.

    It is asked at each connection: a camera may lead elsewhere tomorrow. A camera that answers in no way that
    we read, or with a challenge that we cannot answer, is left to FFmpeg.

    What this cannot see: FFmpeg asks again on a connection of its own, so a camera that answers otherwise the
    second time, or redirects at SETUP or PLAY, leads FFmpeg on with the password. Keep such cameras from
    other hosts by the network.

    Returns:
        Where the stream is, after redirects that are allowed. User and password stay in it for the source's
        own host and port alone.
    Raises:
        SourceLostError: it cannot be reached, says nothing, or refuses.
        SourceError: it leads to a host that it may not lead to.
    """
    url = spec.url
    for _ in range(MAX_REDIRECTS):
        reply = _reply_of(url, spec, config)
        if reply is None or reply.status < 300:
            return url
        if reply.status >= 400:
            raise lost_error(WORDS.get(reply.status, f"{reply.status} {reply.reason}"), spec)
        location = (reply.headers.get("location") or [""])[0]
        if not location:
            raise lost_error(f"{reply.status} {reply.reason}, and not where to", spec)
        target = address_behind(url, location)
        if not may_follow(spec.url, target, config.follow_hosts):
            raise leads_away(spec, target)
        url = with_own_credentials(spec.url, target)
    raise lost_error(f"more than {MAX_REDIRECTS} redirects", spec)


def _reply_of(url: str, spec: SourceSpec, config: SourceConfig) -> _Reply | None:
    limit_ms = min(config.open_timeout_ms, config.read_timeout_ms)
    deadline_s = time.monotonic() + limit_ms / 1000
    try:
        with _connect(url, deadline_s, spec.addresses) as connection:
            return _describe(connection, url, deadline_s)
    except TimeoutError:
        raise lost_error(f"it took the connection and said nothing for {limit_ms} ms", spec) from None
    except OSError as error:
        raise lost_error(error.strerror or str(error) or type(error).__name__, spec) from None


def _connect(url: str, deadline_s: float, addresses: Addresses) -> socket.socket:
    host, port = host_and_port(url)
    connection = connect(host, port, max(0.01, deadline_s - time.monotonic()), addresses)
    if urlsplit(url).scheme.lower() != "rtsps":
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as FFmpeg: cameras have certificates of their own making
    return context.wrap_socket(connection, server_hostname=host)


def _describe(connection: socket.socket, url: str, deadline_s: float) -> _Reply | None:
    """The last reply to OPTIONS and DESCRIBE, as FFmpeg asks them; None where it is none that we read.

    User and password are named once the camera asks for them: a redirect comes before that as a rule.
    """
    parts = urlsplit(url)
    target = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    reply = _ask(connection, "OPTIONS", target, 1, "", deadline_s)
    if reply is None or 300 <= reply.status < 400:
        return reply
    reply = _ask(connection, "DESCRIBE", target, 2, "", deadline_s)
    if reply is None or reply.status != 401 or parts.username is None:
        return reply
    user, password = unquote(parts.username), unquote(parts.password or "")
    authorization = _authorization(reply.headers.get("www-authenticate", []), user, password, target)
    if authorization is None:
        return None
    return _ask(connection, "DESCRIBE", target, 3, authorization, deadline_s)


def _ask(
    connection: socket.socket, method: str, target: str, number: int, authorization: str, deadline_s: float
) -> _Reply | None:
    lines = [f"{method} {target} RTSP/1.0", f"CSeq: {number}", "User-Agent: streamtrack"]
    lines += ["Accept: application/sdp"] if method == "DESCRIBE" else []
    lines += [f"Authorization: {authorization}"] if authorization else []
    connection.settimeout(max(0.01, deadline_s - time.monotonic()))
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return _read_reply(connection, deadline_s)


def _read_reply(connection: socket.socket, deadline_s: float) -> _Reply | None:
    """A reply and its body, read away; None where the camera hung up or speaks something else."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if not _receive(connection, data, deadline_s):
            return None
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    version, _, status = first.partition(" ")
    code = whole_number(status[:3])
    if not version.startswith("RTSP/") or code is None:
        return None
    headers: dict[str, list[str]] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    length = whole_number((headers.get("content-length") or ["0"])[0]) or 0
    left = bytearray(body)
    while len(left) < length:
        if not _receive(connection, left, deadline_s):
            break
    return _Reply(code, status[4:], headers)


def _receive(connection: socket.socket, data: bytearray, deadline_s: float) -> bool:
    """Add what came; False where the camera hung up, or talks without end."""
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    connection.settimeout(left_s)
    piece = connection.recv(4096)
    data += piece
    return bool(piece) and len(data) <= MAX_HEAD_BYTES


def _authorization(challenges: list[str], user: str, password: str, target: str) -> str | None:
    """The header that answers a 401, a digest where the camera offers one; None for other schemes."""
    digest = next((c for c in challenges if c.lower().startswith("digest")), None)
    if digest is not None:
        return _digest(
            {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(digest[6:])},
            user,
            password,
            target,
        )
    if any(c.lower().startswith("basic") for c in challenges):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def _digest(told: dict[str, str], user: str, password: str, target: str) -> str | None:
    """The digest of a DESCRIBE, with MD5 as every camera knows it; None where the camera wants another."""
    quality = [name.strip() for name in told.get("qop", "").split(",") if name.strip()]
    if (
        told.get("algorithm", "MD5").upper() != "MD5"
        or "nonce" not in told
        or (quality and "auth" not in quality)
    ):
        return None
    realm, nonce = told.get("realm", ""), told["nonce"]
    # A server that offers qop may demand it; then the answer counts its requests and adds a nonce of our own.
    counted = f"00000001:{secrets.token_hex(8)}:auth" if quality else ""
    middle = f"{nonce}:{counted}" if counted else nonce
    answer = _md5(f"{_md5(f'{user}:{realm}:{password}')}:{middle}:{_md5(f'DESCRIBE:{target}')}")
    header = (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{target}", response="{answer}"'
    )
    if "opaque" in told:
        header += f', opaque="{told["opaque"]}"'
    if counted:
        count, own_nonce, _ = counted.split(":")
        header += f', qop=auth, nc={count}, cnonce="{own_nonce}"'
    return header


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
