"""The product's own server with cameras that a test can unplug, and what a test asks beside the page."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from streamtrack.config import Config, HttpConfig, ReconnectConfig, SourceConfig, StreamConfig, TrackingConfig
from streamtrack.config import VideoConfig as Video
from streamtrack.consumer import Consumer
from streamtrack.frame import Image, Update
from streamtrack.server import Server
from tests.support import servers
from tests.support.camera import DISCS, RADIUS, Camera, scene
from tests.support.pipelines import stream_config
from tests.support.video import read_code, until

SOON = ReconnectConfig(first_delay_ms=200, max_delay_ms=400)
"""A test does not wait for a camera as long as an operator's network would like."""


@dataclass
class PageServer:
    """A running server and its cameras, by stream."""

    config: Config
    cameras: Mapping[str, Camera]
    url: str = ""
    token: str | None = None
    pictures: dict[str, dict[int, int]] = field(default_factory=dict)
    """By stream and frame_idx: the number that the camera wrote into the picture."""
    _running: ExitStack = field(default_factory=ExitStack)
    _server: Server | None = None

    def start(self) -> None:
        """Start, or start again on the same port."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        config = self.config.model_copy(update={"http": self.config.http.model_copy(update={"port": port})})
        self._server = self._running.enter_context(servers.serving(config))
        self.url = self._server.http_address
        for name in self.cameras:
            numbers = self.pictures[name] = {}
            self._server.streams.pipelines[name].attach(PictureNumbers(numbers), capacity=64)

    def stop(self) -> None:
        """As an operator would; may be called again."""
        self._running.close()

    def hold(self, seconds: float) -> None:
        """Let the server be silent for a while, as one whose network was cut; its connections stay."""
        silent = threading.Event()

        def block_the_loop() -> None:
            silent.set()
            time.sleep(seconds)

        self._loop.call_soon_threadsafe(block_the_loop)
        assert silent.wait(10), "the silence did not begin"

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = self._video(next(iter(self.cameras)))._loop
        assert isinstance(loop, asyncio.AbstractEventLoop)
        return loop

    def api(self) -> httpx.AsyncClient:
        """An operator beside the page."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.AsyncClient(base_url=self.url, timeout=20, headers=headers)

    async def status(self, stream: str = "cam") -> Any:
        async with self.api() as api:
            return (await api.get(f"/streams/{stream}")).json()

    async def follow(self, disc: str, label: str = "", stream: str = "cam") -> int:
        """Box a disc; its object's id."""
        x, y = DISCS[disc]
        box = [x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS]
        async with self.api() as api:
            answer = await api.post(f"/streams/{stream}/objects", json={"box": box, "label": label})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["object_id"])

    async def tidy(self) -> None:
        """Every camera delivers, nothing is paused and nothing followed."""
        for camera in self.cameras.values():
            camera.hidden = frozenset()
            camera.plug_in()
        async with self.api() as api:
            for name in self.cameras:
                for found in (await api.get(f"/streams/{name}/objects")).json():
                    await api.delete(f"/streams/{name}/objects/{found['object_id']}")
                await api.post(f"/streams/{name}/resume")
        await until(lambda: all(self._pipeline(name).state == "online" for name in self.cameras), 20)

    async def picture_of(self, frame_idx: int, stream: str = "cam") -> int:
        """The number that the camera wrote into a tracked frame's picture."""
        numbers = self.pictures[stream]
        await until(lambda: frame_idx in numbers, 5)
        return numbers[frame_idx]

    def attach(self, consumer: Consumer, stream: str = "cam") -> None:
        """Have a consumer told everything of a stream, until the server stops."""
        self._pipeline(stream).attach(consumer, capacity=64)

    def num_viewers(self, stream: str = "cam") -> int:
        return int(self._video(stream).num_viewers)

    def break_viewers(self, how: Callable[[Any], None], stream: str = "cam") -> None:
        """Do something to each viewer's queue of packets."""
        for queue in tuple(self._video(stream)._viewers._queues):
            how(queue)

    def _video(self, name: str) -> Any:
        assert self._server is not None
        return self._server.streams.videos[name]

    def _pipeline(self, name: str) -> Any:
        assert self._server is not None
        return self._server.streams.pipelines[name]


@dataclass
class PictureNumbers:
    """A consumer that reads which picture of the camera each tracked frame is."""

    numbers: dict[int, int]
    name: str = "numbers"

    def take(self, update: Update) -> None:
        if update.result is not None:
            self.numbers[update.result.frame_idx] = read_code(update.result.frame.image)

    def close(self) -> None:
        pass


def camera_stream(
    name: str, camera: Camera, *, ice_addresses: tuple[str, ...] = ("127.0.0.1",)
) -> StreamConfig:
    return StreamConfig(
        name=name,
        source=SourceConfig(url=camera.url, reconnect=SOON, open_timeout_ms=2000),
        video=Video(ice_addresses=ice_addresses),
        # The page is tested, not what a network of its size finds in a window.
        tracking=TrackingConfig(max_objects=3, lost_after_ms=600, window="off"),
    )


@asynccontextmanager
async def serving(
    *names: str,
    token: str | None = None,
    fps: float = 4,
    draw: Callable[[int, Collection[str]], Image] = scene,
    clips: Mapping[str, str] | None = None,
    addresses: Mapping[str, tuple[str, ...]] | None = None,
    **http: Any,
) -> AsyncIterator[PageServer]:
    """A server with a camera for each of these streams.

    Args:
        draw: what each camera shows, by the number of its picture.
        clips: more streams, by name: recordings that come to their end.
        addresses: by stream, what WebRTC offers where it is not this machine's loopback address.
    """
    cameras = {name: Camera(fps, draw) for name in names or ("cam",)}
    offered = addresses or {}
    streams = [
        camera_stream(name, camera, ice_addresses=offered.get(name, ("127.0.0.1",)))
        for name, camera in cameras.items()
    ]
    streams += [stream_config(url, name, autoprompt=None) for name, url in (clips or {}).items()]
    section = HttpConfig(port=0, token=token, **http)
    server = PageServer(servers.server_config(*streams, http=section), cameras, token=token)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.to_thread(server.stop)
        for camera in cameras.values():
            camera.unplug()
