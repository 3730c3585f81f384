"""WHIP, on an event loop and thread of its own: what the server's network does costs our viewers nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from streamtrack.config import PushConfig
from streamtrack.errors import PublishError
from streamtrack.ingest.loop_thread import GivenUp, LoopThread
from streamtrack.ingest.pinned import Addresses
from streamtrack.ingest.rtc_http import rtc_address
from streamtrack.push.shown import shown_url
from streamtrack.video.encoder import EncodedPicture, VideoCodec
from streamtrack.video.packet_queue import ThreadPacketQueue
from streamtrack.webrtc.whip_client import WhipClient

if TYPE_CHECKING:
    import av

T = TypeVar("T")

END_TIMEOUT_S = 3.0


class WhipTarget:
    """One connection, for as long as its thread runs."""

    def __init__(self, config: PushConfig, addresses: Addresses | None = None) -> None:
        """`addresses`: of host names that a gate let pass."""
        self._config = config
        self._addresses = addresses
        self._thread: LoopThread | None = None
        self._client: WhipClient | None = None
        self._tap: ThreadPacketQueue | None = None

    def open(self, keyframe: bytes) -> None:
        """Connect."""
        self._thread = thread = LoopThread("whip-push")
        timeout_s = self._config.timeout_ms / 1000
        try:
            self._client = self._wait(thread, self._connect(timeout_s), 3 * timeout_s)
        except PublishError as error:
            raise PublishError(f"{shown_url(self._config)}: {error}") from None

    def send(self, packet: av.Packet, tap: ThreadPacketQueue) -> None:
        """Leave a packet for the network; never waits."""
        assert self._client is not None
        self._tap = tap
        if self._client.gone:
            raise PublishError(f"{shown_url(self._config)}: the server hung up, or is out of reach")
        self._client.offer(EncodedPicture(packet, bool(packet.is_keyframe)))

    def abort(self) -> None:
        """Give up what is waited for."""
        thread = self._thread
        if thread is not None:
            thread.abort()

    def close(self) -> None:
        """Hang up and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError, GivenUp):
                thread.wait(client.close(), END_TIMEOUT_S)
        thread.end(END_TIMEOUT_S)

    async def _connect(self, timeout_s: float) -> WhipClient:
        token = self._config.token
        shown = None if token is None else token.get_secret_value()
        address = rtc_address(self._config.url.get_secret_value(), shown, self._addresses)
        client = WhipClient(address, VideoCodec(self._config.codec), timeout_s, self._ask_for_keyframe)
        try:
            await client.connect()
        except BaseException:
            await client.close()
            raise
        return client

    def _ask_for_keyframe(self) -> None:
        if self._tap is not None:
            self._tap.request_keyframe()

    def _wait(self, thread: LoopThread, task: Coroutine[Any, Any, T], timeout_s: float) -> T:
        try:
            return thread.wait(task, timeout_s)
        except TimeoutError:
            raise PublishError(f"did not answer within {timeout_s:g} s") from None
        except GivenUp:
            raise PublishError("given up") from None
