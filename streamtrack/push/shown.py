"""A push's address for people, and errors of foreign code about it: no passwords, no stream keys. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from streamtrack.config import PushConfig
from streamtrack.ingest.redact import HIDDEN, redact_text, redact_url

RTMP_SCHEMES = ("rtmp", "rtmps")


def shown_url(config: PushConfig) -> str:
    """The address; what RTMP has behind the application is the stream's key, and so is SRT's streamid."""
    parts = urlsplit(redact_url(config.url.get_secret_value()))
    path, query = parts.path, parts.query
    if config.scheme in RTMP_SCHEMES and _key_of(config):
        path = f"{path.rpartition('/')[0]}/{HIDDEN}"
    if query and config.scheme in (*RTMP_SCHEMES, "srt"):
        query = HIDDEN
    return urlunsplit(parts._replace(path=path, query=query))


def shown_trouble(text: str, config: PushConfig) -> str:
    """What foreign code says."""
    told = redact_text(text, config.url.get_secret_value())
    key = _key_of(config)
    return told.replace(key, HIDDEN) if config.scheme in RTMP_SCHEMES and key else told


def _key_of(config: PushConfig) -> str:
    """The last part of the path."""
    return urlsplit(config.url.get_secret_value()).path.rpartition("/")[2]
