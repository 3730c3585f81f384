"""`streams.N.push`: where a stream's picture is sent on to."""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value
from streamtrack.config.source import ReconnectConfig

PUSH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
WHIP_SCHEMES = ("whip", "whips", "whip+http", "whip+https")
PUSH_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", *WHIP_SCHEMES)


class PushConfig(Section):
    """A server to which the shared encode is sent: nothing is encoded again for it."""

    name: str | None = None
    """Names it in logs, states and metrics. null: its scheme and its place in the list."""
    url: SecretStr = Field(min_length=1, max_length=4_096)
    """`rtsp://user:password@host/path` (ANNOUNCE and RECORD, as MediaMTX and many recorders take it),
    `rtmp://host/app/key`, `srt://host:port`, or `whip+https://host/path` (`whips://` is the same; `whip://`
    is plain HTTP). Write credentials as `${NAME}`. Never shown whole, since many
    end in a stream's key."""
    token: SecretStr | None = None
    """Bearer token of a WHIP server. null: none."""
    view: str = "overlay"
    """Which picture: overlay (masks drawn in), clean, or another that the page shows."""
    codec: Literal["H264", "VP8"] = "H264"
    """VP8 is for WHIP servers that take nothing else."""
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP's packets are sent."""
    timeout_ms: int = Field(10_000, ge=500)
    """How long the server may take to answer, and how long it may take nothing."""
    idle_ms: int = Field(5_000, ge=500)
    """Without a new picture for so long (a camera that is off) it is hung up, and called again with the
    next."""
    reconnect: ReconnectConfig = ReconnectConfig()
    """How a server that is away is tried again, for ever."""

    @field_validator("name")
    @classmethod
    def _name_is_one(cls, value: str | None) -> str | None:
        if value is not None and not PUSH_NAME.fullmatch(value):
            got = describe_value(value)
            raise ValueError(f"push name is {got}, expected letters, digits, '_', '.', '-'")
        return value

    @field_validator("url")
    @classmethod
    def _url_is_some(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or not text.isprintable() or " " in text or parts.scheme.lower() not in PUSH_SCHEMES:
            raise ValueError("expected rtsp://, rtmp://, srt:// or whip+https:// and a host")
        return value

    @model_validator(mode="after")
    def _codec_fits(self) -> Self:
        whip = self.scheme in WHIP_SCHEMES
        if self.codec != "H264" and not whip:
            raise ValueError(f"codec is {self.codec}, expected H264 for {self.scheme}://")
        if self.token is not None and not whip:
            raise ValueError(
                f"token is set, expected none for {self.scheme}://: write user:password@ in its url"
            )
        return self

    @property
    def scheme(self) -> str:
        """Of the address, in small letters."""
        return urlsplit(self.url.get_secret_value()).scheme.lower()


def push_names(pushes: tuple[PushConfig, ...]) -> tuple[str, ...]:
    """Each one's name.

    Raises:
        ValueError: two have the same.
    """
    names = tuple(one.name or f"{one.scheme.partition('+')[0]}-{index}" for index, one in enumerate(pushes))
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"push name {name!r} is used {names.count(name)} times, expected once")
    return names
