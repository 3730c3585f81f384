"""WebRTC viewers: one peer connection each, all fed with the packets of the shared encoder.

Signalling is WHEP (draft-ietf-wish-whep): the viewer posts an SDP offer and gets the answer and a session
URL back. The HTTP side of it is in video_routes.py.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from streamtrack.errors import PublishError
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.stream import VideoStream
from streamtrack.video.views import OVERLAY
from streamtrack.webrtc.ice_servers import IceServers
from streamtrack.webrtc.internals import (
    accept_rsa_certificates,
    agent_of,
    ice_transports,
    offer_host_addresses,
    on_keyframe_request,
    on_reports,
    stand_before,
)
from streamtrack.webrtc.polygon_channel import PolygonChannel
from streamtrack.webrtc.restartable_ice import RestartableIce
from streamtrack.webrtc.sdp_offer import (
    answer_to,
    check_fingerprints,
    check_offer,
    choose_codec,
    readable_offer,
)
from streamtrack.webrtc.whep_session import PacketTrack, WhepSession

logger = logging.getLogger(__name__)

SESSION_ID_BYTES = 24
"""192 random bits: who knows a session's URL may end it, so it must not be guessed."""
CONNECT_TIMEOUT_S = 15.0
"""A viewer that has not connected by then is gone; its place is given to another."""
EVICT_AFTER_S = 2.0
"""A viewer that has not connected for so long gives its place to a newcomer where there is no other; most
connect within one second."""
SILENT_S = 4.0
"""A viewer that has not said a word for so long, while pictures were sent to it, gives its place as well: it
vanished, which ICE alone notices after half a minute (RFC 7675)."""
NEGOTIATE_TIMEOUT_S = 10.0


class WhepSessions:
    """Every viewer of every stream, by session id."""

    def __init__(
        self,
        *,
        ice_addresses: Sequence[str] = (),
        ice_servers: IceServers | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """`ice_addresses` are offered for streams whose config names none; empty: those of this machine."""
        self.ice_servers = ice_servers or IceServers()
        self._ice_addresses = tuple(ice_addresses)
        self._connect_timeout_s = connect_timeout_s
        self._sessions: dict[str, WhepSession] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    def get(self, session_id: str) -> WhepSession | None:
        """The session, None where there is no such."""
        return self._sessions.get(session_id)

    async def open(
        self, stream: VideoStream, offer: str, peer: str = "", view: str = OVERLAY
    ) -> tuple[WhepSession, str]:
        """Answer a viewer's SDP offer; returns the session and the SDP answer.

        A viewer that has not connected yet may lose its place: to another of the same `peer` where half of
        the places are such, and to anyone after EVICT_AFTER_S where no place is left. So may one that
        vanished, after SILENT_S.

        Raises:
            CapacityError: the stream has no room.
            UnknownViewError: the stream has no such view.
            NoCommonCodecError: the viewer plays neither H264 nor VP8.
            PublishError: the offer cannot be answered.
        """
        check_offer(offer)
        codec = choose_codec(offer)
        check_fingerprints(offer)
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        self._make_room(stream, peer)
        queue = stream.open_viewer(codec, lambda: self.close(session_id), view)
        configuration = self.ice_servers.configuration()
        connection = RTCPeerConnection(configuration)
        track, polygons = PacketTrack(queue), PolygonChannel(stream)
        track.on_sent(polygons.tell)
        connection.on("datachannel", polygons.adopt)
        opened_at_s = asyncio.get_running_loop().time()
        session = WhepSession(
            session_id, stream, connection, track, queue, polygons, peer=peer, opened_at_s=opened_at_s
        )
        self._sessions[session_id] = session
        try:
            async with asyncio.timeout(NEGOTIATE_TIMEOUT_S):
                addresses = stream.config.ice_addresses or self._ice_addresses
                transceiver = _prepare(connection, track, codec)
                on_keyframe_request(transceiver.sender, queue.request_keyframe)
                on_reports(transceiver.sender, queue.told_loss, queue.told_limit, track.heard)
                await connection.setRemoteDescription(RTCSessionDescription(readable_offer(offer), "offer"))
                _refuse_all_else(connection, transceiver)
                session.ice = _prepare_ice(connection, configuration, addresses)
                # All candidates of ours are in the answer: nothing could tell the viewer of others later.
                await connection.setLocalDescription(await connection.createAnswer())
                session.answered_with(offer)
                answer = answer_to(offer, str(connection.localDescription.sdp))
        except BaseException as error:
            await self.close(session_id)
            # aiortc's parser fails with whatever the text leads it into: IndexError, KeyError, its own
            # errors.
            if isinstance(error, Exception) and not isinstance(error, PublishError):
                logger.debug("stream %s: offer refused", stream.name, exc_info=True)
                raise PublishError(
                    f"the offer cannot be answered: {type(error).__name__}: {error}"
                ) from error
            raise
        connection.on("connectionstatechange", lambda: self._on_state(session_id, connection.connectionState))
        session.reaper = asyncio.get_running_loop().call_later(
            self._connect_timeout_s, self._reap_unless_connected, session_id, connection
        )
        logger.info("stream %s: viewer joined, %s", stream.name, codec)
        return session, answer

    async def close(self, session_id: str) -> bool:
        """End a session; False where there is no such."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return False
        await session.close()
        logger.info("stream %s: viewer left", session.stream.name)
        return True

    def end(self, session_id: str) -> None:
        """End a session soon, if there is such; on the event loop."""
        self._in_background(self.close(session_id))

    def _make_room(self, stream: VideoStream, peer: str) -> None:
        """Give up a place that somebody keeps without connecting, if a newcomer needs it."""
        waiting = [one for one in self._sessions.values() if one.stream is stream and not one.connected]
        of_peer = [one for one in waiting if one.peer == peer]
        now_s = asyncio.get_running_loop().time()
        if len(of_peer) >= max(1, stream.config.max_viewers // 2):
            may_leave = of_peer
        elif not stream.has_room:
            may_leave = [one for one in waiting if now_s - one.opened_at_s >= EVICT_AFTER_S]
            may_leave += self._vanished(stream, now_s)
        else:
            return
        oldest = next((one for one in may_leave if one.answered), None)
        if oldest is not None:
            why = "vanished" if oldest.connected else "did not connect"
            logger.info("stream %s: a viewer that %s gave its place to another", stream.name, why)
            del self._sessions[oldest.session_id]
            oldest.free_place()
            self._in_background(oldest.close())

    def _vanished(self, stream: VideoStream, now_s: float) -> list[WhepSession]:
        """Viewers of whom nothing was heard for too long, the most silent first."""
        silent = [one for one in self._sessions.values() if one.stream is stream]
        silent = [one for one in silent if one.silent_s(now_s) >= SILENT_S]
        return sorted(silent, key=lambda one: -one.silent_s(now_s))

    def _on_state(self, session_id: str, state: str) -> None:
        if state in ("failed", "closed"):
            self.end(session_id)

    def _reap_unless_connected(self, session_id: str, connection: Any) -> None:
        if connection.connectionState != "connected":
            self.end(session_id)

    def _in_background(self, closing: Coroutine[Any, Any, object]) -> None:
        """Let it run; the reference is kept because the loop itself only keeps a weak one."""
        task = asyncio.get_running_loop().create_task(closing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _prepare(connection: Any, track: PacketTrack, codec: VideoCodec) -> Any:
    """Give the connection its one sender; returns the transceiver.

    Before setRemoteDescription: afterwards the browser's first codec is already taken as the common one, and
    our packets, being of another, would be dropped unseen.
    """
    transceiver = connection.addTransceiver(track, direction="sendonly")
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in capabilities if one.name.upper() in (codec.value, "RTX")])
    accept_rsa_certificates(transceiver)
    track.feed(transceiver.sender)
    return transceiver


def _refuse_all_else(connection: Any, transceiver: Any) -> None:
    """Take nothing that a viewer would send us, such as its microphone."""
    for other in connection.getTransceivers():
        if other is not transceiver:
            other.direction = "inactive"


def _prepare_ice(
    connection: Any, configuration: RTCConfiguration, addresses: Sequence[str]
) -> RestartableIce | None:
    """Say where candidates are gathered; returns what restarts ICE, None for one that bundles nothing."""
    transports = ice_transports(connection)
    for transport in transports:
        offer_host_addresses(transport.iceGatherer, addresses)
    if len(transports) != 1:
        return None
    ice = RestartableIce(agent_of(transports[0].iceGatherer), configuration, addresses)
    stand_before(transports[0], ice)
    return ice
