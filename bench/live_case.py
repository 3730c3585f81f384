"""One live server in this process, watched from another: what it does a frame, and which thread pays.

Called by bench_pipeline.py in a process of its own; prints one JSON line. A step is timed alone (same model,
same frames, same pace, nothing else running) before and after the live run.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from bench.models import make_tracker
from streamtrack.config import (
    Config,
    HttpConfig,
    ModelConfig,
    PromptConfig,
    SourceConfig,
    StreamConfig,
    VideoConfig,
    ZmqConfig,
)
from streamtrack.frame import Frame, Image
from streamtrack.ingest import iter_frames, make_scene
from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import prompts_from_masks
from streamtrack.server import Server
from streamtrack.tracking import Session

CLIP_FRAMES = 60
SCENE = "demo"
WARM_UP_FRAMES = 18


@dataclass(frozen=True)
class LiveCase:
    """What runs and who watches."""

    streams: int
    viewers: int
    """In all; they spread over the streams."""
    width_px: int
    height_px: int
    fps: float
    """Of each camera."""
    model: str
    seconds: float
    """Of the part that counts."""
    alone_frames: int
    threads: int
    """Of a step."""
    compile: str
    """As `model.compile`: on or off."""


class ThereAndBack:
    """The scene forwards and backwards, so that a clip played in a loop has no seam."""

    def __init__(self, case: LiveCase) -> None:
        self._scene = make_scene(f"{SCENE}?width={case.width_px}&height={case.height_px}&fps={case.fps}")
        self.name, self.fps = self._scene.name, self._scene.fps
        self.width_px, self.height_px = self._scene.width_px, self._scene.height_px

    def render(self, index: int) -> Any:
        """As `Scene.render`."""
        return self._scene.render(min(index, CLIP_FRAMES - index))


class StepClock:
    """Wall and CPU time of every step, in the thread that makes it."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        """When it ended (monotonic), wall and CPU nanoseconds of it."""

    def timed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """The step, watched."""

        def watched(session: Session, frame: Frame | Image) -> Any:
            cpu_ns, wall_ns = time.thread_time_ns(), time.monotonic_ns()
            result = step(session, frame)
            now_ns = time.monotonic_ns()
            self.steps.append((now_ns, now_ns - wall_ns, time.thread_time_ns() - cpu_ns))
            return result

        return watched


def measure(case: LiveCase) -> dict[str, Any]:
    """Alone, live, alone."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        scene: Any = ThereAndBack(case)
        write_scene(scene, clip, CLIP_FRAMES)
        prompts = prompts_from_masks(scene.render(0)[1])
        before = time_alone(case, clip, prompts)
        live = asyncio.run(run_live(case, clip, prompts))
        after = time_alone(case, clip, prompts)
    return {**vars(case), "objects": len(prompts), "alone_before": before, "alone_after": after, **live}


def time_alone(case: LiveCase, clip: Path, prompts: tuple[PromptConfig, ...]) -> dict[str, list[int]]:
    """Steps of one session at the camera's pace, and as fast as they go."""
    tracker, _ = make_tracker(case.model, threads=case.threads, compile=case.compile)
    session = tracker.new_session()
    for prompt in prompts:
        session.add(prompt.object_id, points=prompt.points, box=prompt.box)
    wanted = WARM_UP_FRAMES + 2 * case.alone_frames
    frames: list[Frame] = []
    for frame in iter_frames(SourceConfig(url=str(clip), loop=True, pace="every_frame")):
        frames.append(frame)
        if len(frames) == wanted:
            break
    found: dict[str, list[int]] = {"paced_ns": [], "fast_ns": []}
    due = time.monotonic()
    for number, frame in enumerate(frames):
        paced = WARM_UP_FRAMES <= number < WARM_UP_FRAMES + case.alone_frames
        if paced:
            due = max(due + 1 / case.fps, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        started_ns = time.monotonic_ns()
        session.step(frame)
        took_ns = time.monotonic_ns() - started_ns
        if number >= WARM_UP_FRAMES:
            found["paced_ns" if paced else "fast_ns"].append(took_ns)
    return found


def live_config(case: LiveCase, clip: Path, prompts: tuple[PromptConfig, ...]) -> Config:
    """Paced files in a loop stand for cameras: they have to be decoded, and the newest frame wins."""
    return Config(
        streams=tuple(
            StreamConfig(
                name=f"cam{number}",
                source=SourceConfig(url=str(clip), pace="newest", loop=True),
                video=VideoConfig(ice_addresses=("127.0.0.1",)),
                prompts=prompts,
            )
            for number in range(case.streams)
        ),
        model=ModelConfig.model_validate(
            {"name": case.model, "threads": case.threads, "compile": case.compile}
        ),
        zmq=ZmqConfig(masks_address="tcp://127.0.0.1:*", control_address=None),
        http=HttpConfig(port=0),
    )


async def run_live(case: LiveCase, clip: Path, prompts: tuple[PromptConfig, ...]) -> dict[str, Any]:
    """Serve, be watched, and count."""
    clock = StepClock()
    server = Server(live_config(case, clip, prompts))
    with mock.patch.object(Session, "step", clock.timed(Session.step)):
        serving = asyncio.create_task(server.run())
        try:
            while len(clock.steps) < WARM_UP_FRAMES * case.streams and not serving.done():  # noqa: ASYNC110  steps are counted by another thread
                await asyncio.sleep(0.1)
            return await watched(case, server, clock)
        finally:
            server.request_stop()
            await serving


async def watched(case: LiveCase, server: Server, clock: StepClock) -> dict[str, Any]:
    """Let another process watch, and count what this one does meanwhile."""
    options = {
        "http": server.http_address,
        "masks": server.masks_address,
        "streams": list(server.stream_names()),
        "viewers": case.viewers,
    }
    watcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.live_watcher", json.dumps(options)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 28,
    )
    assert watcher.stdin is not None
    assert watcher.stdout is not None
    try:
        if (await watcher.stdout.readline()).strip() != b"watching":
            raise RuntimeError("the watchers gave up, see above")
        before, started_ns = cpu_by_thread(), time.monotonic_ns()
        dropped = total_drops(server)
        await asyncio.sleep(case.seconds)
        after, ended_ns = cpu_by_thread(), time.monotonic_ns()
        dropped_now = total_drops(server)
        watcher.stdin.write(b"stop\n")
        await watcher.stdin.drain()
        seen = json.loads(await watcher.stdout.readline())
    finally:
        if watcher.returncode is None:
            watcher.kill()
        await watcher.wait()
    steps = [step for step in clock.steps if started_ns <= step[0] <= ended_ns]
    cpu_s = {name: after[name] - before[name] for name in after}
    return {
        "window_s": (ended_ns - started_ns) / 1e9,
        "step_wall_ns": [step[1] for step in steps],
        "step_cpu_ns": [step[2] for step in steps],
        "cpu_s": cpu_s,
        "dropped": dropped_now - dropped,
        "watchers_cpu_s": seen["cpu_s"],
        **latencies(seen),
    }


def cpu_by_thread() -> defaultdict[str, float]:
    """CPU seconds of this process by the job of each thread; threads of C libraries are `native`."""
    jobs = {thread.native_id: thread.name.partition("-")[0] for thread in threading.enumerate()}
    seconds: defaultdict[str, float] = defaultdict(float)
    for thread in psutil.Process().threads():
        seconds[jobs.get(thread.id, "native")] += thread.user_time + thread.system_time
    return seconds


def total_drops(server: Server) -> Counter[str]:
    """Frames that were dropped, by reason."""
    dropped: Counter[str] = Counter()
    for metric in server._telemetry.registry.collect():
        for sample in metric.samples:
            if sample.name == "streamtrack_frames_dropped_total":
                dropped[sample.labels["reason"]] += int(sample.value)
    return dropped


def latencies(seen: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds from capture to each end."""
    captured, publish, received = {}, [], []
    for stream, messages in seen["messages"].items():
        for stamp in messages:
            captured[stream, stamp["frame_idx"]] = stamp["capture_ns"]
            publish.append((stamp["publish_ns"] - stamp["capture_ns"]) / 1e6)
            received.append((stamp["received_ns"] - stamp["capture_ns"]) / 1e6)
    viewer = [
        (arrived_ns - captured[one["stream"], frame_idx]) / 1e6
        for one in seen["viewers"]
        for frame_idx, arrived_ns in one["frames"]
        if (one["stream"], frame_idx) in captured
    ]
    return {
        "capture_to_publish_ms": publish,
        "capture_to_subscriber_ms": received,
        "capture_to_viewer_ms": viewer,
    }


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps(measure(LiveCase(**json.loads(sys.argv[1])))), file=answers)
