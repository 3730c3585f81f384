"""WebRTC viewers in a process of their own, commanded by lines on standard input.

    python -m bench.viewer_crowd http://127.0.0.1:8080/streams/cam/whep

`watch N`: so many watch from now on; `cycle N`: so many come, see a picture and leave, one after the other.
Each is answered by a line when it is so.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from urllib.parse import urljoin

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

PICTURE_TIMEOUT_S = 30.0


class Viewer:
    """One player."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._receiver = self.connection.addTransceiver("video", direction="recvonly").receiver
        self._session = ""
        self._task: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Watch until `leave`; returns after the first picture."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await self._http.post(
            self._url,
            content=self.connection.localDescription.sdp,
            headers={"Content-Type": "application/sdp"},
        )
        answer.raise_for_status()
        self._session = urljoin(self._url, answer.headers["location"])
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await asyncio.wait_for(self._receiver.track.recv(), PICTURE_TIMEOUT_S)
        self._task = asyncio.get_running_loop().create_task(_drain(self._receiver.track))

    async def leave(self) -> None:
        """Hang up."""
        await self._http.delete(self._session)
        await self.close()

    async def close(self) -> None:
        """Go, without a word to the server over HTTP."""
        if self._task is not None:
            self._task.cancel()
        await self.connection.close()


async def _drain(track: Any) -> None:
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return


async def obey(url: str) -> None:
    """Carry out commands until the input ends."""
    watching: list[Viewer] = []
    async with httpx.AsyncClient(timeout=PICTURE_TIMEOUT_S) as http:
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, number = line.split()
            if what == "cycle":
                for _ in range(int(number)):
                    viewer = Viewer(http, url)
                    await viewer.join()
                    await viewer.leave()
            while what == "watch" and len(watching) > int(number):
                await watching.pop().leave()
            while what == "watch" and len(watching) < int(number):
                watching.append(Viewer(http, url))
                await watching[-1].join()
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(obey(sys.argv[1]))
