"""One WebRTC viewer: the track that feeds it, and its session from the offer to the end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from streamtrack.errors import PublishError
from streamtrack.video.packet_queue import PacketQueue, ViewerGone
from streamtrack.video.stream import VideoStream
from streamtrack.video.timeline import RTP_WRAP
from streamtrack.webrtc.internals import last_rtp_timestamp
from streamtrack.webrtc.polygon_channel import PolygonChannel
from streamtrack.webrtc.sdp_offer import MAX_CANDIDATES, MAX_SDP_LINES, is_mdns_candidate

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 2.0


class PacketTrack(MediaStreamTrack):  # type: ignore[misc]  # aiortc is untyped for mypy
    """A video track whose packets are encoded already."""

    kind = "video"

    def __init__(self, queue: PacketQueue) -> None:
        super().__init__()
        self._queue = queue
        self._sender: Any = None
        self._sent_pts: int | None = None
        self._on_sent: Callable[[int, int], None] = lambda _pts, _rtp_timestamp: None
        self.rtp_origin: int | None = None
        """RTP timestamp of pts 0, None until the first packet was sent."""

    def feed(self, sender: Any) -> None:
        """Name the sender that will call `recv`."""
        self._sender = sender

    def on_sent(self, callback: Callable[[int, int], None]) -> None:
        """Have `callback` told the pts and the RTP timestamp of each picture that is sent."""
        self._on_sent = callback

    async def recv(self) -> Any:
        """The next av.Packet.

        Raises:
            MediaStreamError: the stream is over.
        """
        if self.rtp_origin is None and self._sent_pts is not None:
            # The sender comes back once all of the packet before is sent: its last timestamp is that
            # packet's.
            self.rtp_origin = (last_rtp_timestamp(self._sender) - self._sent_pts) % RTP_WRAP
            self._tell(self._sent_pts)
        try:
            packet = await self._queue.get()
        except ViewerGone:
            raise MediaStreamError from None
        self._sent_pts = packet.pts
        self._tell(packet.pts)
        return packet

    def _tell(self, pts: int) -> None:
        if self.rtp_origin is not None:
            self._on_sent(pts, (self.rtp_origin + pts) % RTP_WRAP)


class WhepSession:
    """One viewer."""

    def __init__(
        self,
        session_id: str,
        stream: VideoStream,
        connection: Any,
        track: PacketTrack,
        queue: PacketQueue,
        polygons: PolygonChannel,
        *,
        peer: str,
        opened_at_s: float,
    ) -> None:
        self.session_id = session_id
        self.stream = stream
        self.peer = peer
        """The viewer's address; one may only connect so many at once."""
        self.opened_at_s = opened_at_s
        """Loop time."""
        self.entity_tag = f'"{secrets.token_hex(8)}"'
        """Names the ICE session in PATCH requests (RFC 9725, section 4.3.1)."""
        self.reaper: asyncio.TimerHandle | None = None
        """Ends the session unless the viewer connects in time."""
        self._connection = connection
        self._track = track
        self._queue = queue
        self._polygons = polygons
        self._num_candidates = 0

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
        lines = fragment.splitlines()
        if len(lines) > MAX_SDP_LINES:
            raise PublishError(f"the fragment has {len(lines)} lines, expected at most {MAX_SDP_LINES}")
        known = set(str(self._connection.remoteDescription.sdp).splitlines())
        mid = "0"
        candidates = []
        for line in lines:
            if line.startswith("a=ice-ufrag:") and line.strip() not in known:
                raise PublishError(
                    "the fragment restarts ICE, expected the offer's ice-ufrag; post a new offer"
                )
            if line.startswith("a=mid:"):
                mid = line.removeprefix("a=mid:").strip()
            elif line.startswith("a=candidate:") and not is_mdns_candidate(line):
                candidates.append(_candidate(line, mid))
        # What is more than a viewer needs is left out: each candidate is probed from every address of ours.
        taken = candidates[: MAX_CANDIDATES - self._num_candidates]
        self._num_candidates += len(taken)
        for candidate in taken:
            await self._connection.addIceCandidate(candidate)
        if any(line.startswith("a=end-of-candidates") for line in lines):
            await self._connection.addIceCandidate(None)

    @property
    def answered(self) -> bool:
        """Whether the viewer has its answer, and can connect."""
        return self.reaper is not None

    @property
    def connected(self) -> bool:
        """Whether the viewer has arrived."""
        return bool(self._connection.connectionState == "connected")

    def free_place(self) -> None:
        """Let another viewer have the place at once; the connection is still to be closed."""
        self.stream.close_viewer(self._queue)
        self._polygons.close()

    async def close(self) -> None:
        """Hang up and free the viewer's place; may be called again."""
        if self.reaper is not None:
            self.reaper.cancel()
        self.free_place()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            logger.warning("stream %s: a viewer's connection did not close in time", self.stream.name)


def _candidate(line: str, mid: str) -> Any:
    """The ICE candidate in an SDP line.

    Raises:
        PublishError: it is none.
    """
    try:
        candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
    except (AssertionError, IndexError, ValueError):
        raise PublishError(f"candidate is {line[:80]!r}, expected RFC 8839's form") from None
    candidate.sdpMid = mid
    return candidate
