"""A WHIP client (RFC 9725): sends packets that are encoded already to a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from streamtrack.errors import PublishError
from streamtrack.ingest.rtc_http import RtcAddress, RtcAnswer, SignallingError, end_session, post_offer
from streamtrack.video.encoder import EncodedPicture, VideoCodec
from streamtrack.video.packet_queue import PacketQueue
from streamtrack.webrtc.internals import accept_rsa_certificates, on_keyframe_request
from streamtrack.webrtc.whep_session import PacketTrack

CLOSE_TIMEOUT_S = 1.0
BACKLOG = 60
"""Pictures that wait for the network."""


class WhipClient:
    """One connection. Belongs to the event loop it is made on; `offer` may be called from any thread."""

    def __init__(
        self, address: RtcAddress, codec: VideoCodec, timeout_s: float, on_keyframe: Callable[[], None]
    ) -> None:
        """`on_keyframe`: called from any thread where the server cannot decode."""
        self._address = address
        self._codec = codec
        self._timeout_s = timeout_s
        self._on_keyframe = on_keyframe
        self._queue = PacketQueue(codec, BACKLOG, asyncio.get_running_loop(), on_keyframe)
        # An empty list: left out, aiortc asks a public STUN server. A WHIP server has an address of its own.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._answer: RtcAnswer | None = None
        self._settled = asyncio.Event()
        self._connection.on("connectionstatechange", self._on_state)

    @property
    def gone(self) -> bool:
        """Whether the server hung up or cannot be reached any more."""
        return self._connection.connectionState in ("failed", "closed")

    async def connect(self) -> None:
        """Post the offer and wait for the connection.

        Raises:
            PublishError: the server does not take it.
        """
        track = PacketTrack(self._queue)
        transceiver = self._connection.addTransceiver(track, direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        names = (self._codec.value, "RTX")
        transceiver.setCodecPreferences([one for one in capabilities if one.name.upper() in names])
        accept_rsa_certificates(transceiver)
        track.feed(transceiver.sender)
        on_keyframe_request(transceiver.sender, self._on_keyframe)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        try:
            offer = str(self._connection.localDescription.sdp)
            self._answer = await post_offer(self._address, offer, self._timeout_s)
            await self._take_answer(self._answer.sdp)
            async with asyncio.timeout(self._timeout_s):
                await self._settled.wait()
        except SignallingError as error:
            raise PublishError(str(error)) from None
        except TimeoutError:
            raise PublishError(f"answered, and no connection came within {self._timeout_s:g} s") from None
        if self.gone:
            raise PublishError("answered, and the connection failed")

    def offer(self, picture: EncodedPicture) -> None:
        """Send a picture; never waits."""
        self._queue.offer(picture)

    async def close(self) -> None:
        """Hang up and tell the server; may be called again."""
        self._queue.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._answer is not None:
                    await end_session(self._address, self._answer.session_url, CLOSE_TIMEOUT_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()

    async def _take_answer(self, sdp: str) -> None:
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except Exception as error:
            # aiortc's parser fails with whatever the text leads it into: IndexError, its own errors.
            raise PublishError(f"its answer cannot be read: {type(error).__name__}: {error}") from error

    def _on_state(self) -> None:
        if self._connection.connectionState in ("connected", "failed", "closed"):
            self._settled.set()
