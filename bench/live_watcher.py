"""Everyone who watches a live server, in a process of their own: WHEP viewers (aiortc) and mask subscribers.

    python -m bench.live_watcher '{"http": "http://127.0.0.1:8080", "masks": "tcp://127.0.0.1:5555", ...}'

Prints `watching` once every viewer has had a picture, collects until a line comes on stdin, then prints one
JSON line: the stamps of every masks message and the arrival of every picture at every viewer. A picture has
arrived when the last packet of it has; aiortc's own decoder hands it on one picture later.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from streamtrack.client import MaskSubscriber

SOON_S = 60.0


@dataclass
class Viewer:
    """A WHEP player that takes note of when each picture came."""

    stream: str
    arrivals: dict[int, int] = field(default_factory=dict)
    """RTP timestamp to monotonic nanoseconds of the picture's last packet."""
    decoded: int = 0
    session_url: str = ""

    async def play(self, api: httpx.AsyncClient) -> None:
        """Join and take pictures, for ever."""
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = connection.addTransceiver("video", direction="recvonly")
        codecs = RTCRtpReceiver.getCapabilities("video").codecs
        transceiver.setCodecPreferences([one for one in codecs if one.name in ("H264", "rtx")])
        receiver = transceiver.receiver
        take = receiver._handle_rtp_packet

        async def note(packet: Any, arrival_time_ms: int) -> None:
            if packet.marker:
                self.arrivals.setdefault(packet.timestamp, time.monotonic_ns())
            await take(packet, arrival_time_ms)

        receiver._handle_rtp_packet = note
        await connection.setLocalDescription(await connection.createOffer())
        answer = await self._join(api, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        while True:
            try:
                await receiver.track.recv()
            except MediaStreamError:
                return
            self.decoded += 1

    async def _join(self, api: httpx.AsyncClient, offer: str) -> str:
        headers = {"Content-Type": "application/sdp"}
        deadline = time.monotonic() + SOON_S
        while True:
            answer = await api.post(f"/streams/{self.stream}/whep", content=offer, headers=headers)
            if answer.status_code == 201:
                self.session_url = answer.headers["Location"]
                return answer.text
            if time.monotonic() > deadline:
                raise RuntimeError(f"viewer refused: {answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(0.2)

    async def frames(self, api: httpx.AsyncClient, since_ns: int) -> list[tuple[int, int]]:
        """frame_idx and arrival of every picture that came since then."""
        found = []
        for timestamp, arrived_ns in tuple(self.arrivals.items()):  # pictures still come
            if arrived_ns >= since_ns:
                answer = await api.get(f"{self.session_url}/frame", params={"rtp_timestamp": timestamp})
                if answer.status_code == 200:
                    found.append((answer.json()["frame_idx"], arrived_ns))
        return found


class Subscriber(threading.Thread):
    """Takes note of every masks message of one stream."""

    def __init__(self, address: str, stream: str) -> None:
        super().__init__(name=f"subscriber-{stream}", daemon=True)
        self._address, self._stream = address, stream
        self.stamps: list[dict[str, int]] = []

    def run(self) -> None:
        """Until the process ends."""
        with MaskSubscriber(self._address, stream=self._stream) as messages:
            for message in messages:
                self.stamps.append(
                    {
                        "frame_idx": message.frame_idx,
                        "capture_ns": message.capture_monotonic_ns,
                        "track_start_ns": message.track_start_monotonic_ns,
                        "track_end_ns": message.track_end_monotonic_ns,
                        "publish_ns": message.publish_monotonic_ns,
                        "received_ns": time.monotonic_ns(),
                    }
                )


async def watch(options: dict[str, Any]) -> None:
    """Watch until told to stop, then tell."""
    subscribers = [Subscriber(options["masks"], stream) for stream in options["streams"]]
    for subscriber in subscribers:
        subscriber.start()
    names = options["streams"]
    viewers = [Viewer(names[number % len(names)]) for number in range(options["viewers"])]
    async with httpx.AsyncClient(base_url=options["http"], timeout=30) as api:
        tasks = [asyncio.create_task(viewer.play(api)) for viewer in viewers]
        deadline = time.monotonic() + SOON_S
        while not all(viewer.decoded for viewer in viewers) or not all(one.stamps for one in subscribers):
            for task in tasks:
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                raise RuntimeError("not everyone had a picture in time")
            await asyncio.sleep(0.05)
        print("watching", flush=True)
        since_ns = time.monotonic_ns()
        cpu_s = time.process_time()
        await asyncio.to_thread(sys.stdin.readline)
        cpu_s = time.process_time() - cpu_s
        seen = [{"stream": one.stream, "frames": await one.frames(api, since_ns)} for one in viewers]
    stamps = {
        name: [stamp for stamp in one.stamps if stamp["capture_ns"] >= since_ns]
        for name, one in zip(names, subscribers, strict=True)
    }
    print(json.dumps({"messages": stamps, "viewers": seen, "cpu_s": cpu_s}), flush=True)


if __name__ == "__main__":
    asyncio.run(watch(json.loads(sys.argv[1])))
