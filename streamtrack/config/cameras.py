"""`cameras`: what may be added while the server runs, and where it is kept."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from streamtrack.config.networks import network_of
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

ANY = "*"
SCHEMES = (
    *("rtsp", "rtsps", "http", "https", "srt", "rtmp", "rtmps"),
    *("whep", "wheps", "whep+http", "whep+https"),
    *("webcam", "synthetic"),
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,15}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")


class CamerasConfig(Section):
    """Cameras that are added over HTTP or in the page; those of the config file are trusted."""

    state_dir: Path | None = None
    """The folder in which they are kept, and are back from after a restart (`serve --state-dir`). It holds
    their passwords: only the server's own user can read it. null: they are gone with the process."""
    max_streams: int = Field(64, ge=1, le=1024)
    """Streams at one time, those of the config file included, beyond which none is added: each costs threads,
    memory, and its share of the model."""
    allow_schemes: tuple[str, ...] = SCHEMES
    """Of their sources' addresses. Files need `allow_folders` instead."""
    allow_hosts: tuple[str, ...] = ()
    """Host names, addresses and networks (10.0.0.0/8) that they may be at; `*` allows every one. Empty: every
    one but link-local and cloud metadata addresses, multicast, and this machine itself, which is allowed
    while `http.host` is a loopback address. A name is looked up, and each address that it has must fit,
    unless the name itself is listed."""
    allow_folders: tuple[Path, ...] = ()
    """Folders whose files and pictures may be sources. Empty: no file of this machine is one."""

    @field_validator("allow_schemes")
    @classmethod
    def _schemes_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for scheme in value:
            if scheme == "file":
                raise ValueError("files are allowed by folder: expected allow_folders")
            if not _SCHEME.fullmatch(scheme):
                raise ValueError(f"{describe_value(scheme)} is no scheme, expected such as rtsp")
        return value

    @field_validator("allow_hosts")
    @classmethod
    def _hosts_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if host != ANY and not _HOST.fullmatch(host) and network_of(host) is None:
                raise ValueError(
                    f"{describe_value(host)} is no host, expected a name, an address or 10.0.0.0/8"
                )
        return value
