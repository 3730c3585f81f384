"""A moving scene whose every picture tells its own frame number, and a task that pushes it like a tracker
would."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import VideoConfig
from streamtrack.frame import BoolMask, Frame, FrameResult, Image, ObjectMask, ObjectState, StageTimes
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream

WIDTH, HEIGHT = 320, 192
CODE_BITS = 12
CODE_CELL_PX = 16
"""Bits of the frame number are black and white squares along the lower edge, large enough to survive any
codec."""
BACKGROUND = (90, 90, 90)
RADIUS_PX = 28


def disc(x: float, y: float, radius: float = RADIUS_PX, size: tuple[int, int] = (HEIGHT, WIDTH)) -> BoolMask:
    """(H, W) bool, a filled circle."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    mask: BoolMask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return mask


def centre(index: int) -> tuple[float, float]:
    """Where the object is on a frame."""
    return 60 + (index * 3) % 200, 80.0


def picture(index: int) -> Image:
    """(HEIGHT, WIDTH, 3) grey with the frame number in black and white."""
    image = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
    for bit in range(CODE_BITS):
        value = 235 if index >> bit & 1 else 16
        image[-CODE_CELL_PX:, bit * CODE_CELL_PX : (bit + 1) * CODE_CELL_PX] = value
    return image


def read_code(image: Image) -> int:
    """The frame number in a picture of the scene, of any size."""
    height, width = image.shape[:2]
    row = height - round(CODE_CELL_PX / 2 * height / HEIGHT)
    columns = [round((bit + 0.5) * CODE_CELL_PX * width / WIDTH) for bit in range(CODE_BITS)]
    return sum(1 << bit for bit, column in enumerate(columns) if image[row, column].mean() > 125)


def result(
    index: int, objects: dict[int, ObjectMask] | None = None, *, image: Image | None = None
) -> FrameResult:
    """A tracked frame, captured now, with the moving disc as object 1 unless told otherwise."""
    if objects is None:
        objects = {1: ObjectMask.from_mask(disc(*centre(index)), 1, label="disc")}
    now_ns = SYSTEM_CLOCK.monotonic_ns()
    image = picture(index) if image is None else image
    frame = Frame(image, index, None, Fraction(1, 90_000), now_ns, SYSTEM_CLOCK.wall_ns())
    return FrameResult(index, frame, objects, StageTimes(capture_ns=now_ns))


def absent(object_id: int, state: ObjectState, label: str = "") -> ObjectMask:
    """An object without a mask."""
    return ObjectMask.from_mask(np.zeros((HEIGHT, WIDTH), np.bool_), object_id, label=label, state=state)


def video_config(**changes: object) -> VideoConfig:
    """Loopback only, otherwise as shipped."""
    return VideoConfig.model_validate({"ice_addresses": ("127.0.0.1",), **changes})


def dropped(telemetry: Telemetry, reason: str) -> float:
    """How often a reason was counted for stream cam."""
    return float(
        telemetry.registry.get_sample_value(
            "streamtrack_frames_dropped_total", {"stream": "cam", "reason": reason}
        )
        or 0.0
    )


async def until(what: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until something that another thread or task does is done."""
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110  what changes it knows no event
            await asyncio.sleep(0.01)


@contextmanager
def pushing(
    stream: VideoStream, fps: float = 30, make: Callable[[int], FrameResult] = result
) -> Iterator[None]:
    """Push frames 0, 1, 2, ... from a task while the context lasts."""

    async def push() -> None:
        for index in itertools.cycle(range(1 << CODE_BITS)):
            stream.push(make(index))
            await asyncio.sleep(1 / fps)

    task = asyncio.get_running_loop().create_task(push())
    try:
        yield
    finally:
        task.cancel()
