"""A ROS 2 node that republishes one stream: masks as an image, boxes as detections, both with the capture
time.

    ros2 run needs no package for it:  python examples/ros2_bridge.py --address tcp://127.0.0.1:5555 --stream
    cam1

Topics, relative to the node's namespace:
    masks        sensor_msgs/Image, mono8: 0 is background, k is the k-th detection of the same stamp
    detections   vision_msgs/Detection2DArray: id is the object id, class_id its label, score its object score

`header.stamp` is the wall clock at which the frame was captured, so tf and message_filters line up with the
camera. Only the newest masks are bridged: a slow ROS graph sees fewer frames, never older ones.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.client import MaskMessage, MaskSubscriber
from streamtrack.errors import StreamTrackError

NS_PER_S = 1_000_000_000
POLL_MS = 100
"""How long the node waits for masks before it looks after ROS again."""
MAX_LABEL = 255
"""What mono8 can name; objects after the 255th are in the detections alone."""


def split_stamp(wall_ns: int) -> tuple[int, int]:
    """Seconds and nanoseconds, as builtin_interfaces/Time holds them."""
    return divmod(wall_ns, NS_PER_S)


def label_image(message: MaskMessage) -> NDArray[np.uint8]:
    """(H, W) uint8: 0 is background, k is the k-th object; later objects lie over earlier ones."""
    labels = np.zeros(message.frame_size, dtype=np.uint8)
    for label, item in enumerate(message.objects.values(), start=1):
        if label > MAX_LABEL:
            break
        x0, y0, x1, y1 = item.box
        labels[y0:y1, x0:x1][item.crop] = label
    return labels


def to_image(message: MaskMessage, header: Any) -> Any:
    """The sensor_msgs/Image of `label_image`."""
    from sensor_msgs.msg import Image

    labels = label_image(message)
    image = Image(header=header, height=labels.shape[0], width=labels.shape[1], encoding="mono8")
    image.step = labels.shape[1]
    image.data = labels.tobytes()
    return image


def to_detections(message: MaskMessage, header: Any) -> Any:
    """The vision_msgs/Detection2DArray, one detection an object, in the order of the labels."""
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

    array = Detection2DArray(header=header)
    for object_id, item in message.objects.items():
        x0, y0, x1, y1 = item.box
        detection = Detection2D(header=header, id=str(object_id))
        detection.bbox.center.position.x = (x0 + x1) / 2
        detection.bbox.center.position.y = (y0 + y1) / 2
        detection.bbox.size_x, detection.bbox.size_y = float(x1 - x0), float(y1 - y0)
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = item.label, item.object_score
        detection.results.append(result)
        array.detections.append(detection)
    return array


def bridge(masks: MaskSubscriber, camera_frame: str) -> None:
    """Republish until ROS shuts down."""
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

    node = rclpy.create_node("streamtrack_bridge")
    images = node.create_publisher(Image, "masks", qos_profile_sensor_data)
    detections = node.create_publisher(Detection2DArray, "detections", qos_profile_sensor_data)
    try:
        while rclpy.ok():
            message = masks.receive(POLL_MS)
            if message is not None:
                header = Header(frame_id=camera_frame)
                header.stamp.sec, header.stamp.nanosec = split_stamp(message.capture_ns)
                images.publish(to_image(message, header))
                detections.publish(to_detections(message, header))
            rclpy.spin_once(node, timeout_sec=0)
    finally:
        node.destroy_node()


def main(arguments: list[str] | None = None) -> int:
    """Run the node; the exit code."""
    parser = argparse.ArgumentParser(description="Republish streamtrack's masks on ROS 2.")
    parser.add_argument("--address", default="tcp://127.0.0.1:5555", help="the server's zmq.masks_address")
    parser.add_argument("--stream", required=True, help="name of the stream")
    parser.add_argument("--frame-id", default="camera", help="tf frame of the camera")
    options, ros_arguments = parser.parse_known_args(arguments)
    try:
        import rclpy
    except ImportError as error:
        print(f"ROS 2 is not here: {error}; source its setup file first", file=sys.stderr)
        return 2
    rclpy.init(args=ros_arguments)
    try:
        with MaskSubscriber(options.address, options.stream, conflate=True) as masks:
            bridge(masks, options.frame_id)
    except StreamTrackError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
