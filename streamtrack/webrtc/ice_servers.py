"""STUN and TURN servers of the config, as this end uses them and as viewers are told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator

from aiortc import RTCConfiguration, RTCIceServer
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from streamtrack.config import IceServerConfig, WebrtcConfig

USER_NAME = "streamtrack"
"""Behind the time in names that are made: what a TURN server's log shows."""


class IceServers:
    """The servers, with passwords as they are good at this moment."""

    def __init__(self, config: WebrtcConfig | None = None, now_s: Callable[[], float] = time.time) -> None:
        self._config = config or WebrtcConfig()
        self._now_s = now_s

    def configuration(self) -> RTCConfiguration:
        """What a connection of ours uses."""
        servers = []
        for server in self._config.ice_servers:
            if server.used_by != "viewers":
                username, credential = self._credentials(server)
                servers.append(RTCIceServer(urls=list(server.urls), username=username, credential=credential))
        policy = RTCIceTransportPolicy.RELAY if self._config.relay_only else RTCIceTransportPolicy.ALL
        # An empty list: left out, aiortc asks a public STUN server and waits 5 s where there is none.
        return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)

    def links(self, *, secrets: bool = True) -> list[str]:
        """`Link` headers for viewers (RFC 9725, section 4.4). Without `secrets` only those servers that need
        no password."""
        return list(self._links(secrets))

    def _links(self, secrets: bool) -> Iterator[str]:
        for server in self._config.ice_servers:
            if server.used_by == "server":
                continue
            username, credential = self._credentials(server)
            for url in server.urls:
                if not url.lower().startswith("turn"):
                    yield f'<{url}>; rel="ice-server"'
                elif secrets:
                    named = f'username="{_quoted(username)}"; credential="{_quoted(credential)}"'
                    yield f'<{url}>; rel="ice-server"; {named}; credential-type="password"'

    def _credentials(self, server: IceServerConfig) -> tuple[str | None, str | None]:
        if server.secret is not None:
            return made_credentials(server.secret.get_secret_value(), self._now_s() + server.ttl_s)
        credential = server.credential
        return server.username, None if credential is None else credential.get_secret_value()


def made_credentials(secret: str, until_s: float) -> tuple[str, str]:
    """A name and password that a TURN server with the same secret takes until then
    (draft-uberti-behave-turn-rest-00)."""
    username = f"{int(until_s)}:{USER_NAME}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def _quoted(text: str | None) -> str:
    return (text or "").replace("\\", "\\\\").replace('"', '\\"')
