"""Where a box goes: a Kalman filter of constant velocity over its centre, aspect and height.

The filter of DeepSORT (Wojke et al., arXiv:1703.07402), which SAMURAI (arXiv:2411.11922, equations 3 to 6)
takes over: state (x, y, a, h) and their velocities, noise in proportion to the height. Its matrices never mix
the four, so that each is a filter of two numbers, in plain floats: a hundredth of a millisecond a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""

POSITION_STD = 1 / 20
"""Of the height: of x, y and h, in the state's noise and in what is measured."""
VELOCITY_STD = 1 / 160
"""Of the height, a frame: of their velocities' noise."""
ASPECT_STD, ASPECT_VELOCITY_STD, ASPECT_MEASURED_STD = 1e-2, 1e-5, 1e-1
FIRST_POSITION, FIRST_VELOCITY = 2.0, 10.0
"""How many times as unsure a new state is."""


BOTH = 0.3
"""Of what the one edge of a box moved that the other one did, the other way, where its middle stays."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One number that moves, and how sure it is."""

    at: float
    velocity: float
    at_var: float
    cross_var: float
    velocity_var: float

    def predict(self, at_std: float, velocity_std: float) -> Coordinate:
        """A frame later: x' = F x, P' = F P F^T + Q with F = ((1, 1), (0, 1))."""
        return Coordinate(
            self.at + self.velocity,
            self.velocity,
            self.at_var + 2 * self.cross_var + self.velocity_var + at_std**2,
            self.cross_var + self.velocity_var,
            self.velocity_var + velocity_std**2,
        )

    def update(self, measured: float, std: float) -> Coordinate:
        """Once it was measured: S = H P H^T + R, K = P H^T / S, x' = x + K (z - H x), P' = P - K S K^T."""
        spread = self.at_var + std**2
        gain, velocity_gain = self.at_var / spread, self.cross_var / spread
        off = measured - self.at
        return Coordinate(
            self.at + gain * off,
            self.velocity + velocity_gain * off,
            self.at_var - gain * spread * gain,
            self.cross_var - gain * spread * velocity_gain,
            self.velocity_var - velocity_gain * spread * velocity_gain,
        )


@dataclass(frozen=True, slots=True)
class Motion:
    """A box that moves."""

    x: Coordinate
    y: Coordinate
    aspect: Coordinate
    height: Coordinate

    @classmethod
    def start(cls, box: Box) -> Motion:
        """Of a box that was seen once: it stands still, as far as anyone knows."""
        x, y, aspect, height = _measure(box)
        near, fast = FIRST_POSITION * POSITION_STD * height, FIRST_VELOCITY * VELOCITY_STD * height
        place = (near**2, 0.0, fast**2)
        return cls(
            Coordinate(x, 0.0, *place),
            Coordinate(y, 0.0, *place),
            Coordinate(aspect, 0.0, ASPECT_STD**2, 0.0, ASPECT_VELOCITY_STD**2),
            Coordinate(height, 0.0, *place),
        )

    def predict(self) -> Motion:
        """A frame later."""
        near, fast = POSITION_STD * self.height.at, VELOCITY_STD * self.height.at
        return Motion(
            self.x.predict(near, fast),
            self.y.predict(near, fast),
            self.aspect.predict(ASPECT_STD, ASPECT_VELOCITY_STD),
            self.height.predict(near, fast),
        )

    def update(self, box: Box) -> Motion:
        """Once the box was seen."""
        x, y, aspect, height = _measure(box)
        std = POSITION_STD * self.height.at
        return Motion(
            self.x.update(x, std),
            self.y.update(y, std),
            self.aspect.update(aspect, ASPECT_MEASURED_STD),
            self.height.update(height, std),
        )

    @property
    def box(self) -> Box:
        """Where it is."""
        height = max(self.height.at, 1e-3)
        width = max(self.aspect.at, 1e-3) * height
        return (
            self.x.at - width / 2,
            self.y.at - height / 2,
            self.x.at + width / 2,
            self.y.at + height / 2,
        )


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union, 0 to 1; 0 where both are empty."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) for box in (first, second)]
    union = sum(areas) - both
    return both / union if union > 0 else 0.0


def completed(box: Box, before: Box, expected: Box) -> Box:
    """A box of which a part is hidden, as large as the expected one. An edge that stands still is where it is
    hidden; where both come in, as those of a ball do that goes behind a wall, the middle stays.

    Args:
        before: the box on the frame before.
    """
    x0, x1 = _completed((box[0], box[2]), (before[0], before[2]), expected[2] - expected[0])
    y0, y1 = _completed((box[1], box[3]), (before[1], before[3]), expected[3] - expected[1])
    return x0, y0, x1, y1


def _completed(now: tuple[float, float], before: tuple[float, float], length: float) -> tuple[float, float]:
    low, high = now
    length = max(length, high - low)
    moved_low, moved_high = low - before[0], high - before[1]
    inward = sorted((abs(moved_low), abs(moved_high)))
    if moved_low * moved_high <= 0 and inward[0] >= BOTH * inward[1]:
        return (low + high - length) / 2, (low + high + length) / 2
    return (low, low + length) if abs(moved_low) > abs(moved_high) else (high - length, high)


def _measure(box: Box) -> tuple[float, float, float, float]:
    width, height = max(box[2] - box[0], 1e-3), max(box[3] - box[1], 1e-3)
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, width / height, height
