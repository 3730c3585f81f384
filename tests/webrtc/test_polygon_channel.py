"""Polygons beside the picture: each viewer's, of the very picture, and bounded where the viewer is slow."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from aiortc import RTCSessionDescription

from streamtrack.frame import BoolMask, FrameResult, ObjectMask
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream
from streamtrack.video.views import CLEAN
from streamtrack.webrtc.polygon_channel import LABEL, MAX_WAITING_BYTES, PolygonChannel
from tests.support.polygon_reader import ToldPolygons, read_polygons
from tests.support.video import centre, disc, dropped, pushing, read_code, result, until, video_config
from tests.support.whep import Door, Viewer, opened


class DrawingViewer(Viewer):
    """A player that asks for the clean picture and for polygons."""

    def __init__(self, label: str = LABEL) -> None:
        super().__init__()
        self.told: dict[int, ToldPolygons] = {}
        self.sizes: list[int] = []
        self.channel = self.pc.createDataChannel(label, ordered=False, maxRetransmits=0)
        self.channel.on("message", self._on_message)

    def _on_message(self, message: bytes) -> None:
        self.sizes.append(len(message))
        told = read_polygons(message)
        self.told[told.rtp_timestamp] = told

    async def watch(self, door: Door) -> None:
        answer = await door.http.post(
            f"/streams/cam/whep?view={CLEAN}",
            content=await self.offer(),
            headers={"Content-Type": "application/sdp"},
        )
        assert answer.status_code == 201, answer.text
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))


async def test_polygons_arrive_with_the_timestamp_of_their_very_picture() -> None:
    async with opened() as door:
        viewers = [DrawingViewer(), DrawingViewer()]
        with pushing(door.stream):
            for viewer in viewers:
                await viewer.watch(door)
            shown = {viewer: await some_pictures(viewer) for viewer in viewers}
        for viewer in viewers:
            both = [(told, shown[viewer][rtp]) for rtp, told in viewer.told.items() if rtp in shown[viewer]]
            for told, code in both:
                assert told.frame_idx == code
                mask = told.objects[0].mask(told)
                expected = disc(*centre(code))
                assert (mask & expected).sum() / (mask | expected).sum() > 0.93
            await viewer.close()
        await until(lambda: not door.stream.polygons.wanted)


async def some_pictures(viewer: DrawingViewer) -> dict[int, int]:
    """Pictures by RTP timestamp, each with the frame number that is in it, until ten have their polygons.

    Not all have: the channel loses some where the machine is busy, as it should.
    """
    shown: dict[int, int] = {}
    async with asyncio.timeout(40):
        while len(shown.keys() & viewer.told.keys()) < 10:
            frame = await viewer.picture()
            picture = frame.to_ndarray(format="rgb24")
            shown[viewer.rtp_timestamp(frame)] = read_code(picture)
            # Nothing is drawn into the clean picture.
            x, y = centre(read_code(picture))
            assert abs(picture[int(y), int(x)].mean() - 90) < 6
    return shown


async def test_sixteen_moving_objects_take_less_than_forty_kilobytes_a_second() -> None:
    def make(index: int) -> FrameResult:
        image = np.zeros((360, 640, 3), np.uint8)
        masks = [
            lobed(60 + 150 * (at % 4) + 3 * (index % 8), 50 + 85 * (at // 4), 42 + index % 3)
            for at in range(16)
        ]
        made = {at: ObjectMask.from_mask(mask, at) for at, mask in enumerate(masks)}
        return result(index, made, image=image)

    prepared = [make(index) for index in range(8)]
    async with opened() as door:
        viewer = DrawingViewer()
        with pushing(door.stream, fps=30, make=lambda index: prepared[index % 8]):
            await viewer.watch(door)
            await until(lambda: len(viewer.sizes) >= 40, 30)
        await viewer.close()
    # Of the network's bytes: 28 of UDP, 29 of DTLS and 28 of SCTP beside each message.
    assert all(size + 85 <= 40_000 / 30 for size in viewer.sizes)
    assert max(viewer.sizes) > 600, "too little to say anything"


def lobed(x: float, y: float, radius: float) -> BoolMask:
    """(360, 640) bool: nine lobes, more corners than a person's outline has."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reach = radius * (0.75 + 0.25 * np.sin(9 * angles))
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    mask = np.zeros((360, 640), np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return mask.astype(np.bool_)


async def test_picture_that_stands_has_its_polygons_too() -> None:
    async with opened() as door:
        door.stream.push(result(7))
        viewer = DrawingViewer()
        await viewer.watch(door)
        await until(lambda: bool(viewer.told), 15)
        assert {told.frame_idx for told in viewer.told.values()} == {7}
        await viewer.close()


async def test_channel_of_another_name_is_closed_and_sent_nothing() -> None:
    async with opened() as door:
        with pushing(door.stream):
            viewer = DrawingViewer("chat")
            await viewer.watch(door)
            await viewer.picture()
            await until(lambda: viewer.channel.readyState == "closed")
            assert viewer.told == {}
            await viewer.close()


class Channel:
    """A data channel whose network takes nothing."""

    label, readyState, bufferedAmount = LABEL, "open", 0

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        self.sent.append(message)
        self.bufferedAmount += len(message)

    def close(self) -> None:
        self.readyState = "closed"


def test_slow_viewer_misses_polygons_and_nothing_piles_up() -> None:
    telemetry = Telemetry()
    stream = VideoStream("cam", video_config(), telemetry.stream("cam"))
    polygons, channel = PolygonChannel(stream), Channel()
    polygons.adopt(channel)
    second: Any = SimpleNamespace(label=LABEL, closed=False)
    second.close = lambda: setattr(second, "closed", True)
    polygons.adopt(second)
    assert second.closed
    for pts in range(200):
        stream.polygons.note(pts, result(pts))
        polygons.tell(pts, pts)
    assert 0 < channel.bufferedAmount <= MAX_WAITING_BYTES
    assert len(channel.sent) + dropped(telemetry, "slow_viewer_polygons") == 200
    polygons.close()
    polygons.close()
    assert not stream.polygons.wanted
