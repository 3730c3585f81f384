"""What happens to a server under soak: commands, cameras, faults, watchers. Each act tells how it ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from bench import soak_crowd
from bench.soak_cameras import MOODS, SCENE, MjpegCamera, RtspCamera
from bench.soak_record import Record
from bench.soak_server import KINDS
from streamtrack.client import Control
from streamtrack.errors import StreamTrackError
from streamtrack.scenes.scene import make_scene, prompts_from_masks

MAX_OBJECTS = 2
"""Of one stream; with more of them one goes."""
MAX_ADDED = 1
"""Cameras beside those of the config."""
MAX_WATCHERS = 8
WIDTH_PX, HEIGHT_PX = 640, 360
FAULT_S = (2.0, 12.0)
STEP_FAULT_S = {"raise": (0.5, 2.0), "memory": (0.5, 2.0), "nan": (1.0, 4.0), "hang": (3.0, 9.0)}

BOXES = [box for prompt in prompts_from_masks(make_scene(SCENE).render(0)[1]) if (box := prompt.box)]

Act = Callable[[random.Random], Awaitable[str]]


class Acts:
    """The acts, over one server."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        masks: str,
        control: str,
        spoil: Callable[[str, str, float], None],
        mjpeg: MjpegCamera,
        rtsp: RtspCamera | None,
        record: Record,
    ) -> None:
        self._http, self._masks, self._control = http, masks, control
        self._spoil, self._mjpeg, self._rtsp, self._record = spoil, mjpeg, rtsp, record
        self._base = str(http.base_url).rstrip("/")
        self._added: list[str] = []
        self._number = 0
        self.streams: list[str] = []
        self.watchers = 0

    def weighted(self) -> list[tuple[float, str, Act]]:
        """How often, in parts; its name; what it does."""
        return [
            (8, "object added over HTTP", self.add),
            (5, "object added over ZeroMQ", self.add_by_zmq),
            (5, "object corrected", self.correct),
            (5, "object removed", self.remove),
            (2, "object labelled", self.label),
            (2, "prompt taken back", self.undo),
            (1, "stream paused", self.pause),
            (0.7, "stream restarted", self.restart),
            (6, "WebRTC viewer", self.watch),
            (3, "MJPEG, SSE reader", self.read),
            (2, "reader that never reads", self.stall),
            (3, "WebSocket reader", self.follow_wire),
            (4, "ZeroMQ subscriber", self.subscribe),
            (5, "question", self.ask),
            (2, "nonsense", self.nonsense),
            (1.5, "camera added", self.add_camera),
            (1.5, "camera removed", self.remove_camera),
            (1.5, "MJPEG camera misbehaved", self.disturb_mjpeg),
            (1, "RTSP camera killed", self.kill_rtsp),
            (1.2, "step failed", self.spoil_steps),
        ]

    # -- objects -----------------------------------------------------------------------------------

    async def add(self, rng: random.Random, stream: str | None = None) -> str:
        stream = stream or rng.choice(self.streams)
        listed = await self._http.get(f"/streams/{stream}/objects")
        if listed.status_code == 200 and len(listed.json()) >= MAX_OBJECTS:
            return await self.remove(rng, stream)
        return await self._answered("POST", f"/streams/{stream}/objects", {"box": _box(rng)})

    async def add_by_zmq(self, rng: random.Random) -> str:
        stream, x, y = rng.choice(self.streams), rng.uniform(20, WIDTH_PX - 20), rng.uniform(20, 340)

        def ask() -> str:
            with Control(self._control, stream, timeout_ms=15_000) as control:
                known = control.list()
                if len(known) >= MAX_OBJECTS:
                    control.remove(rng.choice(known).object_id)
                    return "removed instead"
                control.add(points=[(x, y)], label="by ZeroMQ")
                return "added"

        try:
            return await asyncio.to_thread(ask)
        except StreamTrackError as error:
            return error.kind

    async def correct(self, rng: random.Random) -> str:
        point = [rng.uniform(20, WIDTH_PX - 20), rng.uniform(20, HEIGHT_PX - 20)]
        body = {"points": [point], "labels": [rng.randint(0, 1)]}
        return await self._to_object(rng, "POST", "/prompts", body)

    async def remove(self, rng: random.Random, stream: str | None = None) -> str:
        return await self._to_object(rng, "DELETE", "", None, stream)

    async def label(self, rng: random.Random) -> str:
        return await self._to_object(rng, "PATCH", "", {"label": f"number {rng.randint(0, 99)}"})

    async def undo(self, rng: random.Random) -> str:
        return await self._answered("POST", f"/streams/{rng.choice(self.streams)}/undo")

    async def _to_object(
        self, rng: random.Random, method: str, path: str, body: Any, stream: str | None = None
    ) -> str:
        stream = stream or rng.choice(self.streams)
        listed = await self._http.get(f"/streams/{stream}/objects")
        known = [one["object_id"] for one in listed.json()] if listed.status_code == 200 else []
        if not known:
            return "none there"
        if method == "DELETE" and len(known) == 1 and rng.random() < 0.8:
            return "the last one stays"  # a step without objects costs nothing, and shows nothing
        return await self._answered(method, f"/streams/{stream}/objects/{rng.choice(known)}{path}", body)

    # -- streams, cameras, faults ------------------------------------------------------------------

    async def pause(self, rng: random.Random) -> str:
        stream = rng.choice(self.streams)
        paused = await self._answered("POST", f"/streams/{stream}/pause")
        await asyncio.sleep(rng.uniform(0.5, 4))
        await self._answered("POST", f"/streams/{stream}/resume")
        return paused

    async def restart(self, rng: random.Random) -> str:
        return await self._answered("POST", f"/streams/{rng.choice(self.streams)}/restart")

    async def add_camera(self, rng: random.Random) -> str:
        if len(self._added) >= MAX_ADDED:
            return await self.remove_camera(rng)
        self._number += 1
        name = f"extra{self._number % 4}"
        source = {"url": rng.choice([self._mjpeg.url, "synthetic:demo?width=640&height=360&fps=1"])}
        if name in self._added:
            return "there already"
        self._added.append(name)
        told = await self._answered("POST", "/streams", {"name": name, "source": source})
        if told == "201":
            self.streams.append(name)
        else:
            self._added.remove(name)
        return told

    async def remove_camera(self, rng: random.Random) -> str:
        here = [name for name in self._added if name in self.streams]
        if not here:
            return "none there"
        name = rng.choice(here)
        self.streams.remove(name)
        told = await self._answered("DELETE", f"/streams/{name}")
        self._added.remove(name)
        return told

    async def disturb_mjpeg(self, rng: random.Random) -> str:
        if self._mjpeg.mood != "well":
            return "does so already"
        self._mjpeg.mood = rng.choice(MOODS)
        told = str(self._mjpeg.mood)
        await self._lasting(f"camera {told}", rng.uniform(*FAULT_S))
        self._mjpeg.mood = "well"
        return told

    async def kill_rtsp(self, rng: random.Random) -> str:
        if self._rtsp is None:
            return "there is none"
        self._rtsp.kill()
        await self._lasting("camera killed", rng.uniform(*FAULT_S))
        await asyncio.to_thread(self._rtsp.start)
        return "back"

    async def spoil_steps(self, rng: random.Random) -> str:
        stream, kind = rng.choice(self.streams), rng.choice(KINDS)
        seconds = rng.uniform(*STEP_FAULT_S[kind])
        self._spoil(stream, kind, seconds)
        await self._lasting(f"step {kind} in {stream}", seconds)
        return kind

    async def _lasting(self, what: str, seconds: float) -> None:
        begun_s = self._record.now_s
        self._record.faults.append((round(begun_s, 2), round(begun_s + seconds, 2), what))
        await asyncio.sleep(seconds)

    # -- who watches -------------------------------------------------------------------------------

    async def watch(self, rng: random.Random) -> str:
        url = f"{self._http.base_url}/streams/{rng.choice(self.streams)}/whep".replace(
            "//streams", "/streams"
        )
        return await self._watching(soak_crowd.watch(self._http, url, rng))

    async def read(self, rng: random.Random) -> str:
        path = f"/streams/{rng.choice(self.streams)}/{rng.choice(soak_crowd.READERS)}"
        return await self._watching(soak_crowd.read(self._http, path, rng))

    async def stall(self, rng: random.Random) -> str:
        path = f"/streams/{rng.choice(self.streams)}/{rng.choice(soak_crowd.READERS)}"
        return await self._watching(soak_crowd.stall(self._base + path, rng))

    async def follow_wire(self, rng: random.Random) -> str:
        base = self._base.replace("http", "ws", 1)
        return await self._watching(
            soak_crowd.follow_wire(f"{base}/streams/{rng.choice(self.streams)}/wire", rng)
        )

    async def subscribe(self, rng: random.Random) -> str:
        return await self._watching(soak_crowd.subscribe(self._masks, rng.choice(self.streams), rng))

    async def _watching(self, stay: Awaitable[str]) -> str:
        if self.watchers >= MAX_WATCHERS:
            stay.close()  # type: ignore[attr-defined]
            return "too many there"
        self.watchers += 1
        try:
            return await stay
        finally:
            self.watchers -= 1

    # -- questions ---------------------------------------------------------------------------------

    async def ask(self, rng: random.Random) -> str:
        stream = rng.choice(self.streams)
        of_stream = ("", "/masks", "/snapshot.jpg", "/masks?format=png", "/events", "/config", "/encodes")
        paths = [f"/streams/{stream}{path}" for path in of_stream]
        path = rng.choice([*paths, "/metrics", "/readyz", "/cameras", "/"])
        return await self._answered("GET", path, overload=path == "/readyz")

    async def nonsense(self, rng: random.Random) -> str:
        stream = rng.choice(self.streams)
        bodies: tuple[Any, ...] = (
            {"box": [5, 5, 1, 1]},
            {"points": []},
            {"box": "x"},
            {f"k{n}": n for n in range(99)},
            [],
        )
        path = rng.choice((f"/streams/{stream}/objects", "/streams/nowhere/objects", "/streams/test"))
        return await self._answered("POST", path, rng.choice(bodies))

    async def _answered(self, method: str, path: str, body: Any = None, *, overload: bool = False) -> str:
        """The status; one of 5xx that tells no overload is an error."""
        answer = await self._http.request(method, path, json=body)
        if answer.status_code >= 500 and not overload:
            kind = _kind_of(answer)
            if kind not in ("capacity", "busy"):
                self._record.errors[f"{method} {path.partition('?')[0]}: {answer.status_code} {kind}"] += 1
        return str(answer.status_code)


def _kind_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["kind"])
    except (ValueError, KeyError, TypeError):
        return "untold"


def _box(rng: random.Random) -> list[float]:
    """About where an object of the scene is now and then, or anywhere."""
    if rng.random() < 0.3:
        width, height = rng.uniform(30, 160), rng.uniform(30, 160)
        x0, y0 = rng.uniform(0, WIDTH_PX - width), rng.uniform(0, HEIGHT_PX - height)
        box = (x0, y0, x0 + width, y0 + height)
    else:
        box = rng.choice(BOXES)
    return [round(value, 1) for value in box]
