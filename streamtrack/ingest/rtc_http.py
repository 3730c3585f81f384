"""WHIP's and WHEP's side of HTTP for whoever calls: an offer is posted, an answer comes, a session is ended
(RFC 9725, draft-ietf-wish-whep)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from streamtrack.ingest.host_policy import address_behind
from streamtrack.ingest.pinned import Addresses, plain_host
from streamtrack.ingest.redact import redact_text

SDP_TYPE = "application/sdp"
WEB_SCHEMES = {
    **{f"{kind}+{web}": web for kind in ("whip", "whep") for web in ("http", "https")},
    **dict.fromkeys(("whip", "whep"), "http"),
    **{f"{kind}s": "https" for kind in ("whip", "whep")},
}
"""HTTP's scheme behind each of ours."""
MAX_ANSWER_BYTES = 65_536
MAX_TOLD_CHARS = 200
"""Of an error, which may quote what a server sent."""
MAX_REDIRECTS = 3


class SignallingError(Exception):
    """The server is away or does not take the offer; one line without credentials."""


@dataclass(frozen=True, slots=True)
class RtcAddress:
    """Where an offer is posted, and by whom."""

    url: str
    """HTTP, without user and password."""
    authorization: str | None
    """A bearer token; None where there is none."""
    basic: tuple[str, str] | None
    """User and password; None where there are none."""
    addresses: Addresses = field(default_factory=dict, repr=False)
    """Of host names that were let pass; see ingest/pinned.py."""


@dataclass(frozen=True, slots=True)
class RtcAnswer:
    """What a server answered."""

    sdp: str
    session_url: str | None
    """Where the session is ended; None where the server named none."""


def rtc_address(url: str, token: str | None = None, addresses: Addresses | None = None) -> RtcAddress:
    """What an address of ours asks for. A password without a user (`whep://:TOKEN@host/`) is a bearer
    token."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    web = urlunsplit((WEB_SCHEMES[parts.scheme.lower()], host, parts.path or "/", parts.query, ""))
    if token is None and password and not user:
        token = password
    return RtcAddress(web, token, (user, password) if user else None, addresses or {})


async def post_offer(address: RtcAddress, offer: str, timeout_s: float) -> RtcAnswer:
    """Post an offer, following redirects of the same host.

    Raises:
        SignallingError: no answer, or a refusal.
    """
    url = address.url
    try:
        async with _client(address, timeout_s) as http:
            for _ in range(MAX_REDIRECTS + 1):
                answer, text = await _post(http, url, offer, timeout_s)
                target = address_behind(url, answer.headers.get("location", ""))
                if answer.status_code not in (307, 308) or not _may_follow(url, target):
                    break
                url = target
    except (httpx.TimeoutException, TimeoutError):
        raise SignallingError(f"did not answer within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        told = " ".join(redact_text(str(error) or type(error).__name__, url).split())
        raise SignallingError(told[:MAX_TOLD_CHARS]) from None
    if answer.status_code != 201 or len(text) > MAX_ANSWER_BYTES:
        raise SignallingError(f"answered {answer.status_code} {answer.reason_phrase}{_reason(text)}".rstrip())
    location = answer.headers.get("location")
    return RtcAnswer(text, address_behind(url, location) if location else None)


async def _post(
    http: httpx.AsyncClient, url: str, offer: str, timeout_s: float
) -> tuple[httpx.Response, str]:
    """The head of an answer and its body, of which no more is read than an answer may have, in time."""
    request = http.stream("POST", url, content=offer, headers={"Content-Type": SDP_TYPE})
    async with asyncio.timeout(timeout_s), request as answer:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                break
    return answer, body.decode("utf-8", "replace")


async def end_session(address: RtcAddress, session_url: str | None, timeout_s: float) -> None:
    """Tell the server that we are gone; one that does not hear it notices by itself."""
    if session_url is None or urlsplit(session_url).netloc != urlsplit(address.url).netloc:
        return  # the password is for its own host alone
    with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
        async with _client(address, timeout_s) as http:
            await http.delete(session_url)


def _client(address: RtcAddress, timeout_s: float) -> httpx.AsyncClient:
    headers = {} if address.authorization is None else {"Authorization": f"Bearer {address.authorization}"}
    transport = _PinnedTransport(address.addresses)
    return httpx.AsyncClient(timeout=timeout_s, headers=headers, auth=address.basic, transport=transport)


class _PinnedTransport(httpx.AsyncHTTPTransport):
    """Connects to the address of a name; Host and TLS go on to name it."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(trust_env=False)
        self._addresses = addresses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        host = request.url.host
        if (address := self._addresses.get(plain_host(host))) is not None and address != host:
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=address)
        return await super().handle_async_request(request)


def _may_follow(url: str, target: str) -> bool:
    here, there = urlsplit(url), urlsplit(target)
    return here.netloc == there.netloc and there.scheme in (here.scheme, "https")


def _reason(body: str) -> str:
    """What the server says, where it is short and plain."""
    text = " ".join(body.split())
    return f": {text[:200]}" if 0 < len(body) < 2_000 and text.isprintable() else ""
