"""`webrtc`: STUN and TURN, by which viewers and this server find each other through routers and firewalls."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value

_ICE_URL = re.compile(
    r"(?:stuns?:(?P<stun>[^?@\s/]+)|turns?:(?P<turn>[^?@\s/]+)(?:\?transport=(?:udp|tcp))?)", re.IGNORECASE
)
_HOST_AND_PORT = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?"
)


class IceServerConfig(Section):
    """A STUN or TURN server."""

    urls: tuple[str, ...] = Field(min_length=1, max_length=8)
    """`stun:HOST:PORT`, `turn:HOST:PORT?transport=udp` or `turns:...`."""
    username: str | None = Field(None, max_length=512)
    """At a TURN server. null with `secret`: made for each viewer."""
    credential: SecretStr | None = None
    """The password of `username`, told to every viewer: `secret` is safer. Write it as `${TURN_PASSWORD}`; no
    output of the config shows it."""
    secret: SecretStr | None = None
    """What the TURN server and this one share (coturn's `static-auth-secret`): each viewer then gets a name
    and password of his own that end after `ttl_s`."""
    ttl_s: int = Field(86_400, ge=60, le=31 * 86_400)
    """How long such a password is good for."""
    used_by: Literal["both", "server", "viewers"] = "both"
    """server: by this end alone; viewers: told to viewers alone, for a server whose address differs from
    inside and outside. both."""

    @field_validator("urls")
    @classmethod
    def _urls_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            if not is_ice_url(url):
                raise ValueError(
                    f"{describe_value(url)} is no ICE server, expected stun:HOST:PORT or "
                    "turn:HOST:PORT?transport=udp, without user and password"
                )
        return value

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        turn = any(url.lower().startswith("turn") for url in self.urls)
        if (self.username is None) != (self.credential is None):
            raise ValueError("username and credential: one is set without the other, expected both or none")
        if self.secret is not None and self.username is not None:
            raise ValueError("secret and username are both set, expected one of them")
        if turn and self.username is None and self.secret is None:
            raise ValueError("turn: without username and credential, expected them or secret")
        return self


class WebrtcConfig(Section):
    """How viewers and this server find each other. Without a server of either kind viewers must reach an
    address of this machine."""

    ice_servers: tuple[IceServerConfig, ...] = Field((), max_length=8)
    """STUN and TURN servers. This end uses the first STUN and the first TURN address of all of them; viewers
    are told all."""
    relay_only: bool = False
    """Offer addresses of the TURN server alone: nobody learns this machine's own."""

    @model_validator(mode="after")
    def _relay_has_a_server(self) -> Self:
        ours = [url for one in self.ice_servers if one.used_by != "viewers" for url in one.urls]
        if self.relay_only and not any(url.lower().startswith("turn") for url in ours):
            raise ValueError(
                "relay_only is set and no TURN server is used by this end, expected one in ice_servers"
            )
        return self


def is_ice_url(text: str) -> bool:
    """Whether it names a STUN or TURN server as RFC 7064 and RFC 7065 write them."""
    match = _ICE_URL.fullmatch(text)
    host = _HOST_AND_PORT.fullmatch(match["stun"] or match["turn"]) if match else None
    return host is not None and int(host["port"] or 1) in range(1, 65_536)
