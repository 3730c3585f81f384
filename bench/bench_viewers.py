"""What viewers cost: the shared encode's CPU with one and with many, and what 200 of them leave behind.

    streamtrack bench viewers

Viewers are aiortc players in a process of their own. CPU is that of the thread that draws and encodes, for
each picture: on a busy machine fewer pictures are made, and each costs the same.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
from fastapi import FastAPI

from bench.environment import MEBIBYTE
from bench.report import make_parser, refuse, table, write_result
from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import VideoConfig
from streamtrack.frame import Frame, FrameResult, ObjectMask, StageTimes
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.video_routes import video_router
from streamtrack.http.web_server import WebServer, bind_http
from streamtrack.scenes.scene import make_scene
from streamtrack.telemetry import Telemetry
from streamtrack.video.stream import VideoStream

STREAM = "cam"
SCENE = "demo?width=640&height=360"
KEPT_FRAMES = 50
WARM_CYCLES = 40
"""Viewers before the first count: pools and caches have their size by then."""


class Crowd:
    """The process with the viewers."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.viewer_crowd", url],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def do(self, what: str, number: int) -> None:
        """Carry out one command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(what, number, file=self._process.stdin, flush=True)
        if await asyncio.to_thread(self._process.stdout.readline) != "done\n":
            refuse(f"the viewers' process ended during '{what} {number}'")

    def end(self) -> None:
        """Send everybody away."""
        self._process.kill()
        self._process.communicate()


def made_results() -> list[FrameResult]:
    """Frames of a scene with its objects, to be shown again and again."""
    scene = make_scene(SCENE)
    results = []
    for index in range(KEPT_FRAMES):
        image, masks = scene.render(index)
        frame = Frame(image, index, None, Fraction(1, 90_000), 0, 0)
        objects = {one: ObjectMask.from_mask(mask, one) for one, mask in masks.items()}
        results.append(FrameResult(index, frame, objects, StageTimes()))
    return results


async def show(stream: VideoStream, fps: float) -> None:
    """Push frames for ever."""
    kept, index = made_results(), 0
    while True:
        one = kept[index % len(kept)]
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        frame = Frame(one.frame.image, index, None, Fraction(1, 90_000), now_ns, SYSTEM_CLOCK.wall_ns())
        stream.push(FrameResult(index, frame, one.objects, one.times))
        index += 1
        await asyncio.sleep(1 / fps)


@asynccontextmanager
async def served(fps: float) -> AsyncIterator[tuple[VideoStream, Telemetry, str]]:
    """A stream that plays, and where to watch it."""
    telemetry = Telemetry()
    config = VideoConfig(ice_addresses=("127.0.0.1",), max_fps=fps)
    stream = VideoStream(STREAM, config, telemetry.stream(STREAM))
    stream.start(asyncio.get_running_loop())
    stream.set_online(True)
    app = FastAPI()
    app.include_router(video_router({STREAM: stream}))
    add_error_answers(app)
    listener = bind_http("127.0.0.1", 0)
    web = WebServer(app, listener)
    await web.start()
    showing = asyncio.create_task(show(stream, fps))
    try:
        yield stream, telemetry, f"http://127.0.0.1:{listener.getsockname()[1]}/streams/{STREAM}/whep"
    finally:
        if showing.done():
            showing.result()  # it never ends but by an error, which is told here
        showing.cancel()
        await stream.stop()
        await web.stop()


def encoder_cpu_ns() -> int:
    """CPU time of the thread that draws and encodes."""
    thread = next(one for one in threading.enumerate() if one.name == f"video-{STREAM}")
    assert thread.ident is not None
    return time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident))


def pictures(telemetry: Telemetry) -> float:
    """Pictures encoded so far, of either codec."""
    counts = [
        telemetry.registry.get_sample_value(
            "streamtrack_stage_seconds_count", {"stream": STREAM, "stage": f"encode_{codec}"}
        )
        for codec in ("h264", "vp8")
    ]
    return sum(count or 0.0 for count in counts)


async def measure_cpu(telemetry: Telemetry, seconds: float) -> dict[str, float]:
    """CPU of the encoder's thread and of the process over a while."""
    process = psutil.Process()
    start_ns, start_pictures = encoder_cpu_ns(), pictures(telemetry)
    start_all, start_s = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(seconds)
    made = pictures(telemetry) - start_pictures
    return {
        "encoder_ms_a_picture": (encoder_cpu_ns() - start_ns) / 1e6 / made,
        "pictures_a_second": made / (time.monotonic() - start_s),
        "process_ms_a_picture": 1000 * (sum(process.cpu_times()[:2]) - start_all) / made,
    }


def left_behind() -> dict[str, float]:
    """What the process holds at this moment."""
    process = psutil.Process()
    return {
        "threads": process.num_threads(),
        "descriptors": process.num_fds(),
        "resident_mib": process.memory_info().rss / MEBIBYTE,
    }


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both halves of the bench."""
    rounds: dict[int, list[dict[str, float]]] = {1: [], options.viewers: []}
    async with served(options.fps) as (stream, telemetry, url):
        crowd = Crowd(url)
        try:
            for _ in range(options.rounds):
                for viewers, kept in rounds.items():
                    await crowd.do("watch", viewers)
                    kept.append(await measure_cpu(telemetry, options.seconds))
            await crowd.do("watch", 0)
            await crowd.do("cycle", min(WARM_CYCLES, options.cycles))
            counts = [left_behind()]
            for _ in range(4):
                await crowd.do("cycle", options.cycles // 4)
                counts.append(left_behind())
            viewers_left = stream.num_viewers
        finally:
            crowd.end()
    return {
        "rounds": {str(viewers): kept for viewers, kept in rounds.items()},
        "cycles": options.cycles,
        "counts": counts,
        "viewers_left": viewers_left,
    }


def render(result: dict[str, Any]) -> str:
    """Two tables."""
    medians = {
        viewers: {key: statistics.median(one[key] for one in kept) for key in kept[0]}
        for viewers, kept in result["rounds"].items()
    }
    (alone, *_), (_, many) = medians.values(), medians.values()
    lines = [[viewers, *(f"{one[key]:.2f}" for key in one)] for viewers, one in medians.items()]
    ratio = many["encoder_ms_a_picture"] / alone["encoder_ms_a_picture"]
    header = ["viewers", "encoder, ms CPU a picture", "pictures a second", "whole process, ms CPU a picture"]
    counts = [
        [index * result["cycles"] // 4, *(f"{value:.0f}" for value in one.values())]
        for index, one in enumerate(result["counts"])
    ]
    return "\n\n".join(
        (
            table(header, lines),
            f"Encoder with the most viewers over one viewer: {ratio:.3f}",
            table(["viewers that came and went", *result["counts"][0]], counts),
        )
    )


def main() -> None:
    """Measure, write viewers.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--viewers", type=int, default=8, help="beside one")
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="each with one viewer and with many, in turns")
    parser.add_argument("--cycles", type=int, default=200, help="viewers that come and go")
    options = parser.parse_args()
    if options.quick:
        options.viewers, options.seconds, options.rounds, options.cycles = 2, 0.5, 1, 4
    result = asyncio.run(measure(options))
    write_result("viewers", result, render, options.out)


if __name__ == "__main__":
    main()
