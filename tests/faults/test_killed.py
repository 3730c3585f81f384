"""Row 18: the process is killed with -9 while it follows three objects, at whatever moment."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import yaml

from streamtrack.config import TrackingConfig
from streamtrack.frame import BoolMask, Image
from streamtrack.publish.mask_codec import decode_rle
from tests.faults.table import FaultRow, record_fault
from tests.support.camera import Camera
from tests.support.pipelines import iou, nano
from tests.support.process import started, streamtrack
from tests.support.video import picture
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.process, pytest.mark.slow]

HEIGHT, WIDTH, RADIUS, STEPS = 180, 320, 22, 24
COLOURS = {1: (200, 60, 60), 2: (60, 80, 210), 3: (60, 170, 80)}
LABELS = {1: "red", 2: "blue", 3: "green"}
PATIENCE_S = 60.0


def centre(object_id: int, step: int) -> tuple[int, int]:
    return 50 + 100 * (object_id - 1) + step % STEPS, 60 + 22 * (object_id - 1)


def scene(step: int, number: int = 0) -> Image:
    """Three discs, each a little further to the right with every step."""
    image: Image = np.ascontiguousarray(cv2.resize(picture(number), (WIDTH, HEIGHT)), np.uint8)
    for object_id, colour in COLOURS.items():
        at = centre(object_id, step)
        cv2.circle(image, at, RADIUS, colour, -1, cv2.LINE_AA)
        cv2.circle(image, at, RADIUS // 2, tuple(round(0.6 * value) for value in colour), -1, cv2.LINE_AA)
    return image


def box(object_id: int, step: int) -> tuple[float, float, float, float]:
    x, y = centre(object_id, step)
    return x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS


def unbroken(last: int) -> dict[int, BoolMask]:
    """The masks of a session that nobody broke off, on a step."""
    session = nano().new_session(TrackingConfig(window="off"))
    for object_id in COLOURS:
        session.add(object_id, box=box(object_id, 0))
    for step in range(last + 1):
        result = session.step(scene(step))
    return {object_id: found.mask for object_id, found in result.objects.items()}


def masks_of(told: dict[str, Any]) -> dict[int, BoolMask]:
    size = tuple(told["frame_size"])
    return {
        one["object_id"]: np.asarray(decode_rle(one["segmentation"]["counts"].encode(), size))
        for one in told["objects"]
    }


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def wait_standby(supervisor: int, server: int) -> None:
    """Until the second process has everything imported: it works no more."""

    def is_waiting() -> bool:
        others = [pid for pid in children_of(supervisor) if pid != server]
        if not others or cpu_ticks(others[0]) < 100:
            return False
        before = cpu_ticks(others[0])
        time.sleep(1.0)
        return cpu_ticks(others[0]) == before

    wait_until(is_waiting, "a process that stands by", PATIENCE_S)


def answers(api: httpx.Client, path: str) -> Any:
    """What is there; None where nobody answers."""
    try:
        answer = api.get(path)
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def test_killed_server_is_back_with_its_objects(tmp_path: Path) -> None:
    now = {"step": 0}

    def draw(number: int, hidden: Collection[str]) -> Image:
        return scene(now["step"], number)

    camera = Camera(fps=10, draw=draw)
    path, port = tmp_path / "live.yaml", _free_port()
    config = {
        "streams": [{"name": "cam", "source": {"url": camera.url}, "tracking": {"window": "off"}}],
        "model": {"name": "nano", "device": "cpu", "threads": 1},
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": None},
        "http": {"port": port},
    }
    path.write_text(yaml.safe_dump(config))
    command = streamtrack("serve", str(path), "--state-dir", str(tmp_path / "state"), "--supervise")
    with (
        started(*command) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as api,
    ):
        wait_until(lambda: answers(api, "/streams/cam/masks") is not None, "the first frame", PATIENCE_S)
        for object_id, label in LABELS.items():
            body = {"object_id": object_id, "box": box(object_id, 0), "label": label}
            assert api.post("/streams/cam/objects", json=body).status_code == 201
        for step in range(1, 10):
            now["step"] = step
            seen = answers(api, "/streams/cam/masks")["frame_idx"]
            wait_until(lambda seen=seen: answers(api, "/streams/cam/masks")["frame_idx"] > seen, "a frame")  # type: ignore[misc]
        server = min(children_of(process.pid))  # the other one stands by
        wait_standby(process.pid, server)
        time.sleep(1.5)  # whatever was noted last may be written; the kill comes at any moment after
        now["step"] = 10
        os.kill(server, signal.SIGKILL)
        killed_s = time.monotonic()
        wait_until(
            lambda: len((answers(api, "/streams/cam/masks") or {"objects": ()})["objects"]) == 3,
            "the objects are back",
            PATIENCE_S,
        )
        recover_s = time.monotonic() - killed_s
        told = answers(api, "/streams/cam/masks")
        found, expected = masks_of(told), unbroken(10)
        overlaps = {object_id: iou(found[object_id], expected[object_id]) for object_id in COLOURS}
        kinds = [event["kind"] for event in answers(api, "/streams/cam/events")]
        labels = {one["object_id"]: one["label"] for one in told["objects"]}
        added = api.post("/streams/cam/objects", json={"box": (5, 140, 45, 175)}).json()
    camera.unplug()
    held = (
        min(overlaps.values()) > 0.9
        and labels == LABELS
        and "resumed" in kinds
        and "expired" not in kinds
        and added.get("object_id", 4) == 4
    )
    least = min(overlaps.values())
    record_fault(
        FaultRow(
            18,
            "the process is killed with -9 while it follows 3 objects",
            "`serve --supervise --state-dir` is back by itself with the same ids, labels and masks "
            "(IoU > 0.9 with an unbroken run); `resumed`",
            None,
            recover_s,
            f"the pictures of the time itself; the least IoU of the next frame is {least:.3f}",
            held,
        )
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
