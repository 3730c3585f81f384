"""What WebRTC viewers see, and how they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import re
from typing import Any

import numpy as np
import psutil
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from streamtrack.errors import CapacityError
from streamtrack.frame import FrameResult
from streamtrack.video.encoder import Encoder
from streamtrack.video.palette import object_colour
from streamtrack.webrtc import whep
from tests.support.video import centre, pushing, read_code, result, until
from tests.support.whep import Viewer, made_offer, opened, watching

# what is seen


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_viewer_sees_the_overlay_of_the_very_frame(codec: str) -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door, codec) as viewer:
                for _ in range(10):
                    frame = await viewer.picture()
                image = frame.to_ndarray(format="rgb24")
                shown = read_code(image)
                mapped = await door.http.get(
                    f"{viewer.location}/frame", params={"rtp_timestamp": viewer.rtp_timestamp(frame)}
                )
                unknown = await door.http.get(
                    f"{viewer.location}/frame", params={"rtp_timestamp": viewer.rtp_timestamp(frame) + 1}
                )
    x, y = centre(shown)
    inside = image[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8].reshape(-1, 3).mean(axis=0)
    expected = 0.55 * np.full(3, 90) + 0.45 * np.array(object_colour(1))
    # 12 levels: chroma is subsampled and quantised by the codec.
    assert np.abs(inside - expected).max() < 12
    assert np.abs(image[10:30, 10:30].mean(axis=(0, 1)) - 90).max() < 12
    assert mapped.json() == {"frame_idx": shown}
    assert unknown.status_code == 404


async def test_every_picture_leads_back_to_its_frame_for_each_viewer() -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door) as one, watching(door) as other:
                for viewer in (one, other):
                    session = door.sessions.get(viewer.location.rpartition("/")[2])
                    assert session is not None
                    frames = [await viewer.picture() for _ in range(15)]
                    shown = [read_code(frame.to_ndarray(format="rgb24")) for frame in frames]
                    assert [session.frame_idx_at(viewer.rtp_timestamp(frame)) for frame in frames] == shown


async def test_offer_that_lists_vp8_first_is_answered_with_h264() -> None:
    async with opened() as door:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        pc.addTransceiver("video", direction="recvonly")
        await pc.setLocalDescription(await pc.createOffer())
        sdp = pc.localDescription.sdp
        assert sdp.index("VP8/90000") < sdp.index("H264/90000")
        answer = (await door.post(sdp)).text
        await pc.close()
    assert "H264/90000" in answer
    assert "VP8/90000" not in answer


async def test_changed_frame_size_reaches_the_viewer() -> None:
    def make(index: int) -> FrameResult:
        return result(index) if index < 20 else result(index, {}, image=np.zeros((240, 400, 3), np.uint8))

    async with opened() as door:
        with pushing(door.stream, make=make):
            async with watching(door) as viewer:
                widths = [(await viewer.picture()).width]
                async with asyncio.timeout(10):
                    while widths[-1] != 400:
                        widths.append((await viewer.picture()).width)
    assert widths[0] == 320


# keyframes


class EncodedKinds:
    """Whether each picture that the real encoder made was a keyframe, and when it is to be shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keyframes: list[bool] = []
        self.pts: list[int] = []
        encode = Encoder.encode

        def noting(encoder: Encoder, picture: Any, pts: int, *, keyframe: bool) -> Any:
            encoded = encode(encoder, picture, pts, keyframe=keyframe)
            self.pts.append(pts)
            self.keyframes.append(encoded.is_keyframe)
            return encoded

        monkeypatch.setattr(Encoder, "encode", noting)


async def test_loss_reports_of_several_viewers_share_a_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = EncodedKinds(monkeypatch)
    async with opened(keyframe_interval_s=60) as door:
        with pushing(door.stream):
            async with watching(door) as one, watching(door) as other:
                for viewer in (one, other):
                    for _ in range(5):
                        await viewer.picture()
                await asyncio.sleep(0.5)
                before = len(kinds.keyframes)
                for viewer in (one, other):
                    ssrc = viewer.receiver.getSynchronizationSources()[0].source
                    for _ in range(3):
                        await viewer.receiver._send_rtcp_pli(ssrc)
                await until(lambda: True in kinds.keyframes[before:])
                await asyncio.sleep(0.6)  # twice the spacing: a second keyframe would have come
    # Six reports. A picture that is encoded between two of them meets those before it only.
    assert sum(kinds.keyframes[before:]) <= 2


async def test_two_viewers_share_one_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = EncodedKinds(monkeypatch)
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door) as one, watching(door) as other:
                viewers = {one: {-1}, other: {-1}}
                async with asyncio.timeout(30):
                    while len(viewers[one] & viewers[other]) <= 6:
                        behind = min(viewers, key=lambda viewer: max(viewers[viewer]))
                        image = (await behind.picture()).to_ndarray(format="rgb24")
                        viewers[behind].add(read_code(image))
    assert len(kinds.pts) == len(set(kinds.pts)), "a picture was encoded twice"


# bad networks


def lose(viewer: Viewer, share: float) -> None:
    """Drop so many of the packets that reach a viewer, before aiortc sees them."""
    transport = viewer.receiver.transport
    handle, chance = transport._handle_rtp_data, random.Random(7)

    async def handle_some(data: bytes, arrival_time_ms: int) -> None:
        if chance.random() >= share:
            await handle(data, arrival_time_ms)

    transport._handle_rtp_data = handle_some


@pytest.mark.slow
async def test_viewer_that_loses_half_of_all_packets_harms_nobody() -> None:
    noise = np.random.default_rng(3)

    def make(index: int) -> FrameResult:
        return result(index, {}, image=noise.integers(0, 255, (192, 320, 3), np.uint8))

    async with opened(keyframe_interval_s=4, bitrate_kbps=2_000) as door:
        with pushing(door.stream, make=make):
            async with watching(door) as good, watching(door) as other, watching(door) as bad:
                for viewer in (good, other, bad):
                    await viewer.picture()
                lose(bad, 0.5)
                drains = [asyncio.create_task(drain(viewer)) for viewer in (good, other, bad)]

                async def encode() -> dict[str, Any]:
                    (found,) = (await door.http.get("/streams/cam/encodes")).json()
                    return dict(found)

                found = await encode()
                for _ in range(300):
                    if any(one["keyframes_only"] for one in found["viewers"]):
                        break
                    await asyncio.sleep(0.2)
                    found = await encode()
                assert [one["keyframes_only"] for one in found["viewers"]].count(True) == 1
                assert found["bitrate_kbps"] == 2_000
                for task in drains:
                    task.cancel()


async def drain(viewer: Viewer) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            await viewer.receiver.track.recv()


# coming and going


@pytest.mark.slow
async def test_two_hundred_viewers_leave_nothing_behind() -> None:
    def held() -> tuple[int, int]:
        process = psutil.Process()
        return process.num_threads(), process.num_fds()

    async with opened() as door:
        with pushing(door.stream):
            for index in range(220):
                async with watching(door, "VP8" if index % 4 == 0 else "H264") as viewer:
                    await viewer.picture()
                    assert (await door.http.delete(viewer.location)).status_code == 200
                if index == 19:
                    gc.collect()
                    before, before_bytes = held(), psutil.Process().memory_info().rss
            gc.collect()
            await until(lambda: held() <= (before[0] + 1, before[1] + 2), 20)
            grown = psutil.Process().memory_info().rss - before_bytes
            assert door.stream.num_viewers == 0
    assert grown < 24 * 2**20, (
        f"{grown / 2**20:.1f} MiB more after 200 viewers, players in this process included"
    )


async def test_delete_hangs_up_and_frees_the_place() -> None:
    async with opened(max_viewers=1) as door:
        with pushing(door.stream):
            async with watching(door) as viewer:
                await viewer.picture()
                full = await door.post(await made_offer())
                assert (full.status_code, full.headers["retry-after"]) == (503, "2")
                assert full.json() == {
                    "error": "stream cam: 1 viewers watch, and there is no place for another "
                    "(video.max_viewers); ask again later",
                    "kind": "capacity",
                }
                assert (await door.http.delete(viewer.location)).status_code == 200
                assert (await door.http.delete(viewer.location)).status_code == 404
                assert door.stream.num_viewers == 0
                await until(lambda: viewer.pc.connectionState == "closed")
            async with watching(door) as viewer:
                await viewer.picture()


async def test_viewer_that_never_connects_is_reaped() -> None:
    async with opened(connect_timeout_s=0.3) as door:
        answer = await door.post(await made_offer())
        assert answer.status_code == 201
        assert door.stream.num_viewers == 1
        await until(lambda: door.stream.num_viewers == 0)
        assert (await door.http.delete(answer.headers["location"])).status_code == 404


async def test_viewers_that_never_connect_keep_half_of_the_places_at_most() -> None:
    async with opened(max_viewers=4) as door:
        offer = await made_offer()
        sessions = [(await door.post(offer)).headers["location"] for _ in range(5)]
        assert door.stream.num_viewers == 2
        found = [door.sessions.get(location.rpartition("/")[2]) is not None for location in sessions]
        assert found == [False, False, False, True, True]  # the newest is most likely to be there
        together = await asyncio.gather(*(door.post(offer) for _ in range(3)))
        assert {answer.status_code for answer in together} == {201}
        assert door.stream.num_viewers == 4 - 1
        with pushing(door.stream):
            async with watching(door) as viewer:
                await viewer.picture()


async def test_viewer_that_does_not_connect_gives_its_place_to_a_newcomer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(max_viewers=2) as door:
        offer = await made_offer()
        for peer in ("a", "b"):
            await door.sessions.open(door.stream, offer, peer)
        with pytest.raises(CapacityError):  # both are new: they may be about to connect
            await door.sessions.open(door.stream, offer, "c")
        monkeypatch.setattr(whep, "EVICT_AFTER_S", 0.0)
        await door.sessions.open(door.stream, offer, "c")
        assert door.stream.num_viewers == 2


@pytest.mark.parametrize("mend", ["", "a=recvonly\r\n"])
async def test_offer_that_leaves_out_the_default_is_played(mend: str) -> None:
    async with opened() as door:
        with pushing(door.stream):
            viewer = Viewer()
            offer = (await viewer.offer()).replace("a=recvonly\r\n", "")
            offer = offer.replace("t=0 0\r\n", f"t=0 0\r\n{mend}").replace(";profile", "; profile")
            answer = await door.post(offer)
            await viewer.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await viewer.picture()
            await viewer.close()


async def test_sections_that_are_not_bundled_are_answered_apart_and_nothing_is_taken_of_the_viewer() -> None:
    async with opened() as door:
        with pushing(door.stream):
            viewer = Viewer()
            viewer.pc.addTransceiver("audio", direction="sendrecv")
            offer = re.sub(r"a=group:BUNDLE.*\r\n", "", await viewer.offer())
            answer = (await door.post(offer)).text
            assert "BUNDLE" not in answer
            assert re.findall(r"^m=(\w+)|^a=(sendonly|recvonly|sendrecv|inactive)", answer, re.MULTILINE) == [
                ("video", ""),
                ("", "sendonly"),
                ("audio", ""),
                ("", "inactive"),
            ]
            await viewer.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await viewer.picture()
            await viewer.close()


async def test_viewer_that_hangs_up_is_reaped() -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door) as viewer:
                await viewer.picture()
            await until(lambda: door.stream.num_viewers == 0)


async def test_connected_viewer_outlives_the_connect_timeout() -> None:
    async with opened(connect_timeout_s=1.0) as door:
        with pushing(door.stream):
            async with watching(door) as viewer:
                await viewer.picture()
                await asyncio.sleep(1.2)
                assert door.stream.num_viewers == 1


async def test_stopped_stream_hangs_up() -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with watching(door) as viewer:
                await viewer.picture()
                await door.stream.stop()
                await until(lambda: viewer.pc.connectionState == "closed")
                assert door.sessions.get(viewer.location.rpartition("/")[2]) is None
