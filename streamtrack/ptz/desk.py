"""One stream's turning camera: whom it follows, who moves it by hand, where it waits when nobody is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import PtzConfig
from streamtrack.errors import UnknownObjectError
from streamtrack.frame import Event, EventKind, FrameResult, ObjectState, Update
from streamtrack.ptz.controller import STILL, Aim, Controller
from streamtrack.ptz.driver import Driver
from streamtrack.ptz.mount import Mount
from streamtrack.ptz.sight import sight_of

PtzState = Literal["idle", "following", "searching", "home", "manual"]

AIM_HOLDS_S = 0.8
"""Without a newer frame for so long the camera stands still: it would turn blindly."""
GONE = frozenset({ObjectState.LOST, ObjectState.OCCLUDED})


@dataclass(frozen=True, slots=True)
class PtzStatus:
    """A turning camera at one moment."""

    state: PtzState
    """idle (nobody is followed), following, searching (its object is gone), home (it is gone for good),
    manual (somebody moves it)."""
    object_id: int | None
    """Whom it follows; null: nobody."""
    camera_online: bool
    """Whether the camera's motors answer."""
    trouble: str | None
    """Why not, in one line without credentials."""
    next_try_in_s: float | None
    """Until it is asked again."""
    pan: float
    """What is wanted of it at this moment, -1 to 1."""
    tilt: float
    zoom: float


class PtzDesk:
    """A consumer of updates. Any thread may call the public methods."""

    name = "ptz"

    def __init__(
        self,
        stream: str,
        config: PtzConfig,
        mount: Mount,
        tell: Callable[[Event], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._stream = stream
        self._config = config
        self._tell = tell
        self._clock = clock
        self._lock = threading.RLock()
        self._driver = Driver(stream, config, mount, clock, self._on_link)
        self._controller: Controller | None = None
        self._aspect = 0.0
        self._newest: FrameResult | None = None
        self._object_id: int | None = None
        self._state: PtzState = "idle"
        self._aim = STILL
        self._gone_since_ns: int | None = None
        self._manual_until_ns = 0

    def start(self) -> None:
        """Start to connect to the camera. Once in a lifetime."""
        self._driver.start()

    def stop(self, timeout_s: float) -> bool:
        """Let the camera stand still and end."""
        return self._driver.stop(timeout_s)

    def settle(self, timeout_s: float) -> bool:
        """Wait until the camera was told the newest; False where it was not in time."""
        return self._driver.settle(timeout_s)

    # what is asked for

    def follow(self, object_id: int) -> None:
        """Keep an object in the middle and at its size.

        Raises:
            UnknownObjectError: it is not among those of the newest frame.
        """
        with self._lock:
            known = [] if self._newest is None else sorted(self._newest.objects)
            if object_id not in known:
                raise UnknownObjectError(self._stream, object_id, known)
            self._object_id, self._gone_since_ns, self._manual_until_ns = object_id, None, 0
            self._forget()
            self._enter("following")

    def resume(self, object_id: int) -> None:
        """Go on with an object that was followed before a restart; it is searched until it is seen. Before
        `start`."""
        with self._lock:
            self._object_id = object_id

    def release(self) -> None:
        """Follow nobody, and stand still."""
        with self._lock:
            self._object_id = None
            self._forget()
            self._want(STILL, 0)
            self._enter("idle")

    def go_home(self) -> None:
        """Follow nobody, and turn to the home position."""
        with self._lock:
            self._object_id = None
            self._forget()
            self._driver.go_home()
            self._enter("idle")

    def move(self, aim: Aim, seconds: float) -> None:
        """Move by hand for a while; following goes on `manual_hold_s` after that."""
        with self._lock:
            hold_ns = int((seconds + self._config.manual_hold_s) * NS_PER_S)
            self._manual_until_ns = self._clock.monotonic_ns() + hold_ns
            self._forget()
            self._want(aim, seconds)
            self._enter("manual")

    def status(self) -> PtzStatus:
        """The camera at this moment."""
        with self._lock:
            driver, aim = self._driver, self._aim
            return PtzStatus(
                self._state_now(),
                self._object_id,
                driver.online,
                driver.trouble,
                driver.next_try_in_s,
                aim.pan,
                aim.tilt,
                aim.zoom,
            )

    # what is seen

    def take(self, update: Update) -> None:
        """Turn after the object of a newer frame."""
        result = update.result
        if result is None or update.revises:
            return
        with self._lock:
            self._newest = result
            if self._config.follow == "added":
                added = [event.object_id for event in update.events if event.kind is EventKind.ADDED]
                if added and added[-1] in result.objects:
                    self.follow(int(added[-1] or 0))
            if self._object_id is None or self._state_now() == "manual":
                return
            item = result.objects.get(self._object_id)
            if item is None or item.area_px == 0 or item.state in GONE:
                self._search()
                return
            self._gone_since_ns = None
            self._enter("following")
            controller = self._controller_for(result)
            controller.see(sight_of(item, result.frame.capture_monotonic_ns))
            self._want(controller.aim(self._clock.monotonic_ns()), AIM_HOLDS_S)

    def close(self) -> None:
        """No frame will come any more; the camera stands still by itself."""
        self._driver.want(STILL, 0)

    def _search(self) -> None:
        """The object is gone: wait for it, then wait at home."""
        now_ns = self._clock.monotonic_ns()
        if self._gone_since_ns is None:
            self._gone_since_ns = now_ns
            self._forget()
            self._want(STILL, 0)
            self._enter("searching")
        elif self._state != "home" and now_ns - self._gone_since_ns >= self._config.home_after_s * NS_PER_S:
            self._driver.go_home()
            self._enter("home")

    def _controller_for(self, result: FrameResult) -> Controller:
        height, width = result.frame.image.shape[:2]
        if self._controller is None or self._aspect != width / height:
            self._aspect = width / height
            self._controller = Controller(self._config, self._aspect)
        return self._controller

    def _forget(self) -> None:
        if self._controller is not None:
            self._controller.forget()

    def _want(self, aim: Aim, for_s: float) -> None:
        self._aim = aim
        self._driver.want(aim, for_s)
        if self._controller is not None and aim is STILL:
            self._controller.told(self._clock.monotonic_ns(), aim)

    def _state_now(self) -> PtzState:
        """The state, in which a hand's hold has passed by itself."""
        if self._state == "manual" and self._clock.monotonic_ns() >= self._manual_until_ns:
            return "idle" if self._object_id is None else "following"
        return self._state

    def _enter(self, state: PtzState) -> None:
        if state == self._state:
            return
        self._state = state
        self._event({"state": state})

    def _on_link(self, online: bool, trouble: str) -> None:
        self._event({"camera_online": online, **({"reason": trouble} if trouble else {})})

    def _event(self, detail: dict[str, object]) -> None:
        newest = self._newest
        frame_idx = -1 if newest is None else newest.frame_idx
        self._tell(Event(EventKind.PTZ, frame_idx, self._object_id, detail))
