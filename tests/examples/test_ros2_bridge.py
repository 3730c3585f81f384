"""The bridge without ROS: its own functions for real, its node against records that have ROS's fields."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamtrack.publish.message import MaskMessage
from streamtrack.publish.wire import decode_message, encode_result
from tests.support.masks import disc, make_publisher, make_result

PATH = Path(__file__).resolve().parents[2] / "examples" / "ros2_bridge.py"


def load_bridge() -> Any:
    spec = importlib.util.spec_from_file_location("ros2_bridge", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def received() -> MaskMessage:
    result = make_result(3, {5: disc(1), 0: disc(2), 9: np.zeros((90, 160), np.bool_)})
    return decode_message(encode_result("cam1", 1, 0, result, "nano"))


def test_label_image_names_objects_by_their_place_among_the_detections() -> None:
    labels = load_bridge().label_image(received())
    expected = np.where(disc(2), 2, np.where(disc(1), 1, 0))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)


def test_stamp_is_seconds_and_nanoseconds() -> None:
    assert load_bridge().split_stamp(1_700_000_000_123_456_789) == (1_700_000_000, 123_456_789)


@pytest.mark.skipif(importlib.util.find_spec("rclpy") is not None, reason="ROS 2 is here")
def test_without_ros_it_says_so_in_one_line() -> None:
    result = subprocess.run(
        [sys.executable, str(PATH), "--stream", "cam1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("ROS 2 is not here: No module named 'rclpy'")
    assert result.stderr.count("\n") == 1


class Record(types.SimpleNamespace):
    """A message that has the fields it was made with, and nested ones on first use, as ROS's have."""

    def __getattr__(self, name: str) -> Any:
        value: Any = [] if name in ("results", "detections") else Record()
        setattr(self, name, value)
        return value


def test_node_publishes_an_image_and_detections_with_the_capture_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bridge = load_bridge()
    published: dict[str, list[Any]] = {"masks": [], "detections": []}
    stop = threading.Event()

    def create_publisher(kind: type, topic: str, qos: object) -> Record:
        return Record(publish=published[topic].append)

    node = Record(create_publisher=create_publisher, destroy_node=lambda: None)
    modules = {
        "rclpy": Record(
            init=lambda args: None,
            try_shutdown=lambda: None,
            ok=lambda: len(published["detections"]) < 3,
            create_node=lambda name: node,
            spin_once=lambda node, timeout_sec: None,
        ),
        "rclpy.qos": Record(qos_profile_sensor_data=object()),
        "sensor_msgs.msg": Record(Image=Record),
        "std_msgs.msg": Record(Header=Record),
        "vision_msgs.msg": Record(
            Detection2D=Record, Detection2DArray=Record, ObjectHypothesisWithPose=Record
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    result = make_result(7, {5: disc(7)})
    with make_publisher() as publisher:

        def publish() -> None:
            while not stop.wait(0.01):
                publisher.publish("cam1", result, "nano")

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            assert bridge.main(["--address", publisher.address, "--stream", "cam1", "--frame-id", "eye"]) == 0
        finally:
            stop.set()
            thread.join(5)
    image, (detection,) = published["masks"][0], published["detections"][0].detections
    assert (image.height, image.width, image.step, image.encoding) == (90, 160, 160, "mono8")
    np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8).reshape(90, 160), disc(7))
    assert image.header.frame_id == "eye"
    stamp = image.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == result.frame.capture_wall_ns
    assert detection.header is image.header
    sent = result.objects[5]
    assert detection.id == "5"
    assert detection.bbox.size_x == sent.box[2] - sent.box[0]
    assert detection.bbox.center.position.y == (sent.box[1] + sent.box[3]) / 2
    assert detection.results[0].hypothesis.class_id == "object 5"
    assert detection.results[0].hypothesis.score == sent.object_score
