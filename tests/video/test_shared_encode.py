"""One encode for many, and the one viewer whose network is worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamtrack.clock import FakeClock
from streamtrack.frame import Image
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.link import KEYFRAMES_AT_ONCE, Link
from streamtrack.video.packet_queue import ThreadPacketQueue
from streamtrack.video.shared_encode import SharedEncode
from tests.support.video import video_config

FPS, SECONDS_MS = 30, 1000


class Watching:
    """Viewers of one encode, on a clock that is told the time."""

    def __init__(self, num: int, **config: object) -> None:
        self.config = video_config(**{"bitrate_kbps": 2000, "min_bitrate_kbps": 300, **config})
        self.clock = FakeClock()
        self.encode = SharedEncode(VideoCodec.H264, self.config)
        self.viewers = [self.viewer() for _ in range(num)]
        self.taken = [0] * num
        self.noise = np.random.default_rng(5)
        self.keyframes = 0
        self.pts = 0

    def viewer(self) -> ThreadPacketQueue:
        link = Link(self.config.bitrate_kbps * 1000, self.config.min_bitrate_kbps * 1000)
        return ThreadPacketQueue(VideoCodec.H264, 300, self.encode.gate.request, link=link, clock=self.clock)

    def picture(self) -> Image:
        return self.noise.integers(0, 255, (128, 192, 3), np.uint8)

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        for _ in range(int(seconds * FPS)):
            self.pts += 90_000 // FPS
            encoded, _ = self.encode.encode(
                self.picture(), self.pts, self.viewers, self.clock.monotonic_ns(), standing=False
            )
            self.keyframes += encoded.is_keyframe
            for index, viewer in enumerate(self.viewers):
                self.taken[index] += viewer.get(0) is not None
            self.clock.advance_ms(SECONDS_MS / FPS)
            each()


def test_encode_follows_a_slow_viewer_and_comes_back() -> None:
    watching = Watching(2)
    slow = watching.viewers[0]
    watching.run(2)
    assert watching.encode.bitrate_bps == 2_000_000
    for limit_bps in (2_000_000, 1_200_000):
        slow.told_limit(limit_bps)
    watching.run(2)
    assert watching.encode.bitrate_bps == 1_200_000
    assert not slow.thin
    watching.run(12, lambda: slow.told_limit(9_000_000))
    assert watching.encode.bitrate_bps > 1_900_000


def test_viewer_on_a_bad_network_gets_keyframes_and_harms_nobody() -> None:
    watching = Watching(3, keyframe_interval_s=2)
    bad = watching.viewers[0]
    watching.run(3)
    before = list(watching.taken)

    def storm() -> None:
        bad.told_loss(0.6)
        bad.request_keyframe()

    watching.keyframes = 0
    watching.run(20, storm)
    took = [now - then for now, then in zip(watching.taken, before, strict=True)]
    assert bad.thin
    assert watching.encode.bitrate_bps == 2_000_000
    assert took[1:] == [600, 600]
    assert 8 <= took[0] <= 90, "a picture every two seconds, and those before it was left behind"
    assert watching.keyframes <= 20 / 2 + KEYFRAMES_AT_ONCE + 1
    watching.run(40, lambda: bad.told_loss(0.0))
    assert not bad.thin


def test_lonely_viewer_is_followed_to_the_floor() -> None:
    watching = Watching(1)
    alone = watching.viewers[0]
    watching.run(2)
    watching.run(6, lambda: alone.told_loss(0.5))
    assert watching.encode.bitrate_bps == 300_000


def test_bitrate_is_what_is_really_sent() -> None:
    watching = Watching(1)
    sizes: list[int] = []
    watching.run(2)
    for bps in (2_000_000, 500_000):
        watching.viewers[0].told_limit(bps)
        watching.run(2)
        num_bytes = 0
        for _ in range(4 * FPS):
            watching.pts += 90_000 // FPS
            encoded, _ = watching.encode.encode(
                watching.picture(), watching.pts, [], watching.clock.monotonic_ns(), standing=False
            )
            num_bytes += encoded.packet.size
        sizes.append(num_bytes)
    assert sizes[1] < 0.6 * sizes[0], sizes
