"""Asks an HTTP address what it is before FFmpeg does: a stream, a recording, a playlist, a single picture.

Redirects are followed here and not by FFmpeg, so that no source leads where it may not, and credentials go to
the host alone that they were written for.
"""

from __future__ import annotations

import contextlib
import http
import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.host_policy import (
    address_behind,
    is_same_host,
    leads_away,
    may_follow,
    with_own_credentials,
)
from streamtrack.ingest.live_body import LiveBody
from streamtrack.ingest.picture_header import picture_size
from streamtrack.ingest.pinned import Addresses, connect
from streamtrack.ingest.redact import redact_text
from streamtrack.ingest.source import RECORDING_SUFFIXES, SourceSpec

MAX_REDIRECTS = 5
MAX_OPEN = 16
"""Addresses of a playlist that are read at a time, and more: older ones FFmpeg has closed."""
NOT_MODIFIED = 304
REDIRECTS = (301, 302, 303, 307, 308)
HEAD_BYTES = 2048
"""Of the body, enough to see what it is."""
PLAYLIST_TYPES = ("mpegurl", "dash+xml")
PLAYLIST_HEADS = (b"#EXTM3U", b"<?xml", b"<MPD", b"ffconcat")


class HttpKind(StrEnum):
    """What an address gives."""

    PLAYLIST = "playlist"
    SNAPSHOT = "snapshot"
    """One picture a request."""
    RECORDING = "recording"
    """Has a length, and can be asked for by parts."""
    STREAM = "stream"
    """Goes on for as long as one reads."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an address gave, its body still open."""

    kind: HttpKind
    url: str
    """Where it was found, after redirects."""
    head: bytes
    response: Any

    def body(self) -> LiveBody:
        """The whole body, from its first byte."""
        return LiveBody(self.response, self.head)


class NotModifiedError(Exception):
    """The answer is the one that the asker has."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    spec: SourceSpec, config: SourceConfig, headers: dict[str, str] | None = None, url: str | None = None
) -> HttpAnswer:
    """Ask for a source, or for an address that its playlist names, and look at what comes.

    The caller closes the response.

    Raises:
        NotModifiedError: it has not changed since the answer that `headers` name.
        SourceLostError: no answer, or a refusal. SourceError: it leads to a host that it may not lead to.
    """
    at = spec.url if url is None else url
    for _ in range(MAX_REDIRECTS):
        try:
            response, head = _open(at, spec, config, headers or {})
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == NOT_MODIFIED:
                raise NotModifiedError from None
            if error.code not in REDIRECTS:
                raise lost_error(f"Server returned {_status(error.code)}", spec) from None
            at = address_behind(at, error.headers.get("Location", ""))
            if not may_follow(spec.url, at, config.follow_hosts):
                raise leads_away(spec, at) from None
            at = with_own_credentials(spec.url, at)
            continue
        # ValueError: a challenge of a kind that urllib does not know.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise lost_error(_describe(error, config, spec), spec) from None
        content_type = response.headers.get("Content-Type", "").lower()
        return HttpAnswer(_kind(at, response, content_type, head), at, head, response)
    raise lost_error(f"more than {MAX_REDIRECTS} redirects", spec)


class NestedOpener:
    """Opens the addresses that a playlist names, where it may; `close` closes what FFmpeg left open."""

    def __init__(self, spec: SourceSpec, config: SourceConfig, own_url: str) -> None:
        """`own_url`: where the playlist was found, after redirects that were allowed."""
        self._spec, self._config, self._own_url = spec, config, own_url
        self._bodies: deque[LiveBody] = deque(maxlen=MAX_OPEN)

    def __call__(self, url: str, _flags: int, options: dict[str, str]) -> LiveBody:
        """A file to read.

        Raises:
            SourceError: the address is of a host to which this source may not lead.
        """
        spec, config = self._spec, self._config
        if url.startswith("crypto"):
            raise SourceError(
                f"source {spec.redacted_url}: an encrypted playlist, expected one in the clear; "
                'follow_hosts: ["*"] leaves it to FFmpeg'
            )
        if not (is_same_host(self._own_url, url) or may_follow(spec.url, url, config.follow_hosts)):
            raise leads_away(spec, url)
        start, end = int(options.get("offset") or 0), int(options.get("end_offset") or 0)
        ranged = {"Range": f"bytes={start}-{end - 1 if end else ''}"} if start or end else None
        body = ask(spec, config, ranged, url).body()
        body.allow(config.read_timeout_ms / 1000)
        self._bodies.append(body)
        return body

    def close(self) -> None:
        """Close every body that was opened; those that FFmpeg has closed stay so."""
        while self._bodies:
            self._bodies.popleft().close()


def _open(url: str, spec: SourceSpec, config: SourceConfig, headers: dict[str, str]) -> tuple[Any, bytes]:
    """An answer with its body still open, and the body's first bytes.

    User and password go along to the source's own host alone.
    """
    connections, answers, own_url = _Connections(spec.addresses), _Answers(), spec.url
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    handlers: list[urllib.request.BaseHandler] = [
        _NoRedirects(),
        answers,
        urllib.request.ProxyHandler({}),
        _HttpHandler(connections),
        _HttpsHandler(connections),
    ]
    parts, own = urlsplit(url), urlsplit(own_url)
    target = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if own.username is not None and is_same_host(own_url, url):
        passwords.add_password(None, target, unquote(own.username), unquote(own.password or ""))
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
    request = urllib.request.Request(target, headers={"User-Agent": "streamtrack", **headers})
    opener = urllib.request.build_opener(*handlers)
    # Each byte starts a socket's own limit again, so a server that drips would hold us for ever.
    timer = threading.Timer(config.open_timeout_ms / 1000, connections.cut)
    timer.daemon = True
    timer.start()
    response = None
    try:
        response = opener.open(request, timeout=config.read_timeout_ms / 1000)
        head = response.read1(HEAD_BYTES)
        if connections.were_cut:
            raise http.client.IncompleteRead(head)
        return response, head
    except BaseException as error:
        response = None
        if connections.were_cut and isinstance(error, (OSError, http.client.HTTPException)):
            raise OSError(f"did not answer within {config.open_timeout_ms} ms") from None
        raise
    finally:
        answers.close_but(response)
        timer.cancel()


class _Connections:
    """The sockets of one request, so that another thread can end it."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._sockets: list[socket.socket] = []
        self.were_cut = False
        """Whether `cut` was called: what was read may be a part."""

    def make(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connection, which is remembered."""
        connection = connect(host, port, timeout_s, self._addresses)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(connection)
        return connection

    def wrap(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
        """The connection with TLS around it."""
        wrapped = context.wrap_socket(plain, server_hostname=host)
        self._sockets[self._sockets.index(plain)] = wrapped
        return wrapped

    def cut(self) -> None:
        """End every connection: whoever reads from it reads the end."""
        self.were_cut = True
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Answers(urllib.request.BaseHandler):
    """The answers of one request: urllib leaves the one open that asks for a password."""

    handler_order = 0  # before those that ask again

    def __init__(self) -> None:
        self._answers: list[Any] = []

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        """Remember an answer; it goes on unchanged."""
        self._answers.append(response)
        return response

    https_response = http_response

    def close_but(self, kept: Any) -> None:
        """Close every answer but one."""
        for answer in self._answers:
            if answer is not kept:
                answer.close()


class _HttpHandler(urllib.request.HTTPHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        connections = self._connections

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = connections.make(self.host, self.port, _seconds(self.timeout))

        return self.do_open(Connection, request)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__(context=_unverified())
        self._connections = connections

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        connections, context = self._connections, _unverified()

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                plain = connections.make(self.host, self.port, _seconds(self.timeout))
                self.sock = connections.wrap(plain, context, self.host)

        return self.do_open(Connection, request, context=context)


def _seconds(timeout: object) -> float:
    """A connection's own limit, which `opener.open` is always given."""
    assert isinstance(timeout, int | float)
    return timeout


def _unverified() -> ssl.SSLContext:
    """As FFmpeg: cameras have certificates of their own making."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _kind(url: str, response: Any, content_type: str, head: bytes) -> HttpKind:
    if any(name in content_type for name in PLAYLIST_TYPES) or head.lstrip().startswith(PLAYLIST_HEADS):
        return HttpKind.PLAYLIST
    if "multipart/" in content_type:
        return HttpKind.STREAM
    has_length = response.headers.get("Content-Length") is not None
    if picture_size(head) is not None or content_type.startswith("image/"):
        return HttpKind.SNAPSHOT
    if has_length or urlsplit(url).path.lower().endswith(RECORDING_SUFFIXES):
        return HttpKind.RECORDING
    return HttpKind.STREAM


def _status(code: int) -> str:
    try:
        return f"{code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _describe(error: Exception, config: SourceConfig, spec: SourceSpec) -> str:
    if isinstance(error, http.client.HTTPException | ValueError) and not isinstance(error, OSError):
        return "its answer is not HTTP, or was cut off"
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"connected, and sent nothing for {config.read_timeout_ms} ms"
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(redact_text(text, spec.url).split())
