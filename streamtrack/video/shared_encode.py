"""One encode of one view, shared by everybody who watches that view in its codec."""

from __future__ import annotations

from collections.abc import Sequence

from streamtrack.clock import NS_PER_S
from streamtrack.config import VideoConfig
from streamtrack.frame import Image
from streamtrack.video.encoder import EncodedPicture, Encoder, VideoCodec
from streamtrack.video.keyframes import KeyframeGate
from streamtrack.video.link import middle_of, shared_rate
from streamtrack.video.packet_queue import PacketBuffer

JUDGED_EVERY_NS = NS_PER_S
"""Viewers report about once a second."""
URGENT_SHARE = 0.7
"""A rate that falls below this share of the present one takes a keyframe of its own; other changes wait for
the next."""
FLOORS_TO_FOLLOW = 1.5
"""In units of the floor: what the one in the middle counts at least. Who carries less than half of it is sent
keyframes only even where nobody else watches: below the floor no picture moves."""


class SharedEncode:
    """The encoder of a view and codec. `encode` and `close` belong to one thread, `gate` to any."""

    def __init__(self, codec: VideoCodec, config: VideoConfig) -> None:
        self.codec = codec
        self.gate = KeyframeGate(config.keyframe_interval_s)
        self._ceiling_bps = config.bitrate_kbps * 1000
        self._floor_bps = min(config.min_bitrate_kbps, config.bitrate_kbps) * 1000
        self._encoder = Encoder(codec, bitrate_kbps=config.bitrate_kbps, max_fps=config.max_fps)
        self._judged_ns: int | None = None
        self._made_bytes = 0

    @property
    def bitrate_bps(self) -> int:
        """What the encoder may spend at most."""
        return self._encoder.bitrate_bps

    def encode(
        self, picture: Image, pts: int, viewers: Sequence[PacketBuffer], now_ns: int, *, standing: bool
    ) -> tuple[EncodedPicture, int]:
        """Encode a picture and leave it for everybody; returns it, and how many packets slow viewers lost.

        Raises:
            PublishError: the encoder cannot be opened, or failed.
        """
        self._follow(viewers, now_ns)
        self._encoder.stand(standing)
        encoded = self._encoder.encode(picture, pts, keyframe=self.gate.due(now_ns))
        self._made_bytes += encoded.packet.size
        if encoded.is_keyframe:
            self.gate.made(now_ns)
        return encoded, sum(viewer.offer(encoded) for viewer in viewers)

    def close(self) -> None:
        """Give the encoder's memory back."""
        self._encoder.close()

    def _follow(self, viewers: Sequence[PacketBuffer], now_ns: int) -> None:
        """Once a second, set the rate by what the viewers' networks carry."""
        if self._judged_ns is not None and now_ns - self._judged_ns < JUDGED_EVERY_NS:
            return
        self._judged_ns = now_ns
        known = [capacity for viewer in viewers if (capacity := viewer.capacity_bps) is not None]
        middle_bps = max(middle_of(known), FLOORS_TO_FOLLOW * self._floor_bps)
        sent_bps = max(float(self._floor_bps), self._made_bytes * 8 * NS_PER_S / JUDGED_EVERY_NS)
        self._made_bytes = 0
        judged = [one.judge(middle_bps, sent_bps) for one in viewers]
        carried = [capacity for capacity in judged if capacity is not None]
        rate_bps = shared_rate(carried, middle_bps, self._ceiling_bps, self._floor_bps)
        if rate_bps < URGENT_SHARE * self._encoder.opened_bps:
            self.gate.request()
        self._encoder.bitrate_bps = rate_bps
