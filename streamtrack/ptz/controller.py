"""How a camera has to move for an object to stay in the middle and at its size. Pure: time is an argument.

What is seen is late: a command shows its effect only after the camera's latency, so a controller that goes by
the picture alone turns for too long and swings. Here each axis keeps what it commanded and subtracts what is
still on its way; what then is left of the object's motion is the object's own, and the camera goes along with
it. Offsets count in halves of the picture from its middle, right and up positive.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import PtzConfig

GAIN_PER_S = 1.1
"""Share of an offset that is made up in a second."""
OFFSET_SHARE, SPEED_SHARE = 0.6, 0.2
"""What an observation corrects of the estimated offset and speed (an alpha-beta filter)."""
STILL_PER_S = 0.06
"""Slower objects count as still, so that a camera that holds is not moved by noise."""
MAX_GAP_NS = NS_PER_S
"""After a longer gap between two observations the estimate begins anew."""
SWINGS, SWING_WINDOW_NS = 2, 4 * NS_PER_S
"""Commands that changed their direction so often in so short a time mean that the camera is quicker or later
than configured."""
CALMER, RECOVERS_PER_S = 0.6, 0.03
"""What each of those swings leaves of the gain, and how fast it grows back."""
MIN_CALM = 0.15
CLEAR_SPEED = 0.05
"""Slower commands are no swings."""
LEARN_WINDOW_NS = 1_500 * NS_PER_MS
QUICKNESS_RANGE = 4.0
"""So many times quicker or slower than told a camera may turn out to be."""
CAUTION, LEARN_SHARE = 0.3, 0.2
"""How much commands have to differ before they teach something, and how soon it is believed."""
ZOOM_FROM, ZOOM_UNTIL = math.log(1.3), math.log(1.1)
"""Ratio of wanted and seen size from which the zoom begins to move, and at which it stops."""
ZOOM_GAIN = 0.8
CENTRED = 0.4
"""An object farther from the middle is not zoomed in on: it would leave the picture."""
EDGE_ZOOM = -0.5
"""Zoom speed where the object touches the picture's edge on two sides."""


@dataclass(frozen=True, slots=True)
class Sight:
    """An object on one frame."""

    at_ns: int
    """Monotonic time of the picture."""
    x: float
    """Of its box's middle, -1 left to 1 right."""
    y: float
    """-1 bottom to 1 top."""
    size: float
    """The larger of its box's shares of width and height."""
    cut: bool = False
    """Whether the picture's edges cut it on two sides."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Speeds as shares of the camera's top speeds, -1 to 1: right, up, in."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    @property
    def is_still(self) -> bool:
        """Whether nothing moves."""
        return not (self.pan or self.tilt or self.zoom)


STILL = Aim()


class Axis:
    """One direction. What it is told comes in order of time."""

    def __init__(self, config: PtzConfig, full_speed_per_s: float) -> None:
        """`full_speed_per_s`: halves of the picture that pass in a second at top speed."""
        self._quickness = Quickness(full_speed_per_s)
        self._latency_ns = config.latency_ms * NS_PER_MS
        self._dead_zone = config.dead_zone
        self._max_speed = config.max_speed
        self._offset, self._speed = 0.0, 0.0
        self._seen_offset = 0.0
        self._seen_ns: int | None = None
        self._commands: deque[tuple[int, float]] = deque([(-(1 << 62), 0.0)])
        self._holds = True
        self._calm = 1.0
        self._swung_ns: deque[int] = deque(maxlen=SWINGS)
        self._direction = 0

    def see(self, at_ns: int, offset: float) -> None:
        """The object stands there on the picture of that time."""
        before_ns, self._seen_ns = self._seen_ns, at_ns
        if before_ns is None or not 0 < at_ns - before_ns < MAX_GAP_NS:
            self._offset, self._speed, self._seen_offset = offset, 0.0, offset
            self._quickness.forget()
            return
        seconds = (at_ns - before_ns) / NS_PER_S
        turned = self._turned(before_ns - self._latency_ns, at_ns - self._latency_ns)
        self._quickness.see(
            at_ns, turned / self._full_per_s / seconds, (offset - self._seen_offset) / seconds
        )
        self._seen_offset = offset
        expected = self._offset + self._speed * seconds - turned
        surprise = offset - expected
        self._offset = expected + OFFSET_SHARE * surprise
        limit = self._full_per_s
        self._speed = min(limit, max(-limit, self._speed + SPEED_SHARE * surprise / seconds))

    def command(self, now_ns: int) -> float:
        """The speed from now on, -1 to 1."""
        if self._seen_ns is None:
            return self.told(now_ns, 0.0)
        ahead_s = (now_ns - self._seen_ns) / NS_PER_S
        on_its_way = self._turned(self._seen_ns - self._latency_ns, now_ns)
        offset = self._offset + self._speed * ahead_s - on_its_way
        self._judge_hold(offset)
        if self._holds:
            return self.told(now_ns, 0.0)
        wanted_per_s = self._calm * (GAIN_PER_S * offset + self._speed)
        speed = min(self._max_speed, max(-self._max_speed, wanted_per_s / self._full_per_s))
        self._judge_swing(now_ns, speed)
        return self.told(now_ns, speed)

    def told(self, now_ns: int, speed: float) -> float:
        """The camera is told this speed, by us or by somebody else; returns it."""
        if speed != self._commands[-1][1]:
            self._commands.append((now_ns, speed))
        old_ns = now_ns - self._latency_ns - 2 * MAX_GAP_NS
        while len(self._commands) > 1 and self._commands[1][0] < old_ns:
            self._commands.popleft()
        return speed

    def forget(self) -> None:
        """The object is gone, or it is another."""
        self._seen_ns, self._holds = None, True
        self._offset = self._speed = 0.0

    @property
    def _full_per_s(self) -> float:
        return self._quickness.full_per_s

    def _judge_hold(self, offset: float) -> None:
        """Begin to move outside of the dead zone; hold again well inside, once the object stands still."""
        if self._holds:
            self._holds = abs(self._offset) <= self._dead_zone
        else:
            self._holds = abs(offset) < self._dead_zone / 3 and abs(self._speed) < STILL_PER_S

    def _judge_swing(self, now_ns: int, speed: float) -> None:
        """Become calmer where the direction changes again and again."""
        self._calm = min(1.0, self._calm * (1 + RECOVERS_PER_S / 15))
        direction = (speed > CLEAR_SPEED) - (speed < -CLEAR_SPEED)
        if not direction or direction == self._direction:
            return
        turned_round, self._direction = self._direction != 0, direction
        if not turned_round:
            return
        self._swung_ns.append(now_ns)
        if len(self._swung_ns) == SWINGS and now_ns - self._swung_ns[0] < SWING_WINDOW_NS:
            self._calm = max(MIN_CALM, self._calm * CALMER)

    def _turned(self, since_ns: int, until_ns: int) -> float:
        """Halves of the picture that the commands of a span turn the camera by."""
        total, commands = 0.0, list(self._commands)
        for index, (start_ns, speed) in enumerate(commands):
            end_ns = commands[index + 1][0] if index + 1 < len(commands) else until_ns
            span_ns = min(end_ns, until_ns) - max(start_ns, since_ns)
            if span_ns > 0:
                total += speed * span_ns / NS_PER_S
        return total * self._full_per_s


class Quickness:
    """How fast a camera really turns, learnt from what its commands did to the picture.

    Over a short while the picture's motion is the object's own, which changes little, and the camera's, which
    is in proportion to the commands: the slope of one over the other.
    """

    def __init__(self, told_per_s: float) -> None:
        self.full_per_s = told_per_s
        """Halves of the picture that pass in a second at top speed."""
        self._bounds = (told_per_s / QUICKNESS_RANGE, told_per_s * QUICKNESS_RANGE)
        self._samples: deque[tuple[int, float, float]] = deque()

    def see(self, at_ns: int, speed: float, moved_per_s: float) -> None:
        """Under a commanded speed the object's offset changed so fast."""
        self._samples.append((at_ns, speed, moved_per_s))
        while at_ns - self._samples[0][0] > LEARN_WINDOW_NS:
            self._samples.popleft()
        count = len(self._samples)
        mean_speed = sum(one for _, one, _ in self._samples) / count
        mean_moved = sum(one for _, _, one in self._samples) / count
        spread = sum((one - mean_speed) ** 2 for _, one, _ in self._samples)
        shared = sum((one - mean_speed) * (moved - mean_moved) for _, one, moved in self._samples)
        learnt = (CAUTION * self.full_per_s - shared) / (CAUTION + spread)
        low, high = self._bounds
        self.full_per_s = min(high, max(low, self.full_per_s + LEARN_SHARE * (learnt - self.full_per_s)))

    def forget(self) -> None:
        """What comes next does not follow on what came before."""
        self._samples.clear()


class Controller:
    """Pan, tilt and zoom after one object."""

    def __init__(self, config: PtzConfig, aspect: float = 16 / 9) -> None:
        """`aspect`: width by height of the picture: what turns it by a width turns it by more heights."""
        self._config = config
        full_per_s = 2 * config.widths_per_s
        self._pan, self._tilt = Axis(config, full_per_s), Axis(config, full_per_s * aspect)
        self._zooms = False
        self._zoom = 0.0
        self._newest: Sight | None = None

    def see(self, sight: Sight) -> None:
        """The object on a newer frame."""
        self._newest = sight
        self._pan.see(sight.at_ns, sight.x)
        self._tilt.see(sight.at_ns, sight.y)

    def aim(self, now_ns: int) -> Aim:
        """How to move from now on."""
        return Aim(self._pan.command(now_ns), self._tilt.command(now_ns), self._zoom_speed())

    def told(self, now_ns: int, aim: Aim) -> None:
        """The camera was told this instead."""
        self._pan.told(now_ns, aim.pan)
        self._tilt.told(now_ns, aim.tilt)

    def forget(self) -> None:
        """The object is gone, or it is another."""
        self._newest, self._zooms = None, False
        self._pan.forget()
        self._tilt.forget()

    def _zoom_speed(self) -> float:
        sight, wanted = self._newest, self._config.size
        if sight is None or wanted is None:
            return 0.0
        if sight.cut:
            return max(-self._config.max_zoom_speed, EDGE_ZOOM)
        ratio = math.log(wanted / max(sight.size, 1e-3))
        self._zooms = abs(ratio) > (ZOOM_UNTIL if self._zooms else ZOOM_FROM)
        if not self._zooms or (ratio > 0 and max(abs(sight.x), abs(sight.y)) > CENTRED):
            return 0.0
        limit = self._config.max_zoom_speed
        return min(limit, max(-limit, ZOOM_GAIN * ratio))
