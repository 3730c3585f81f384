"""An object is followed by a camera that turns, over SOAP and HTTP. Time is the test's own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction

import numpy as np
import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import PtzConfig
from streamtrack.errors import UnknownObjectError
from streamtrack.frame import (
    Event,
    EventKind,
    Frame,
    FrameResult,
    ObjectMask,
    ObjectState,
    StageTimes,
    Update,
)
from streamtrack.ptz.controller import Aim
from streamtrack.ptz.desk import PtzDesk
from streamtrack.ptz.onvif_mount import OnvifMount
from tests.support.onvif_server import PASSWORD, USER, OnvifCamera, onvif_server
from tests.support.ptz_camera import TurningCamera
from tests.support.video import until

FPS = 10
WALKER = 7


class Scene:
    """A camera, its motors' services, and the desk that is told what the camera sees."""

    def __init__(self, **config: object) -> None:
        self.clock = FakeClock()
        self.camera = TurningCamera(latency_ms=200, radius=0.05)
        self.onvif = OnvifCamera(self.camera)
        self.config = {"user": USER, "password": PASSWORD, "latency_ms": 200, "size": None, **config}
        self.events: list[Event] = []
        self.index = 0
        self.server = AsyncExitStack()

    async def start(self) -> None:
        await self.server.enter_async_context(onvif_server(self.onvif))
        settings = PtzConfig.model_validate({"host": "127.0.0.1", "port": self.onvif.port, **self.config})
        self.desk = PtzDesk("cam", settings, OnvifMount(settings), self.events.append, self.clock)
        self.desk.start()

    async def frame(
        self, state: ObjectState = ObjectState.TRACKING, *, events: tuple[Event, ...] = ()
    ) -> None:
        """Show a frame, let the camera be told what follows of it, and let time pass."""
        now_ns = self.clock.monotonic_ns()
        mask = self.camera.mask() if state is ObjectState.TRACKING else np.zeros_like(self.camera.mask())
        frame = Frame(
            self.camera.picture(), self.index, None, Fraction(1, 90_000), now_ns, self.clock.wall_ns()
        )
        item = ObjectMask.from_mask(mask, WALKER, state=state)
        result = FrameResult(self.index, frame, {WALKER: item}, StageTimes(capture_ns=now_ns))
        self.index += 1
        self.desk.take(Update("cam", result, events=events))
        if self.desk.status().camera_online:
            assert await asyncio.to_thread(self.desk.settle, 20)
        self.clock.advance_ms(1000 / FPS)
        self.camera.pass_time(1 / FPS)

    async def run(
        self, seconds: float, state: ObjectState = ObjectState.TRACKING, speed: float = 0.0
    ) -> list[float]:
        """How far the object is from the middle on each frame, in halves of the picture."""
        offsets = []
        for _ in range(int(seconds * FPS)):
            self.camera.object_x = 0.3 + speed * 4 * math.sin(self.index / FPS / 4)
            await self.frame(state)
            offsets.append(max(map(abs, self.camera.offset)))
        return offsets

    def told(self) -> list[dict[str, object]]:
        return [dict(event.detail) for event in self.events if event.kind is EventKind.PTZ]


@asynccontextmanager
async def scene(**config: object) -> AsyncIterator[Scene]:
    made = Scene(**config)
    await made.start()
    try:
        await until(lambda: made.desk.status().camera_online, 30)
        yield made
    finally:
        assert await asyncio.to_thread(made.desk.stop, 20)
        await made.server.aclose()


async def test_object_is_followed_lost_waited_for_at_home_and_found_again() -> None:
    async with scene(home_after_s=2) as one:
        await one.run(0.2)
        one.desk.follow(WALKER)
        offsets = await one.run(12, speed=0.1)
        assert max(offsets[3 * FPS :]) < 1 / 3
        still = await one.run(6)
        assert max(still[-10:]) < 0.15
        before = one.onvif.asked.count("ContinuousMove")
        await one.run(3)
        assert one.onvif.asked.count("ContinuousMove") == before, "a still object moves nothing"
        await one.run(1.5, ObjectState.LOST)
        assert (one.desk.status().state, one.camera.moved_to_home) == ("searching", 0)
        await one.run(3, ObjectState.LOST)
        assert (one.desk.status().state, one.camera.moved_to_home) == ("home", 1)
        await one.run(0.5)
        assert one.desk.status().state == "following"
        states = [detail["state"] for detail in one.told() if "state" in detail]
        assert states == ["following", "searching", "home", "following"]
        one.desk.release()
        assert (one.desk.status().state, one.desk.status().object_id) == ("idle", None)


async def test_lost_connection_is_survived() -> None:
    async with scene(reconnect={"first_delay_ms": 50, "max_delay_ms": 100}, timeout_ms=1_000) as one:
        await one.run(0.2)
        one.desk.follow(WALKER)
        await one.run(1)
        await one.server.aclose()
        one.camera.object_x = -0.3  # something to move for
        await until_async(one, lambda: not one.desk.status().camera_online)
        assert "onvif 127.0.0.1:" in str(one.desk.status().trouble)
        await one.server.enter_async_context(onvif_server(one.onvif))
        await until(lambda: one.desk.status().camera_online, 30)
        offsets = await one.run(5)
        assert offsets[-1] < 0.15
        assert [detail["camera_online"] for detail in one.told() if "camera_online" in detail] == [
            True,
            False,
            True,
        ]


async def until_async(one: Scene, what: object) -> None:
    """Frames go on until something is so."""
    async with asyncio.timeout(30):
        while not what():  # type: ignore[operator]
            mask = one.camera.mask()
            frame = Frame(
                one.camera.picture(), one.index, None, Fraction(1, 90_000), one.clock.monotonic_ns(), 0
            )
            item = ObjectMask.from_mask(mask, WALKER)
            one.desk.take(Update("cam", FrameResult(one.index, frame, {WALKER: item}, StageTimes())))
            one.index += 1
            one.clock.advance_ms(1000 / FPS)
            await asyncio.sleep(0.02)


async def test_hand_moves_the_camera_and_following_goes_on_later() -> None:
    async with scene(manual_hold_s=1, invert_pan=True) as one:
        await one.run(0.2)
        one.desk.follow(WALKER)
        one.desk.move(Aim(pan=-0.5), 0.4)
        await one.run(1)
        assert one.desk.status().state == "manual"
        assert one.camera.x == pytest.approx(0.2, abs=0.08), "half of the speed for 0.4 s, mirrored"
        await one.run(0.5)
        assert one.desk.status().state == "following"


async def test_camera_stands_still_when_nobody_tells_it_more() -> None:
    async with scene() as one:
        await one.run(0.2)
        one.desk.follow(WALKER)
        await one.run(0.5)
        assert one.onvif.asked[-1] == "ContinuousMove"
        one.clock.advance_ms(1_000)  # no frame comes any more
        assert await asyncio.to_thread(one.desk.settle, 20)
        assert one.onvif.asked[-1] == "Stop"
        await one.run(0.5)
        assert one.onvif.asked[-1] == "ContinuousMove"
        assert await asyncio.to_thread(one.desk.stop, 20)
        assert one.onvif.asked[-1] == "Stop"


async def test_home_is_a_preset_and_added_objects_are_followed() -> None:
    async with scene(home="gate", follow="added") as one:
        await one.frame(events=(Event(EventKind.ADDED, 0, WALKER),))
        assert one.desk.status().object_id == WALKER
        one.desk.go_home()
        assert await asyncio.to_thread(one.desk.settle, 20)
        assert one.onvif.asked[-1] == "GotoPreset"
        assert one.desk.status().object_id is None


async def test_unknown_object_and_wrong_password_are_told_in_one_line() -> None:
    one = Scene(password="not the one", timeout_ms=2_000)
    await one.start()
    try:
        await one.frame()
        with pytest.raises(UnknownObjectError):
            one.desk.follow(8)
        await until(lambda: one.desk.status().trouble is not None, 30)
        status = one.desk.status()
        assert not status.camera_online
        assert str(status.trouble).startswith("onvif 127.0.0.1:")
        assert "not the one" not in str(status.trouble)
        assert (status.next_try_in_s or 0) > 10, "an account is not locked by asking again and again"
    finally:
        assert await asyncio.to_thread(one.desk.stop, 20)
        await one.server.aclose()
