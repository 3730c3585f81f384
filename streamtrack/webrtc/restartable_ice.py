"""ICE that can be restarted: a viewer whose network changed goes on watching (RFC 8445, section 2.4).

aiortc has no restart. What it has is one ICE agent for a connection's life, which everything above asks to
send and receive. Here that agent stands behind one whose place a newer agent takes once it found a way; DTLS
and all above it notice nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiortc import RTCIceGatherer
from aiortc.rtcconfiguration import RTCConfiguration
from aiortc.rtcicetransport import candidate_to_aioice
from aiortc.sdp import candidate_to_sdp

from streamtrack.webrtc.internals import agent_of, offer_host_addresses

logger = logging.getLogger(__name__)

RESTART_TIMEOUT_S = 30.0
"""An agent that is told of no end of candidates would look for a way for ever."""


class RestartableIce:
    """Stands for an aioice connection. Belongs to the event loop."""

    _OWN = frozenset({"_agent", "_newer", "_connecting", "_configuration", "_addresses"})

    def __init__(self, agent: Any, configuration: RTCConfiguration, addresses: Sequence[str]) -> None:
        """Args:
        agent: aiortc's.
        configuration: which servers newer agents ask.
        addresses: which they are reached at.
        """
        self._agent = agent
        self._newer: Any = None
        self._connecting: asyncio.Task[None] | None = None
        self._configuration = configuration
        self._addresses = tuple(addresses)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self._agent, name, value)

    async def recv(self) -> Any:
        """The next datagram, of whichever agent is in use when it comes.

        Raises:
            ConnectionError: there is none.
        """
        while True:
            agent = self._agent
            try:
                return await agent.recv()
            except ConnectionError:
                if agent is self._agent:
                    raise

    async def send(self, data: bytes) -> None:
        """Send a datagram; raises ConnectionError."""
        await self._agent.send(data)

    async def get_event(self) -> Any:
        """What happened to the agent in use; None where it is closed."""
        while True:
            agent = self._agent
            event = await agent.get_event()
            if agent is self._agent:
                return event

    async def close(self) -> None:
        """Close every agent."""
        connecting, newer = self._connecting, self._newer
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait((connecting,))
        if newer is not None:
            await newer.close()
        await self._agent.close()

    async def add(self, candidate: Any) -> None:
        """Take a candidate of the viewer for the newest session."""
        agent = self._agent if self._newer is None else self._newer
        await agent.add_remote_candidate(candidate_to_aioice(candidate))

    async def restart(self, ufrag: str, pwd: str, candidates: Sequence[Any]) -> tuple[str, str, list[str]]:
        """Begin a new ICE session beside the one in use, which serves until a way was found.

        Returns:
            Our user fragment, password, and candidates as SDP writes them.
        """
        gatherer = RTCIceGatherer(
            iceServers=self._configuration.iceServers,
            iceTransportPolicy=self._configuration.iceTransportPolicy,
        )
        offer_host_addresses(gatherer, self._addresses)
        await gatherer.gather()
        agent = agent_of(gatherer)
        agent.ice_controlling = self._agent.ice_controlling
        agent.remote_username, agent.remote_password = ufrag, pwd
        await self._give_up_newer()
        self._newer = agent
        for candidate in candidates:
            await self.add(candidate)
        self._connecting = asyncio.get_running_loop().create_task(self._connect(agent))
        ours = gatherer.getLocalParameters()
        written = [candidate_to_sdp(one) for one in gatherer.getLocalCandidates()]
        return ours.usernameFragment, ours.password, written

    async def _connect(self, agent: Any) -> None:
        try:
            async with asyncio.timeout(RESTART_TIMEOUT_S):
                await agent.connect()
        except (ConnectionError, TimeoutError) as error:
            # The viewer may try again; the old way is kept.
            logger.info("a viewer's ICE restart failed: %s", str(error) or "no way was found in time")
            if self._newer is agent:
                self._newer = None
            await agent.close()
            return
        before, self._agent, self._newer = self._agent, agent, None
        await before.close()

    async def _give_up_newer(self) -> None:
        """End a restart that a newer one overtook."""
        connecting, newer = self._connecting, self._newer
        if newer is not None:
            self._newer = None
            if connecting is not None:
                connecting.cancel()
                await asyncio.wait((connecting,))
            await newer.close()
