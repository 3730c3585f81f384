"""Packets that wait for one viewer."""

from __future__ import annotations

import asyncio
import threading

import av
import pytest

from streamtrack.video.encoder import EncodedPicture, VideoCodec
from streamtrack.video.packet_queue import PacketQueue, ViewerGone

H264 = VideoCodec.H264


def packet(number: int, *, keyframe: bool = False) -> EncodedPicture:
    made = av.Packet(b"x")
    made.pts = number
    return EncodedPicture(made, keyframe)


async def ready_queue(capacity: int) -> tuple[PacketQueue, list[str]]:
    starved: list[str] = []
    queue = PacketQueue(H264, capacity, asyncio.get_running_loop(), lambda: starved.append("keyframe"))
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.offer(packet(0, keyframe=True))
    assert (await waiting).pts == 0
    return queue, starved


async def test_viewer_that_connects_is_sent_nothing_and_counts_nothing() -> None:
    queue = PacketQueue(H264, 2, asyncio.get_running_loop(), lambda: None)
    assert [queue.offer(packet(number, keyframe=number == 0)) for number in range(9)] == [0] * 9
    assert not queue.watching


async def test_new_viewer_asks_for_a_keyframe_and_starts_with_it() -> None:
    starved: list[str] = []
    queue = PacketQueue(H264, 4, asyncio.get_running_loop(), lambda: starved.append("keyframe"))
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert starved == ["keyframe"]
    assert [queue.offer(packet(1)), queue.offer(packet(2, keyframe=True)), queue.offer(packet(3))] == [
        0,
        0,
        0,
    ]
    assert (await waiting).pts == 2
    assert (await queue.get()).pts == 3


async def test_overflow_drops_the_whole_run_and_resumes_at_a_keyframe() -> None:
    queue, starved = await ready_queue(capacity=3)
    assert [queue.offer(packet(number)) for number in (1, 2, 3)] == [0, 0, 0]
    assert queue.offer(packet(4)) == 4
    assert starved == ["keyframe"] * 2
    assert queue.offer(packet(5)) == 0, "not a drop: the viewer waits for a keyframe"
    assert starved == ["keyframe"] * 2
    queue.offer(packet(6, keyframe=True))
    queue.offer(packet(7))
    assert [(await queue.get()).pts, (await queue.get()).pts] == [6, 7]


async def test_keyframe_into_a_full_queue_replaces_what_waits() -> None:
    queue, _ = await ready_queue(capacity=2)
    queue.offer(packet(1))
    queue.offer(packet(2))
    assert queue.offer(packet(3, keyframe=True)) == 2
    queue.offer(packet(4))
    assert [(await queue.get()).pts, (await queue.get()).pts] == [3, 4]


async def test_closed_queue_lets_its_reader_go() -> None:
    queue, _ = await ready_queue(capacity=2)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    threading.Thread(target=queue.close).start()
    with pytest.raises(ViewerGone):
        await asyncio.wait_for(waiting, 5)
    assert queue.offer(packet(9, keyframe=True)) == 0
