"""A camera that turns and zooms over a flat world, as late and as fast as told. No time of its own."""

from __future__ import annotations

from collections import deque

import numpy as np

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.frame import BoolMask, Image
from streamtrack.ptz.controller import STILL, Aim

WIDTH_PX, HEIGHT_PX = 320, 180
ZOOM_DOUBLES_IN_S = 2.0
MAX_ZOOM = 8.0


class TurningCamera:
    """Looks at a world that is 1 wide at zoom 1; its object is a disc."""

    def __init__(self, *, latency_ms: float = 300, widths_per_s: float = 1.0, radius: float = 0.05) -> None:
        self.x, self.y, self.zoom = 0.0, 0.0, 1.0
        """Where it looks in the world, up positive, and how much larger than at the wide end."""
        self.object_x, self.object_y = 0.0, 0.0
        self.radius = radius
        self.now_ns = 0
        self.moved_to_home = 0
        self._widths_per_s = widths_per_s
        self._latency_ns = int(latency_ms * NS_PER_MS)
        self._orders: deque[tuple[int, Aim]] = deque()
        self._aim = STILL

    def order(self, aim: Aim) -> None:
        """A command, which shows its effect after the latency."""
        self._orders.append((self.now_ns + self._latency_ns, aim))

    def go_home(self) -> None:
        """Look straight ahead, at once."""
        self._orders.clear()
        self._aim = STILL
        self.x, self.y, self.zoom = 0.0, 0.0, 1.0
        self.moved_to_home += 1

    def pass_time(self, seconds: float) -> None:
        """Let the world go on."""
        for _ in range(10):
            self.now_ns += int(seconds / 10 * NS_PER_S)
            while self._orders and self._orders[0][0] <= self.now_ns:
                self._aim = self._orders.popleft()[1]
            # Like most cameras it turns the slower, the closer it looks.
            span = self._widths_per_s / self.zoom * seconds / 10
            self.x += self._aim.pan * span
            self.y += self._aim.tilt * span
            grown = self.zoom * 2 ** (self._aim.zoom * seconds / 10 / ZOOM_DOUBLES_IN_S * 2)
            self.zoom = min(MAX_ZOOM, max(1.0, grown))

    @property
    def offset(self) -> tuple[float, float]:
        """Of the object from the middle, in halves of the picture."""
        aspect = WIDTH_PX / HEIGHT_PX
        return (
            2 * self.zoom * (self.object_x - self.x),
            2 * self.zoom * (self.object_y - self.y) * aspect,
        )

    def mask(self) -> BoolMask:
        """(HEIGHT_PX, WIDTH_PX) bool, the object as it is seen."""
        x, y = self.offset
        centre_x, centre_y = (x + 1) / 2 * WIDTH_PX, (1 - y) / 2 * HEIGHT_PX
        rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
        radius_px = self.radius * self.zoom * WIDTH_PX
        found: BoolMask = (columns - centre_x) ** 2 + (rows - centre_y) ** 2 <= radius_px**2
        return found

    def picture(self) -> Image:
        """(HEIGHT_PX, WIDTH_PX, 3) uint8."""
        image = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
        image[self.mask()] = (210, 60, 50)
        return image
