"""A synthetic scene as an H.264 file, ground truth beside it: a recording whose every mask is known."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from streamtrack.errors import SourceError
from streamtrack.frame import BoolMask
from streamtrack.scenes.scene import Scene

TRUTH_SUFFIX = ".truth.npz"
"""Follows the video's own name: clip.mp4 has clip.mp4.truth.npz."""


def write_scene(
    scene: Scene,
    path: Path,
    num_frames: int,
    *,
    first_index: int = 0,
    keyframe_interval: int = 30,
    crf: int = 18,
) -> Path:
    """Encode frames of a scene, H.264 without B-frames, and their masks; returns the path of the masks.

    Raises:
        SourceError: the scene's sides are odd, which H.264 in yuv420p cannot hold.
    """
    if scene.width_px % 2 or scene.height_px % 2:
        raise SourceError(
            f"scene {scene.name} is {scene.width_px}x{scene.height_px}, expected even sides for H.264"
        )
    packed: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
    with av.open(str(path), "w") as container:
        rate = Fraction(scene.fps).limit_denominator(1001)
        options = {
            "crf": str(crf),
            "preset": "veryfast",
            "bf": "0",
            "g": str(keyframe_interval),
            "sc_threshold": "0",
        }
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = scene.width_px, scene.height_px, "yuv420p"
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        for number in range(num_frames):
            image, masks = scene.render(first_index + number)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
            for object_id, mask in masks.items():
                packed[f"{number}/{object_id}"] = np.packbits(mask)
        container.mux(stream.encode(None))
    truth_path = path.with_name(path.name + TRUTH_SUFFIX)
    np.savez_compressed(truth_path, size=np.array([scene.height_px, scene.width_px]), **packed)  # type: ignore[arg-type]
    return truth_path


def read_truth(path: Path) -> list[Mapping[int, BoolMask]]:
    """The masks that `write_scene` left: one mapping of object id to (H, W) bool a frame."""
    frames: list[dict[int, BoolMask]] = []
    with np.load(path) as stored:
        height, width = (int(side) for side in stored["size"])
        for key in stored.files:
            if key == "size":
                continue
            number, object_id = (int(part) for part in key.split("/"))
            while len(frames) <= number:
                frames.append({})
            bits = np.unpackbits(stored[key], count=height * width)
            frames[number][object_id] = bits.reshape(height, width).astype(np.bool_)
    return list(frames)
