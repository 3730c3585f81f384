"""Rows 10 and 11: viewers who vanish, who come and go by the hundred, who ask for keyframes without end, and
one whose network loses packets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psutil
import pytest
from aiortc import RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from streamtrack.video.encoder import Encoder
from streamtrack.webrtc import whep
from tests.faults.injectors.viewers import UdpProxy, through_proxy, vanish, without_candidates
from tests.faults.table import FaultRow, record_fault
from tests.support.video import pushing, until
from tests.support.whep import Door, Viewer, opened, watching

pytestmark = pytest.mark.faults

CONNECTS, WARM_CONNECTS, AT_ONCE = 500, 60, 5
STORM_A_SECOND = 80
STORM_S = 6.0
LOSS = 0.3


class Pictures:
    """Takes a viewer's pictures as they come, and notes when."""

    def __init__(self, viewer: Viewer) -> None:
        self.came_s: list[float] = []
        self._viewer = viewer
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await self._viewer.receiver.track.recv()
                self.came_s.append(time.monotonic())

    def close(self) -> None:
        self._task.cancel()

    def number(self, since_s: float, until_s: float) -> int:
        """Pictures of that time."""
        return sum(since_s <= at_s < until_s for at_s in self.came_s)

    async def wait(self, since_s: float, number: int = 1) -> float:
        """Seconds from the moment until so many pictures."""
        await until(lambda: self.number(since_s, time.monotonic()) >= number, 30)
        return [at_s for at_s in self.came_s if at_s >= since_s][number - 1] - since_s


@contextmanager
def taking(*viewers: Viewer) -> Iterator[list[Pictures]]:
    taken = [Pictures(viewer) for viewer in viewers]
    try:
        yield taken
    finally:
        for one in taken:
            one.close()


async def left_to_vanish(door: Door, number: int) -> list[Viewer]:
    """So many viewers who watch."""
    viewers = [Viewer() for _ in range(number)]
    for viewer in viewers:
        assert (await viewer.join(door)).status_code == 201
        await viewer.picture()
    return viewers


async def joined_in_the_end(door: Door) -> Viewer:
    """A viewer who tries again until there is a place, and sees a picture."""
    for _ in range(300):
        viewer = Viewer()
        if (await viewer.join(door)).status_code == 201:
            await viewer.picture()
            return viewer
        await viewer.close()
        await asyncio.sleep(0.1)
    raise AssertionError("no place in half a minute")


@pytest.mark.slow
async def test_places_of_viewers_who_vanished_are_there_for_those_who_come() -> None:
    number = 3
    async with opened(max_viewers=number + 1) as door:
        with pushing(door.stream):
            async with watching(door) as stays:
                gone = await left_to_vanish(door, number)
                with taking(stays) as (pictures,):
                    await pictures.wait(0.0, 5)
                    began_s = time.monotonic()
                    for viewer in gone:
                        vanish(viewer)
                    back = [await joined_in_the_end(door) for _ in range(number)]
                    recover_s = time.monotonic() - began_s
                    frames = pictures.number(began_s, time.monotonic())
                    there = stays.pc.connectionState == "connected"
                    held = door.stream.num_viewers == number + 1 and there and frames > 10
                for viewer in (*gone, *back):
                    await viewer.close()
    record_fault(
        FaultRow(
            10,
            f"{number} of {number + 1} viewers vanish without a word, all places taken",
            f"{whep.SILENT_S:g} s later their places are given to others; who watches is not disturbed",
            None,
            recover_s,
            f"nothing; the one who stayed saw {frames / recover_s:.0f} pictures a second",
            held=held,
        )
    )


async def test_viewer_who_vanished_gives_his_place_and_one_who_watches_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(max_viewers=2) as door:
        with pushing(door.stream):
            async with watching(door) as stays:
                await stays.picture()
                refused = Viewer()
                (gone,) = await left_to_vanish(door, 1)
                assert (await refused.join(door)).status_code == 503, "both watch"
                await refused.close()
                vanish(gone)
                monkeypatch.setattr(whep, "SILENT_S", 2.5)  # players report each second, at most 1.5
                comes = await joined_in_the_end(door)
                await stays.picture()
                assert door.stream.num_viewers == 2
                for viewer in (gone, comes):
                    await viewer.close()


@pytest.mark.slow
async def test_five_hundred_viewers_who_come_and_go_leave_nothing() -> None:
    process = psutil.Process()

    def held() -> tuple[int, int]:
        return process.num_threads(), process.num_fds()

    async def come_and_go(door: Door, number: int) -> None:
        viewer = Viewer("VP8" if number % 4 == 0 else "H264")
        try:
            answer = await viewer.join(door)
            assert answer.status_code == 201, answer.text
            await viewer.picture()
            if number % 3 == 0:
                await door.http.delete(viewer.location)
        finally:
            await viewer.close()

    async with opened(max_viewers=4 * AT_ONCE) as door:
        with pushing(door.stream):
            async with watching(door) as stays:
                with taking(stays) as (pictures,):
                    await pictures.wait(0.0, 5)
                    for begun in range(0, WARM_CONNECTS, AT_ONCE):
                        await asyncio.gather(*(come_and_go(door, begun + one) for one in range(AT_ONCE)))
                    gc.collect()
                    before, before_bytes = held(), process.memory_info().rss
                    began_s = time.monotonic()
                    for begun in range(0, CONNECTS, AT_ONCE):
                        await asyncio.gather(*(come_and_go(door, begun + one) for one in range(AT_ONCE)))
                    ended_s = time.monotonic()
                    gc.collect()
                    there = stays.pc.connectionState
                    await until(lambda: door.stream.num_viewers <= 1, 60)
                    recover_s = time.monotonic() - ended_s
                    await until(lambda: held() <= (before[0] + 1, before[1] + 3), 20)
                    grown_mib = (process.memory_info().rss - before_bytes) / 2**20
                    longest_s = max(
                        after - before_
                        for before_, after in zip(pictures.came_s, pictures.came_s[1:], strict=False)
                        if began_s <= after
                    )
    after = held()
    record_fault(
        FaultRow(
            10,
            f"{CONNECTS} viewers connect and disconnect, {AT_ONCE} at a time, a third of them in order",
            "each sees a picture; places, threads, descriptors and memory are what they were",
            None,
            recover_s,
            f"nothing: {after[0] - before[0]:+d} threads, {after[1] - before[1]:+d} descriptors, "
            f"{grown_mib:+.0f} MiB, the players in this process included; the longest pause of one who "
            f"stayed, {there}, was {longest_s:.1f} s",
            held=grown_mib < 40 and longest_s < 5 and there == "connected",
        )
    )


@pytest.mark.slow
async def test_storm_of_keyframe_requests_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keyframes = keyframes_made(monkeypatch)
    async with opened(keyframe_interval_s=60) as door:
        with pushing(door.stream):
            async with watching(door) as other, watching(door) as stormy:
                with taking(other, stormy) as (pictures, of_stormy):
                    await pictures.wait(0.0, 5)
                    await of_stormy.wait(0.0, 5)
                    usual = await rate(pictures)
                    before = len(keyframes)
                    stop_s = time.monotonic() + STORM_S
                    (ssrc,) = stormy.receiver._RTCRtpReceiver__remote_streams
                    asked = 0
                    while time.monotonic() < stop_s:
                        await stormy.receiver._send_rtcp_pli(ssrc)
                        asked += 1
                        await asyncio.sleep(1 / STORM_A_SECOND)
                    seen = pictures.number(stop_s - STORM_S, stop_s) / STORM_S
                    recover_s = await pictures.wait(time.monotonic())
                    met = len(keyframes) - before
    record_fault(
        FaultRow(
            11,
            "a viewer asks for a keyframe with every picture, and more often",
            "the encode makes one each two seconds for him at most; the others keep their rate",
            None,
            recover_s,
            f"nothing: {asked} requests became {met} keyframes; beside it {seen:.0f} of {usual:.0f} "
            "pictures a second",
            held=met <= 3 + STORM_S / 2 + 1 and seen > 0.7 * usual,
        )
    )


def keyframes_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pts of every keyframe that the encoder makes from now on."""
    made: list[int] = []
    encode = Encoder.encode

    def noting(encoder: Encoder, picture: Any, pts: int, *, keyframe: bool) -> Any:
        encoded = encode(encoder, picture, pts, keyframe=keyframe)
        if encoded.is_keyframe:
            made.append(pts)
        return encoded

    monkeypatch.setattr(Encoder, "encode", noting)
    return made


async def rate(pictures: Pictures, seconds: float = 2.0) -> float:
    """Pictures a second over a while from now."""
    begun_s = time.monotonic()
    await asyncio.sleep(seconds)
    return pictures.number(begun_s, begun_s + seconds) / seconds


@asynccontextmanager
async def watching_through_proxy(door: Door) -> AsyncIterator[tuple[Viewer, UdpProxy]]:
    viewer, proxy = Viewer(), None
    try:
        answer = await door.post(without_candidates(await viewer.offer()))
        assert answer.status_code == 201, answer.text
        text, proxy = through_proxy(answer.text)
        await viewer.pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        yield viewer, proxy
    finally:
        await viewer.close()
        if proxy is not None:
            proxy.close()


@pytest.mark.slow
async def test_viewer_whose_network_loses_packets_costs_the_others_nothing() -> None:
    async with opened() as door:
        with pushing(door.stream):
            async with (
                watching(door) as one,
                watching(door) as two,
                watching_through_proxy(door) as (lossy, proxy),
            ):
                with taking(one, two, lossy) as (pictures, _, of_lossy):
                    await pictures.wait(0.0, 5)
                    await of_lossy.wait(0.0, 5)
                    usual, usual_kbps = await rate(pictures), bitrate_kbps(door)
                    began_s, proxy.loss = time.monotonic(), LOSS
                    await until(lambda: told_loss(door), 30)
                    detect_s = time.monotonic() - began_s
                    await asyncio.sleep(STORM_S)
                    ended_s, proxy.loss = time.monotonic(), 0.0
                    seen = pictures.number(began_s, ended_s) / (ended_s - began_s)
                    kbps = bitrate_kbps(door)
                    his = of_lossy.number(began_s, ended_s)
                    recover_s = await of_lossy.wait(ended_s)
                    is_lossy = proxy.num_lost > 20
    record_fault(
        FaultRow(
            11,
            f"the network of one viewer loses {100 * LOSS:.0f} % of his packets",
            "`GET /streams/NAME/encodes` tells his loss; others keep their rate, and over half their bits",
            detect_s,
            recover_s,
            f"his own pictures, of which {his} came in {ended_s - began_s:.0f} s; beside it {seen:.0f} of "
            f"{usual:.0f} a second, {kbps:.0f} of {usual_kbps:.0f} kbit/s",
            held=is_lossy and seen > 0.7 * usual and kbps > 0.5 * usual_kbps,
            timeout_s=5.0,
        )
    )


def told_loss(door: Door) -> bool:
    """What `GET /streams/cam/encodes` shows."""
    return any(viewer.loss > LOSS / 3 for encode in door.stream.encodes() for viewer in encode.viewers)


def bitrate_kbps(door: Door) -> int:
    return max(encode.bitrate_kbps for encode in door.stream.encodes())
