"""WebRTC viewers: one peer connection each, all fed with the packets of the shared encoder.

Signalling is WHEP (draft-ietf-wish-whep): the viewer posts an SDP offer and gets the answer and a session
URL back. The HTTP side of it is in video_routes.py.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from streamtrack.errors import PublishError
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.packet_queue import PacketQueue, ViewerGone
from streamtrack.video.stream import VideoStream
from streamtrack.video.timeline import RTP_WRAP
from streamtrack.webrtc.internals import (
    last_rtp_timestamp,
    offer_host_addresses,
    on_keyframe_request,
)
from streamtrack.webrtc.sdp_offer import check_offer, choose_codec, without_mdns_candidates

logger = logging.getLogger(__name__)

SESSION_ID_BYTES = 24
"""192 random bits: who knows a session's URL may end it, so it must not be guessed."""
CONNECT_TIMEOUT_S = 15.0
"""A viewer that has not connected by then is gone; its place is given to another."""
NEGOTIATE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0


class PacketTrack(MediaStreamTrack):  # type: ignore[misc]  # aiortc is untyped for mypy
    """A video track whose packets are encoded already."""

    kind = "video"

    def __init__(self, queue: PacketQueue) -> None:
        super().__init__()
        self._queue = queue
        self._sender: Any = None
        self._sent_pts: int | None = None
        self.rtp_origin: int | None = None
        """RTP timestamp of pts 0, None until the first packet was sent."""

    def feed(self, sender: Any) -> None:
        """Name the sender that will call `recv`."""
        self._sender = sender

    async def recv(self) -> Any:
        """The next av.Packet.

        Raises:
            MediaStreamError: the stream is over.
        """
        if self.rtp_origin is None and self._sent_pts is not None:
            # The sender comes back once all of the packet before is sent: its last timestamp is that
            # packet's.
            self.rtp_origin = (last_rtp_timestamp(self._sender) - self._sent_pts) % RTP_WRAP
        try:
            packet = await self._queue.get()
        except ViewerGone:
            raise MediaStreamError from None
        self._sent_pts = packet.pts
        return packet


class WhepSession:
    """One viewer."""

    def __init__(
        self, session_id: str, stream: VideoStream, connection: Any, track: PacketTrack, queue: PacketQueue
    ) -> None:
        self.session_id = session_id
        self.stream = stream
        self.entity_tag = f'"{secrets.token_hex(8)}"'
        """Names the ICE session in PATCH requests (RFC 9725, section 4.3.1)."""
        self.reaper: asyncio.TimerHandle | None = None
        """Ends the session unless the viewer connects in time."""
        self._connection = connection
        self._track = track
        self._queue = queue

    def frame_idx_at(self, rtp_timestamp: int) -> int | None:
        """The tracked frame of a picture that the viewer shows, None where it is too long ago or not ours."""
        if self._track.rtp_origin is None:
            return None
        return self.stream.frame_idx_at((rtp_timestamp - self._track.rtp_origin) % RTP_WRAP)

    async def add_candidates(self, fragment: str) -> None:
        """Take trickled ICE candidates (RFC 8840 fragment).

        Raises:
            PublishError: it is not a fragment, or asks for an ICE restart, which is not supported.
        """
        remote = str(self._connection.remoteDescription.sdp)
        mid = "0"
        candidates = []
        ended = False
        for line in fragment.splitlines():
            if line.startswith("a=ice-ufrag:") and line not in remote:
                raise PublishError(
                    "the fragment restarts ICE, expected the offer's ice-ufrag; post a new offer"
                )
            if line.startswith("a=mid:"):
                mid = line.removeprefix("a=mid:").strip()
            elif line.startswith("a=end-of-candidates"):
                ended = True
            elif line.startswith("a=candidate:") and ".local " not in line:
                try:
                    candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
                except (AssertionError, IndexError, ValueError):
                    raise PublishError(f"candidate is {line[:80]!r}, expected RFC 8839's form") from None
                candidate.sdpMid = mid
                candidates.append(candidate)
        for candidate in candidates:
            await self._connection.addIceCandidate(candidate)
        if ended:
            await self._connection.addIceCandidate(None)

    async def close(self) -> None:
        """Hang up and free the viewer's place; may be called again."""
        if self.reaper is not None:
            self.reaper.cancel()
        self.stream.close_viewer(self._queue)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            logger.warning("stream %s: a viewer's connection did not close in time", self.stream.name)


class WhepSessions:
    """Every viewer of every stream, by session id."""

    def __init__(
        self, *, ice_addresses: Sequence[str] = (), connect_timeout_s: float = CONNECT_TIMEOUT_S
    ) -> None:
        """`ice_addresses` are offered for streams whose config names none; empty: those of this machine."""
        self._ice_addresses = tuple(ice_addresses)
        self._connect_timeout_s = connect_timeout_s
        self._sessions: dict[str, WhepSession] = {}
        self._tasks: set[asyncio.Task[bool]] = set()

    def get(self, session_id: str) -> WhepSession | None:
        """The session, None where there is no such."""
        return self._sessions.get(session_id)

    async def open(self, stream: VideoStream, offer: str) -> tuple[WhepSession, str]:
        """Answer a viewer's SDP offer; returns the session and the SDP answer.

        Raises:
            CapacityError: the stream has no room.
            NoCommonCodecError: the viewer plays neither H264 nor VP8.
            PublishError: the offer cannot be answered.
        """
        check_offer(offer)
        codec = choose_codec(offer)
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        queue = stream.open_viewer(codec, lambda: self.close(session_id))
        # An empty list: left out, aiortc asks a public STUN server and waits 5 s where there is none.
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        track = PacketTrack(queue)
        session = WhepSession(session_id, stream, connection, track, queue)
        self._sessions[session_id] = session
        try:
            async with asyncio.timeout(NEGOTIATE_TIMEOUT_S):
                addresses = stream.config.ice_addresses or self._ice_addresses
                transceiver = _prepare(connection, track, codec, addresses)
                on_keyframe_request(transceiver.sender, lambda: stream.request_keyframe(codec))
                answer = await _negotiate(connection, without_mdns_candidates(offer))
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

    def _on_state(self, session_id: str, state: str) -> None:
        if state in ("failed", "closed"):
            self._reap(session_id)

    def _reap_unless_connected(self, session_id: str, connection: Any) -> None:
        if connection.connectionState != "connected":
            self._reap(session_id)

    def _reap(self, session_id: str) -> None:
        """Close in the background; the reference is kept because the loop itself only keeps a weak one."""
        task = asyncio.get_running_loop().create_task(self.close(session_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _prepare(connection: Any, track: PacketTrack, codec: VideoCodec, addresses: Sequence[str]) -> Any:
    """Give the connection its one sender; returns the transceiver.

    Before setRemoteDescription: afterwards the browser's first codec is already taken as the common one, and
    our packets, being of another, would be dropped unseen.
    """
    transceiver = connection.addTransceiver(track, direction="sendonly")
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in capabilities if one.name.upper() in (codec.value, "RTX")])
    offer_host_addresses(transceiver, addresses)
    track.feed(transceiver.sender)
    return transceiver


async def _negotiate(connection: Any, offer: str) -> str:
    """Set both descriptions; returns the answer with all candidates in it."""
    await connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return str(connection.localDescription.sdp)
