"""From pixels to metres, and from places to speeds."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import ScaleConfig
from streamtrack.rules.geometry import pixel_points
from streamtrack.rules.state import Point

MIN_SAMPLES = 3
MIN_SPAN_SHARE = 0.4
"""Of the window that must be filled before a speed is told."""
MAX_SAMPLES = 256


class Ground:
    """Where pixels of a frame lie on the ground."""

    def __init__(self, config: ScaleConfig, frame_size: tuple[int, int]) -> None:
        """`frame_size`: H, W of the frame in pixels."""
        self._metres_per_pixel = None if config.pixels_per_metre is None else 1 / config.pixels_per_metre
        self._homography = None
        if config.ground is not None:
            points = pixel_points(config.ground.points, config.ground.unit, frame_size)
            self._homography = cv2.getPerspectiveTransform(
                np.array(points, np.float32), np.array(config.ground.metres, np.float32)
            )

    def metres(self, point: Point) -> Point:
        """x, y in metres of a point in pixels."""
        if self._metres_per_pixel is not None:
            return point[0] * self._metres_per_pixel, point[1] * self._metres_per_pixel
        assert self._homography is not None
        x, y, w = self._homography @ np.array([*point, 1.0])
        return float(x / w), float(y / w)


class SpeedTrack:
    """The places of one object on the ground over the last moments."""

    def __init__(self, window_ms: int) -> None:
        self._window_ns = window_ms * NS_PER_MS
        self._places: deque[tuple[int, Point]] = deque(maxlen=MAX_SAMPLES)

    def note(self, time_ns: int, metres: Point) -> None:
        """It is here now."""
        while self._places and time_ns - self._places[0][0] > self._window_ns:
            self._places.popleft()
        self._places.append((time_ns, metres))

    def speed_mps(self) -> float | None:
        """Metres a second, of the straight line that fits the places best; None for too few of them."""
        if len(self._places) < MIN_SAMPLES:
            return None
        seconds = np.array([(at - self._places[0][0]) / NS_PER_S for at, _ in self._places])
        if seconds[-1] * NS_PER_S < MIN_SPAN_SHARE * self._window_ns:
            return None
        places = np.array([place for _, place in self._places])
        if not np.isfinite(places).all():  # at the horizon
            return None
        offsets = seconds - seconds.mean()
        slope = offsets @ (places - places.mean(axis=0)) / (offsets @ offsets)
        return float(np.hypot(*slope))
