"""The shared encode sent on: to real servers, and past those that are away, rude, or deaf."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamtrack.config import PushConfig
from streamtrack.push.pusher import PushStatus
from streamtrack.push.pushes import Pushes
from streamtrack.push.shown import shown_trouble, shown_url
from streamtrack.telemetry import Telemetry
from streamtrack.video.encoder import EncodedPicture, Encoder, VideoCodec
from streamtrack.video.stream import VideoStream
from tests.support.rtsp_record import RtspRecorder
from tests.support.video import HEIGHT, WIDTH, pushing, until, video_config

QUICK = {"first_delay_ms": 50, "max_delay_ms": 200}
SIZE = f"{WIDTH}x{HEIGHT}"


@asynccontextmanager
async def pushed(**config: object) -> AsyncIterator[tuple[VideoStream, Pushes, Telemetry]]:
    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(keyframe_interval_s=1), telemetry.stream("cam"))
    stream.start(asyncio.get_running_loop())
    settings = PushConfig.model_validate({"reconnect": QUICK, **config})
    pushes = Pushes((settings,), stream, telemetry.stream("cam"))
    pushes.start()
    try:
        yield stream, pushes, telemetry
    finally:
        await stream.stop()
        assert await asyncio.to_thread(pushes.stop, 20)


async def nothing() -> None:
    pass


def status_of(pushes: Pushes) -> PushStatus:
    return pushes.statuses()[0]


@pytest.mark.rtsp
async def test_rtsp_server_is_sent_the_one_encode_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    encoders: set[int] = set()
    encode = Encoder.encode

    def noting(encoder: Encoder, *args: Any, **named: Any) -> EncodedPicture:
        encoders.add(id(encoder))
        return encode(encoder, *args, **named)

    monkeypatch.setattr(Encoder, "encode", noting)
    recorder = RtspRecorder()
    await recorder.start()
    try:
        async with pushed(name="vms", url=recorder.url) as (stream, pushes, telemetry):
            viewer = stream.open_viewer(VideoCodec.H264, nothing)
            with pushing(stream):
                await viewer.get()
                assert [await recorder.picture() for _ in range(20)] == [SIZE] * 20
                assert len(encoders) == 1, "what viewers see is what is sent on"
                status = status_of(pushes)
                assert (status.state, status.trouble) == ("streaming", None)
                assert status.url == f"rtsp://***@127.0.0.1:{recorder.port}/live"
                assert b'streamtrack_push_up{push="vms",stream="cam"} 1.0' in telemetry.expose()
                await recorder.kill()
                await until(lambda: status_of(pushes).state == "retrying", 20)
                assert "pass" not in str(status_of(pushes).trouble)
                await recorder.start()
                assert await recorder.picture() == SIZE
                await until(lambda: status_of(pushes).state == "streaming", 20)
                assert status_of(pushes).connections == 2
    finally:
        await recorder.kill()


@pytest.mark.needs_program("ffmpeg")
async def test_rtmp_server_is_sent_to() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"rtmp://127.0.0.1:{probe.getsockname()[1]}/live/key"
    server = await asyncio.create_subprocess_exec(
        *(
            "ffmpeg",
            "-v",
            "error",
            "-analyzeduration",
            "100000",
            "-listen",
            "1",
            "-i",
            url,
            "-frames:v",
            "20",
            "-f",
            "framecrc",
            "-",
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    async with pushed(url=url) as (stream, _, _):
        with pushing(stream):
            async with asyncio.timeout(40):
                told, _ = await server.communicate()
    assert len([line for line in told.decode().splitlines() if line[:1].isdigit()]) == 20
    assert f"#dimensions 0: {SIZE}" in told.decode()


async def test_server_that_is_away_or_never_answers_holds_nobody_up() -> None:
    deaf = socket.create_server(("127.0.0.1", 0))
    deaf.setblocking(False)
    callers: list[socket.socket] = []
    try:
        url = f"rtmp://me:secret@127.0.0.1:{deaf.getsockname()[1]}/live/key"
        async with pushed(url=url, timeout_ms=500) as (stream, pushes, _):
            loop = asyncio.get_running_loop()
            longest_s = 0.0
            with pushing(stream):
                async with asyncio.timeout(60):
                    while not callers:
                        with contextlib.suppress(BlockingIOError):
                            callers.append(deaf.accept()[0])
                        await asyncio.sleep(0.01)
                for _ in range(20):
                    before_s = loop.time()
                    await asyncio.sleep(0.01)
                    longest_s = max(longest_s, loop.time() - before_s)
                await until(lambda: status_of(pushes).trouble is not None, 30)
                told = f"rtmp://***@127.0.0.1:{deaf.getsockname()[1]}/live/***: did not answer within 0.5 s"
                assert status_of(pushes).trouble == told
    finally:
        for one in (deaf, *callers):
            one.close()
    # FFmpeg waits for an answer with the interpreter's lock held: in this process nothing would move for
    # as long as the server likes. A busy machine takes tenths.
    assert longest_s < 10


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("rtsp://me:secret@127.0.0.1:9/live", "rtsp://***@127.0.0.1:9/live: Connection refused"),
        ("srt://127.0.0.1:9", "srt://127.0.0.1:9: "),
        ("whip://:secret@127.0.0.1:9/live", "whip://***@127.0.0.1:9/live: All connection attempts failed"),
    ],
)
async def test_server_that_is_away_is_told_in_one_line_and_tried_again(url: str, told: str) -> None:
    async with pushed(url=url, timeout_ms=1_000) as (stream, pushes, _):
        with pushing(stream):
            await until(lambda: status_of(pushes).trouble is not None, 30)
            trouble = str(status_of(pushes).trouble)
            assert trouble.startswith(told)
            assert "\n" not in trouble
            assert "secret" not in trouble
            await until(lambda: status_of(pushes).state in ("connecting", "waiting"), 20)


async def test_camera_that_is_off_hangs_up_and_nothing_is_encoded_meanwhile() -> None:
    async with pushed(url="rtsp://127.0.0.1:9/live") as (stream, pushes, _):
        await asyncio.sleep(0.2)
        assert status_of(pushes).state == "waiting"
        assert stream.num_viewers == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("RTMP://live.example/app/s3cret?a=b", "rtmp://live.example/app/***?***"),
        ("srt://h:9?streamid=s3cret&passphrase=s3cret", "srt://h:9?***"),
        ("rtsps://me:s3cret@h/live", "rtsps://***@h/live"),
        ("whip+https://:s3cret@h/whip/live", "whip+https://***@h/whip/live"),
    ],
)
def test_keys_and_passwords_are_hidden_wherever_an_address_is_shown(url: str, shown: str) -> None:
    config = PushConfig.model_validate({"url": url})
    assert shown_url(config) == shown
    told = shown_trouble(f"I/O error: {url} (s3cret)", config)
    assert "s3cret" not in f"{config!r} {told}"
