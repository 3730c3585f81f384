"""Parts of the whole: a clip whose every picture tells its own number, a served camera, a robot that
listens."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import yaml

from streamtrack.frame import BoolMask, Image
from streamtrack.ingest import Scene, make_scene
from streamtrack.ingest.scene_file import write_scene
from tests.support.video import CODE_BITS, CODE_CELL_PX, HEIGHT, WIDTH, read_code

CLIP_FRAMES = 60
FPS = 15
START_S = 60.0
"""Importing torch, loading nano and opening the camera on a busy machine."""

ROBOT = """
import base64, json, sys
import numpy as np
from streamtrack.client import MaskSubscriber

for message in MaskSubscriber(sys.argv[1], stream="camera"):
    print(json.dumps({
        "epoch": message.epoch,
        "frame_idx": message.frame_idx,
        "pts": message.pts,
        "time_base": message.time_base,
        "masks": {
            object_id: base64.b64encode(np.packbits(item.mask)).decode()
            for object_id, item in message.objects.items()
        },
    }), flush=True)
"""


class NumberedScene(Scene):
    """The scene forwards and backwards, so that a loop has no seam; each picture carries its number."""

    def __init__(self) -> None:
        scene = make_scene(f"leave?width={WIDTH}&height={HEIGHT}&fps={FPS}")
        vars(self).update(vars(scene))
        self._scene = scene

    def render(self, index: int) -> tuple[Image, dict[int, BoolMask]]:
        there_and_back = min(index, CLIP_FRAMES - index)
        image, masks = self._scene.render(there_and_back)
        image = image.copy()
        for bit in range(CODE_BITS):
            value = 235 if index >> bit & 1 else 16
            image[-CODE_CELL_PX:, bit * CODE_CELL_PX : (bit + 1) * CODE_CELL_PX] = value
        return image, masks


@dataclass
class Clip:
    """The recording that the camera plays in a loop, and the truth of each of its pictures."""

    path: Path
    images: list[Image]
    truths: list[dict[int, BoolMask]]


def make_clip(folder: Path) -> Clip:
    scene = NumberedScene()
    path = folder / "clip.mp4"
    write_scene(scene, path, CLIP_FRAMES, keyframe_interval=15)
    rendered = [scene.render(index) for index in range(CLIP_FRAMES)]
    return Clip(path, [image for image, _ in rendered], [truth for _, truth in rendered])


@dataclass
class Served:
    """A `streamtrack serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    masks: str
    lines: list[str] = field(default_factory=list)
    api: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.api = httpx.Client(base_url=self.url, timeout=30)

    def status(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.api.get("/streams/camera").raise_for_status().json()
        return shown

    def wait(self, condition: Any, what: str, timeout_s: float = START_S) -> dict[str, Any]:
        """The status once the condition holds for it."""
        deadline = time.monotonic() + timeout_s
        while not condition(status := self.status()):
            assert time.monotonic() < deadline, f"{what}: not in {timeout_s:g} s, but {status}"
            time.sleep(0.05)
        return status

    def standing_picture(self) -> tuple[int, int]:
        """frame_idx and clip index of the newest tracked frame of a paused stream."""
        frame_idx = self.status()["newest_frame_idx"]
        data = self.api.get("/streams/camera/snapshot.jpg").raise_for_status().content
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert self.status()["newest_frame_idx"] == frame_idx, "the stream is not paused"
        return frame_idx, read_code(np.asarray(picture))


@contextmanager
def served(url: str, folder: Path) -> Iterator[Served]:
    stream = {
        "name": "camera",
        "source": {
            "url": url,
            "read_timeout_ms": 2000,
            "reconnect": {"first_delay_ms": 200, "max_delay_ms": 500},
        },
        "video": {"ice_addresses": ["127.0.0.1"]},
        # What is compared is which picture a mask belongs to, not how well small ones are cut out.
        "tracking": {"window": "off"},
    }
    config = {
        "streams": [stream],
        "model": {"name": "nano", "device": "cpu", "threads": 1},
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": None},
        "http": {"port": 0},
    }
    path = folder / "live.yaml"
    path.write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "streamtrack.cli.main", "serve", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines: list[str] = []
    listening = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("masks "):
                listening.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert listening.wait(START_S), process.stderr
        addresses = dict(line.split() for line in lines[:3])
        running = Served(process, addresses["page"].rstrip("/"), addresses["masks"], lines)
        with running.api:
            yield running
    finally:
        process.kill()
        process.wait(10)
        reader.join(10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@dataclass(frozen=True)
class Heard:
    """One message as the robot got it."""

    epoch: int
    frame_idx: int
    pts_seconds: Fraction | None
    """The camera's time; None where it told none, as before the first clock report of a connection."""
    masks: dict[int, BoolMask]


@contextmanager
def robot(address: str) -> Iterator[list[Heard]]:
    """Everything that a subscriber in another process hears, oldest first; grows meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", ROBOT, address], stdout=subprocess.PIPE, text=True)
    heard: list[Heard] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            raw = json.loads(line)
            masks = {int(object_id): unpack(data) for object_id, data in raw["masks"].items()}
            pts_seconds = None if raw["pts"] is None else raw["pts"] * Fraction(*raw["time_base"])
            heard.append(Heard(raw["epoch"], raw["frame_idx"], pts_seconds, masks))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield heard
    finally:
        process.kill()
        process.wait(10)
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()


def unpack(data: str) -> BoolMask:
    bits = np.unpackbits(np.frombuffer(base64.b64decode(data), np.uint8), count=HEIGHT * WIDTH)
    return bits.reshape(HEIGHT, WIDTH).astype(np.bool_)


def clip_index(heard: Heard, anchor: Heard, anchor_index: int) -> int:
    """Which picture of the clip a message is about.

    The camera stamps each picture one period after the last, so that the distance in time to a picture whose
    number was read is a whole number of pictures.
    """
    assert heard.pts_seconds is not None
    assert anchor.pts_seconds is not None
    distance = (heard.pts_seconds - anchor.pts_seconds) * FPS
    # RTP counts 90 kHz ticks: a whole number up to 1/90000 s.
    assert abs(distance - round(distance)) < 0.01
    return (anchor_index + round(distance)) % CLIP_FRAMES


def box_of(mask: BoolMask) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def centre_of(mask: BoolMask) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())
