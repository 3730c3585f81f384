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
from streamtrack.webrtc.internals import hang_up, last_rtp_timestamp
from streamtrack.webrtc.polygon_channel import PolygonChannel
from streamtrack.webrtc.restartable_ice import RestartableIce
from streamtrack.webrtc.sdp_fragment import Fragment, check_restart, ufrags_of, write_fragment
from streamtrack.webrtc.sdp_offer import MAX_CANDIDATES

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
        self.unanswered_since_s: float | None = None
        """Loop time of the first packet that was sent since the viewer was last heard; None: it answered."""

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
        if self.unanswered_since_s is None:
            self.unanswered_since_s = asyncio.get_running_loop().time()
        self._tell(packet.pts)
        return packet

    def heard(self) -> None:
        """The viewer reported on what it got."""
        self.unanswered_since_s = None

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
        self.entity_tag = make_entity_tag()
        """Names the ICE session in PATCH requests."""
        self.ice: RestartableIce | None = None
        """None for a viewer that bundles nothing."""
        self.reaper: asyncio.TimerHandle | None = None
        """Ends the session unless the viewer connects in time."""
        self._connection = connection
        self._track = track
        self._queue = queue
        self._polygons = polygons
        self._num_candidates = 0
        self._ufrags: frozenset[str] = frozenset()

    def frame_idx_at(self, rtp_timestamp: int) -> int | None:
        """The tracked frame of a picture that the viewer shows, None where it is too long ago or not ours."""
        if self._track.rtp_origin is None:
            return None
        return self.stream.frame_idx_at((rtp_timestamp - self._track.rtp_origin) % RTP_WRAP)

    def names_ice_session(self, fragment: Fragment) -> bool:
        """Whether a fragment says by its user fragment that it belongs to the ICE session of this moment."""
        return fragment.ufrag is not None and fragment.ufrag in self._ufrags

    def restarts_ice(self, fragment: Fragment) -> bool:
        """Whether a fragment begins a new ICE session."""
        return fragment.ufrag is not None and fragment.ufrag not in self._ufrags

    async def add_candidates(self, fragment: Fragment) -> None:
        """Take trickled ICE candidates.

        Raises:
            PublishError: one of them is none.
        """
        for candidate in self._taken(fragment):
            if self.ice is not None:
                await self.ice.add(candidate)
            else:
                candidate.sdpMLineIndex = 0
                await self._connection.addIceCandidate(candidate)

    async def restart_ice(self, fragment: Fragment) -> str:
        """Begin a new ICE session; returns the fragment to answer with. What is sent goes on by the old one
        until the new one found a way.

        Raises:
            PublishError: it cannot be restarted by this.
        """
        ufrag, pwd = check_restart(fragment)
        if self.ice is None:
            raise PublishError("the offer bundles nothing, so ICE cannot be restarted; post a new offer")
        self._num_candidates = 0
        candidates = self._taken(fragment)
        ours, password, written = await self.ice.restart(ufrag, pwd, candidates)
        self._ufrags = frozenset({ufrag})
        self.entity_tag = make_entity_tag()
        return write_fragment(str(self._connection.localDescription.sdp), ours, password, written)

    def _taken(self, fragment: Fragment) -> list[Any]:
        """A fragment's candidates. What is more than a viewer needs is left out: each is probed from every
        address of ours."""
        candidates = [_candidate(text) for text in fragment.candidates]
        taken = candidates[: MAX_CANDIDATES - self._num_candidates]
        self._num_candidates += len(taken)
        return taken

    def answered_with(self, offer: str) -> None:
        """The offer was taken: its ICE session is the one in use."""
        self._ufrags = ufrags_of(offer)

    @property
    def answered(self) -> bool:
        """Whether the viewer has its answer, and can connect."""
        return self.reaper is not None

    @property
    def connected(self) -> bool:
        """Whether the viewer has arrived."""
        return bool(self._connection.connectionState == "connected")

    def silent_s(self, now_s: float) -> float:
        """For how long a viewer that had arrived has not reported on what it was sent; players do each second
        or two."""
        since_s = self._track.unanswered_since_s
        return 0.0 if since_s is None or not self.connected else now_s - since_s

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
                await hang_up(self._connection)
        except TimeoutError:
            logger.warning("stream %s: a viewer's connection did not close in time", self.stream.name)


def make_entity_tag() -> str:
    """Names one ICE session (RFC 9725, section 4.3.1)."""
    return f'"{secrets.token_hex(8)}"'


def _candidate(text: str) -> Any:
    """The ICE candidate in what stands behind `a=candidate:`.

    Raises:
        PublishError: it is none.
    """
    try:
        return candidate_from_sdp(text)
    except (AssertionError, IndexError, ValueError):
        raise PublishError(f"candidate is {text[:80]!r}, expected RFC 8839's form") from None
