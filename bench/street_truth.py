"""Who is on a street clip, where and when, written down by eye once: tests/data/street_*.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from streamtrack.errors import ConfigError
from streamtrack.frame import Image

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data"
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class StreetTruth:
    """What is there on a clip."""

    name: str
    clip: str
    """File name of the clip, which is not in the repository."""
    origin: str
    """Where it is had from, and its licence."""
    class_name: str
    """person or car."""
    fps: float
    boxes: Mapping[int, Mapping[int, Box]]
    """x0, y0, x1, y1 in pixels by frame, then by who it is; of the frames that were looked at alone."""

    def until(self, seconds: float) -> StreetTruth:
        """The clip's beginning."""
        boxes = {index: row for index, row in self.boxes.items() if index < seconds * self.fps}
        return StreetTruth(self.name, self.clip, self.origin, self.class_name, self.fps, boxes)

    @property
    def who(self) -> set[int]:
        """Everybody who is there at some time."""
        return {one for row in self.boxes.values() for one in row}


def read_truth(path: Path) -> StreetTruth:
    """One file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        boxes = {
            int(index): {int(one): _four(box) for one, box in row.items()}
            for index, row in raw["boxes"].items()
        }
        return StreetTruth(
            path.stem.removeprefix("street_"), raw["clip"], raw["from"], raw["class"], raw["fps"], boxes
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: no truth of a street clip ({error})") from error


def _four(numbers: Sequence[float]) -> Box:
    x0, y0, x1, y1 = map(float, numbers)
    return x0, y0, x1, y1


def all_truths() -> list[StreetTruth]:
    """Of every clip that was looked at."""
    return [read_truth(path) for path in sorted(FOLDER.glob("street_*.json"))]


def find_clip(truth: StreetTruth, folder: Path) -> Path:
    """Its file.

    Raises:
        ConfigError: it is not in the folder; the message says where it is had from.
    """
    path = folder / truth.clip
    if not path.is_file():
        raise ConfigError(f"{path} is not there, expected {truth.clip} from {truth.origin}")
    return path


def read_clip(path: Path, num_frames: int) -> Iterator[Image]:
    """Its first frames, (H, W, 3) RGB.

    Raises:
        ConfigError: it is no video.
    """
    clip = cv2.VideoCapture(str(path))
    try:
        for index in range(num_frames):
            there, picture = clip.read()
            if not there:
                if index == 0:
                    raise ConfigError(f"{path}: no picture in it can be decoded")
                return
            yield np.ascontiguousarray(picture[..., ::-1], np.uint8)
    finally:
        clip.release()
