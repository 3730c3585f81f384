"""URLs and error texts without their credentials. Pure: text in, text out."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
MIN_SECRET_LENGTH = 3
"""Shorter secrets are not searched for in foreign text: `a` would turn every word into stars."""

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_BARE_USERINFO = re.compile(
    r"(^|[/\s:])(?!(?:file|synthetic|webcam):|[A-Za-z]:[\\/])[^\s/\\?#:@]+:[^\s@]*@", re.IGNORECASE
)
"""`user:password@camera`, where the scheme was forgotten or is misspelt."""
_AUTHORITY_END = re.compile(r"[/?#]")
_SECRET_WORDS = (
    "user|usr|login|passw|passphrase|pwd|token|secret|auth|apikey|api_key|api-key|accesskey|access_key|"
    "credential|session|signature"
)
_SECRET_FIELD = re.compile(
    # Cameras carry credentials in queries (?user=admin&password=x) and in paths
    # (/user=admin&password=x&channel=1).
    rf"((?<![A-Za-z0-9_.\-%])[A-Za-z0-9_.\-%]*(?:{_SECRET_WORDS})[A-Za-z0-9_.\-]*|(?<![A-Za-z0-9_.\-])(?:key|sig|pass|pin))"
    r"=([^&;/?#\s'\"]*)",
    re.IGNORECASE,
)
_USERINFO_IN_TEXT = re.compile(r"(://)[^\s'\"]*@")
MAX_TEXT_CHARS = 16_384
"""Longer texts are not searched: their length is told instead."""


def redact_url(url: str) -> str:
    """The URL with user, password and secret-looking fields replaced by `***`; safe to log and to send."""
    scheme, userinfo, rest = _split_userinfo(url)
    if not scheme:
        rest = _BARE_USERINFO.sub(rf"\1{HIDDEN}@", rest)
    hidden = f"{HIDDEN}@" if userinfo is not None else ""
    return scheme + hidden + _SECRET_FIELD.sub(rf"\1={HIDDEN}", rest)


def redact_text(text: str, url: str) -> str:
    """A foreign text (an error of FFmpeg) without the credentials of `url`, however it spells them."""
    if len(text) > MAX_TEXT_CHARS:
        return f"a text of {len(text)} characters"
    text = text.replace(url, redact_url(url)) if url else text
    for secret in _secrets(url):
        text = text.replace(secret, HIDDEN)
    text = _USERINFO_IN_TEXT.sub(rf"\1{HIDDEN}@", text)
    return _SECRET_FIELD.sub(rf"\1={HIDDEN}", text)


def _split_userinfo(url: str) -> tuple[str, str | None, str]:
    """Scheme with `://` (may be empty), userinfo or None, and the rest."""
    match = _SCHEME.match(url)
    if match is None:
        return "", None, url
    scheme, rest = match.group(), url[match.end() :]
    end = _AUTHORITY_END.search(rest)
    authority = rest[: end.start()] if end else rest
    at = authority.rfind("@")
    if at < 0 and not _is_host_and_port(authority):
        # `admin:pa/ss@camera`: a password with a bare slash is no valid URL, but people type it. Hide too
        # much rather than half a password.
        at = rest.rfind("@")
    if at < 0:
        return scheme, None, rest
    return scheme, rest[:at], rest[at + 1 :]


def _is_host_and_port(authority: str) -> bool:
    """Whether it reads as host, host:port, or [ipv6]:port, rather than as user:password."""
    host, colon, port = authority.rpartition(":")
    return not colon or port.isdigit() or (host.startswith("[") and not port) or authority.endswith("]")


def _secrets(url: str) -> list[str]:
    """Every secret of the URL as written and percent-decoded, longest first."""
    _, userinfo, rest = _split_userinfo(url)
    written = [match.group(2) for match in _SECRET_FIELD.finditer(rest)]
    if userinfo is not None:
        user, _, password = userinfo.partition(":")
        written += [userinfo, user, password]
    secrets = {spelling for secret in written for spelling in (secret, unquote(secret))}
    return sorted((s for s in secrets if len(s) >= MIN_SECRET_LENGTH), key=len, reverse=True)
