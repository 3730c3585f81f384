"""A WHEP server as a camera: watched as a browser would, decoded by aiortc (draft-ietf-wish-whep).

Pictures that the network damaged are asked for again by aiortc; what stays damaged it does not tell.
"""

from __future__ import annotations

import asyncio
import contextlib
from fractions import Fraction
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from streamtrack.config import SourceConfig
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.display import Display
from streamtrack.ingest.loop_thread import LoopThread
from streamtrack.ingest.rtc_http import (
    RtcAddress,
    RtcAnswer,
    SignallingError,
    end_session,
    post_offer,
    rtc_address,
)
from streamtrack.ingest.source import SourceSpec
from streamtrack.mailbox import Mailbox, MailboxClosed

RTP_CLOCK = Fraction(1, 90_000)
KEYFRAME_ASKED_EVERY_S = 1.0
"""Until the first picture: a server may have sent its keyframe before we could hear it."""
CLOSE_TIMEOUT_S = 2.0


class WhepDecoder:
    """One session at a WHEP server. Every method from one thread; the connection lives in another."""

    def __init__(self, spec: SourceSpec, config: SourceConfig) -> None:
        self._spec, self._config = spec, config
        self._address = rtc_address(spec.url, addresses=spec.addresses)
        self._display = Display(config.max_width_px)
        self._thread: LoopThread | None = None
        self._session: WatchedSession | None = None
        self._superseded = 0

    def open(self) -> StreamInfo:
        """Post an offer and wait for the connection."""
        self.close()
        self._thread = LoopThread("whep-source")
        timeout_s = self._config.open_timeout_ms / 1000
        try:
            self._session = self._thread.wait(_connected(self._address, timeout_s), timeout_s)
        except TimeoutError:
            self.close()
            raise lost_error(f"did not open within {self._config.open_timeout_ms} ms", self._spec) from None
        except SignallingError as error:
            self.close()
            raise lost_error(str(error), self._spec) from None
        self._superseded = 0
        return StreamInfo(0, 0, None, None, "webrtc", needs_pacing=False)

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next picture, the newest where we were late."""
        session = self._session
        if session is None:
            raise lost_error("not open", self._spec)
        lost = session.pictures.statistics().superseded_total - self._superseded
        if lost:
            self._superseded += lost
            return Skipped("superseded", lost)
        try:
            frame = session.pictures.get(self._config.read_timeout_ms / 1000)
        except MailboxClosed:
            raise lost_error("the server ended the stream", self._spec) from None
        if frame is None:
            raise lost_error(f"nothing came for {self._config.read_timeout_ms} ms", self._spec)
        return Picture(self._display.show(frame, None), frame.pts, frame.time_base or RTP_CLOCK)

    def close(self) -> None:
        """Hang up."""
        session, self._session = self._session, None
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if session is not None:
            with contextlib.suppress(TimeoutError):
                thread.wait(session.close(), CLOSE_TIMEOUT_S)
        thread.end(CLOSE_TIMEOUT_S)


class WatchedSession:
    """One WHEP session. Belongs to its event loop; any thread may take `pictures`."""

    def __init__(self, address: RtcAddress) -> None:
        self.pictures: Mailbox[Any] = Mailbox(1)
        """av.VideoFrame, the newest only; closed where the stream ends."""
        self._address = address
        # An empty list: left out, aiortc asks a public STUN server. A WHEP server has an address of its own.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._receiver = self._connection.addTransceiver("video", direction="recvonly").receiver
        self._connection.on("connectionstatechange", self._on_state)
        self._settled = asyncio.Event()
        self._answer: RtcAnswer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, timeout_s: float) -> None:
        """Begin to watch.

        Raises:
            SignallingError: the server is away, or does not take us.
        """
        await self._connection.setLocalDescription(await self._connection.createOffer())
        self._answer = await post_offer(self._address, str(self._connection.localDescription.sdp), timeout_s)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(self._answer.sdp, "answer"))
        except Exception as error:
            # aiortc's parser fails with whatever the text leads it into: IndexError, its own errors.
            raise SignallingError(f"its answer cannot be read: {type(error).__name__}") from error
        await self._settled.wait()
        if self._connection.connectionState != "connected":
            raise SignallingError("answered, and the connection failed")
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._take_all()), loop.create_task(self._ask_for_a_keyframe())]

    async def close(self) -> None:
        """Hang up and tell the server."""
        self.pictures.close()
        for task in self._tasks:
            task.cancel()
        if self._answer is not None:
            await end_session(self._address, self._answer.session_url, CLOSE_TIMEOUT_S / 2)
        await self._connection.close()

    async def _take_all(self) -> None:
        while True:
            try:
                frame = await self._receiver.track.recv()
            except MediaStreamError:
                self.pictures.close()
                return
            self.pictures.put(frame)

    async def _ask_for_a_keyframe(self) -> None:
        while self.pictures.statistics().put_total == 0:
            for source in self._receiver.getSynchronizationSources():
                await self._receiver._send_rtcp_pli(source.source)
            await asyncio.sleep(KEYFRAME_ASKED_EVERY_S)

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state in ("connected", "failed", "closed"):
            self._settled.set()
        if state in ("failed", "closed"):
            self.pictures.close()


async def _connected(address: RtcAddress, timeout_s: float) -> WatchedSession:
    session = WatchedSession(address)
    try:
        await session.connect(timeout_s)
    except BaseException:
        await session.close()
        raise
    return session
