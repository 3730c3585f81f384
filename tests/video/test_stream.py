from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
import cv2
import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.errors import CapacityError, UnknownViewError
from streamtrack.frame import Image
from streamtrack.mailbox import MailboxClosed
from streamtrack.telemetry import Telemetry
from streamtrack.video import views
from streamtrack.video.draw import annotate
from streamtrack.video.encoder import EncodedPicture, Encoder, VideoCodec
from streamtrack.video.packet_queue import PacketQueue, ViewerGone
from streamtrack.video.stream import SHARPEN_AFTER_NS, SHARPEN_TIMES, VideoStream
from tests.support.image_files import decode_image
from tests.support.video import (
    BACKGROUND,
    HEIGHT,
    WIDTH,
    centre,
    dropped,
    pushing,
    read_code,
    result,
    until,
    video_config,
)

H264 = VideoCodec.H264


@asynccontextmanager
async def started(**config: object) -> AsyncIterator[tuple[VideoStream, Telemetry]]:
    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(**config), telemetry.stream("cam"))
    stream.start(asyncio.get_running_loop())
    try:
        yield stream, telemetry
    finally:
        await stream.stop()


async def nothing() -> None:
    pass


class Counted:
    """How often the real encoder and the real drawing ran."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn = 0
        self.encoded: list[tuple[VideoCodec, bool]] = []
        draw, encode = annotate, Encoder.encode

        def counting_draw(*args: object) -> object:
            self.drawn += 1
            return draw(*args)  # type: ignore[arg-type]

        def counting_encode(encoder: Encoder, *args: object, keyframe: bool) -> EncodedPicture:
            encoded = encode(encoder, *args, keyframe=keyframe)  # type: ignore[arg-type]
            self.encoded.append((encoder.codec, encoded.is_keyframe))
            return encoded

        monkeypatch.setattr(views, "annotate", counting_draw)
        monkeypatch.setattr(Encoder, "encode", counting_encode)


async def take(queue: PacketQueue, count: int) -> list[av.Packet]:
    async with asyncio.timeout(10):
        return [await queue.get() for _ in range(count)]


async def test_nothing_is_drawn_while_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with started() as (stream, telemetry):
        stream.open_viewer(H264, nothing)  # connects, and never takes a packet
        for index in range(20):
            stream.push(result(index))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert counted.drawn == 0
        assert counted.encoded == []
        assert dropped(telemetry, "video_superseded") == 0, "not drops: nobody was there to miss them"


async def test_two_viewers_share_one_encode_and_both_get_every_packet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    async with started() as (stream, _):
        first, second = stream.open_viewer(H264, nothing), stream.open_viewer(H264, nothing)
        with pushing(stream, fps=40):
            packets = await asyncio.gather(take(first, 20), take(second, 20))
        common = {one.pts for one in packets[0]} & {one.pts for one in packets[1]}
        assert len(common) >= 15
        assert {id(one) for one in packets[0]} & {id(one) for one in packets[1]}, "the very same packets"
        assert counted.drawn == len(counted.encoded)
        assert len(counted.encoded) <= 20 + 8  # at most those that were on their way when the taking stopped


async def test_codecs_are_drawn_once_and_encoded_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with started() as (stream, _):
        queues = [stream.open_viewer(codec, nothing) for codec in VideoCodec]
        with pushing(stream, fps=30):
            await asyncio.gather(*(take(queue, 10) for queue in queues))
            stream.close_viewer(queues[1])
            await asyncio.sleep(0.2)
            before = len(counted.encoded)
            await take(queues[0], 25)  # more than can have waited
        assert {codec for codec, _ in counted.encoded[:before]} == set(VideoCodec)
        assert {codec for codec, _ in counted.encoded[before:]} == {H264}, (
            "a codec nobody plays costs nothing"
        )
        assert counted.drawn < len(counted.encoded)


async def test_views_are_drawn_apart_and_a_frame_has_one_time_in_all() -> None:
    async with started() as (stream, _):
        overlay, clean = stream.open_viewer(H264, nothing), stream.open_tap(H264, view="clean")
        stream.push(result(7))
        first = (await take(overlay, 1))[0]
        async with asyncio.timeout(10):
            while (second := await asyncio.to_thread(clean.get, 1)) is None:
                pass
        assert stream.num_viewers == 1, "what we take ourselves is no viewer"
        pictures = [decoded(packet) for packet in (first, second)]
        assert {stream.frame_idx_at(packet.pts) for packet in (first, second)} == {7}
        x, y = map(int, centre(7))
        assert abs(int(pictures[1][y, x].mean()) - BACKGROUND[0]) < 12
        assert np.abs(pictures[0][y, x].astype(int) - pictures[1][y, x]).max() > 25, "tinted there alone"
        jpeg = decode_image(await stream.snapshot(5, "clean"))
        assert np.abs(jpeg[y, x].astype(int) - BACKGROUND[0]).max() < 12
        with pytest.raises(UnknownViewError, match=r"^view is 'side', expected one of: overlay, clean"):
            stream.open_viewer(H264, nothing, "side")
    with pytest.raises(ViewerGone):
        clean.get(1)


async def test_views_beyond_the_bound_are_refused_by_name() -> None:
    async with started(max_encodes=1) as (stream, _):
        stream.open_viewer(H264, nothing)
        with pytest.raises(CapacityError, match=r"1 views are encoded.*\(video.max_encodes\)"):
            stream.open_viewer(VideoCodec.VP8, nothing)
        stream.open_viewer(H264, nothing)


def decoded(packet: av.Packet) -> Image:
    decoder = av.CodecContext.create("h264", "r")
    frames = [*decoder.decode(packet), *decoder.decode(None)]
    return np.asarray(frames[0].to_ndarray(format="rgb24"), np.uint8)


async def test_late_joiner_gets_a_keyframe_soon() -> None:
    async with started(keyframe_interval_s=60) as (stream, _):
        first = stream.open_viewer(H264, nothing)
        with pushing(stream, fps=30):
            await take(first, 12)
            late = stream.open_viewer(H264, nothing)
            started_at = asyncio.get_running_loop().time()
            packet = (await take(late, 1))[0]
            waited_s = asyncio.get_running_loop().time() - started_at
        assert packet.is_keyframe
        assert waited_s < 2  # the spacing is 0.25 s, the interval 60 s; the rest is a slow machine


async def test_joiner_of_a_standing_picture_gets_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started() as (stream, _):
        stream.push(result(5))
        for _ in range(2):
            viewer = stream.open_viewer(H264, nothing)
            packet = (await take(viewer, 1))[0]
            assert packet.is_keyframe
            assert stream.frame_idx_at(packet.pts) == 5


async def test_viewer_that_stops_taking_is_flushed_and_counted() -> None:
    async with started(max_fps=60, keyframe_interval_s=60) as (stream, telemetry):
        slow, quick = stream.open_viewer(H264, nothing), stream.open_viewer(H264, nothing)

        async def play() -> list[av.Packet]:
            return [await quick.get() for _ in range(70)]

        with pushing(stream, fps=60):
            await take(slow, 1)
            async with asyncio.timeout(20):
                taken = await play()
            assert dropped(telemetry, "slow_viewer") >= 31  # the 30 of half a second, and the one too many
            resumed = (await take(slow, 1))[0]
        assert resumed.is_keyframe
        pts = [one.pts for one in taken]
        assert pts == sorted(pts), "the other viewer goes on"


async def test_max_fps_paces_a_faster_source(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with started(max_fps=10) as (stream, _):
        viewer = stream.open_viewer(H264, nothing)
        with pushing(stream, fps=80):
            await take(viewer, 1)
            clock = asyncio.get_running_loop().time
            started_at, before = clock(), counted.drawn
            await asyncio.sleep(1.5)
            fps = (counted.drawn - before) / (clock() - started_at)
            assert 5 < fps < 11.5  # 10 and the one at the seam, less what a busy machine misses


async def test_snapshot_shows_the_newest_and_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    async with started() as (stream, _):
        for index in (3, 4):
            stream.push(result(index))
        several = await asyncio.gather(*(stream.snapshot(5) for _ in range(4)))
        again = await stream.snapshot(5)
        assert counted.drawn == 1
        assert all(data is several[0] for data in (*several, again))
        image = decode_image(several[0])
        assert read_code(image) == 4
        stream.push(result(9))
        image = decode_image(await stream.snapshot(5))
        assert read_code(image) == 9


async def test_snapshot_without_a_picture_times_out() -> None:
    async with started() as (stream, _):
        with pytest.raises(TimeoutError):
            await stream.snapshot(0.05)


async def test_mjpeg_viewers_share_one_jpeg_a_frame() -> None:
    async with started() as (stream, _):
        with pushing(stream, fps=30), stream.mjpeg_viewer() as one, stream.mjpeg_viewer() as other:
            async with asyncio.timeout(10):
                first, second = await asyncio.gather(one.get_async(), other.get_async())
            assert first is second
            assert stream.num_viewers == 2
        assert stream.num_viewers == 0


async def test_viewers_beyond_the_limit_are_refused_by_name() -> None:
    async with started(max_viewers=2) as (stream, _):
        queue = stream.open_viewer(H264, nothing)
        refusal = r"^stream cam: 2 viewers watch, and there is no place for another \(video.max_viewers\)"
        with stream.mjpeg_viewer(), pytest.raises(CapacityError, match=refusal):
            stream.open_viewer(H264, nothing)
        stream.close_viewer(queue)
        stream.close_viewer(queue)
        stream.open_viewer(H264, nothing)


async def test_picture_that_cannot_be_drawn_does_not_end_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with started() as (stream, telemetry):
        viewer = stream.open_viewer(H264, nothing)
        stream.push(result(0))
        await take(viewer, 1)
        broken = result(1, image=np.zeros((0, 0, 3), np.uint8))
        stream.push(broken)
        await until(lambda: dropped(telemetry, "video_failed") == 1)
        stream.push(result(2))
        packet = (await take(viewer, 1))[0]
        assert stream.frame_idx_at(packet.pts) == 2
        assert "frame 1 was not shown" in caplog.text


async def test_stop_sends_everyone_away_and_ends_the_thread() -> None:
    told = []

    async def on_stop() -> None:
        told.append(True)

    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(), telemetry.stream("cam"))
    stream.start(asyncio.get_running_loop())
    queue = stream.open_viewer(H264, on_stop)
    with stream.mjpeg_viewer() as mailbox:
        await stream.stop()
        with pytest.raises(MailboxClosed):
            await asyncio.wait_for(mailbox.get_async(), 5)
    with pytest.raises(ViewerGone):
        await asyncio.wait_for(queue.get(), 5)
    assert told == [True]
    assert not any(thread.name == "video-cam" for thread in threading.enumerate())
    stream.push(result(0))
    await stream.stop()


async def test_online_follows_what_the_pipeline_says() -> None:
    async with started() as (stream, _):
        assert not stream.online
        stream.push(result(0))
        assert stream.online, "a picture is there, and nobody has said otherwise"
        stream.set_online(False)
        assert not stream.online


async def test_picture_that_stands_is_sent_again_until_it_is_sharp() -> None:
    noise = np.random.default_rng(7).integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    detailed = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    async with started(bitrate_kbps=300) as (stream, _):
        viewer = stream.open_viewer(H264, nothing)
        stream.push(result(0, {}, image=np.zeros_like(detailed)))
        packets = await take(viewer, 1)
        stream.push(result(1, {}, image=detailed))
        packets += await take(viewer, 1 + SHARPEN_TIMES)
        with pytest.raises(TimeoutError):  # what stands for long costs nothing
            await asyncio.wait_for(viewer.get(), 3 * SHARPEN_AFTER_NS / NS_PER_S)
    assert [stream.frame_idx_at(packet.pts) for packet in packets[1:]] == [1] * (1 + SHARPEN_TIMES)
    decoder = av.CodecContext.create("h264", "r")
    pictures = [frame.to_ndarray(format="rgb24") for packet in packets for frame in decoder.decode(packet)]
    pictures += [frame.to_ndarray(format="rgb24") for frame in decoder.decode(None)]
    errors = [float(np.abs(picture.astype(int) - detailed).mean()) for picture in pictures[1:]]
    print("mean error of the picture and its repeats:", np.round(errors, 2))
    assert errors[-1] < 0.8 * errors[0], errors
