"""Scenes that put identities to the test: look-alikes that cross, that swarm, that leave and come back.

Look-alikes have the same colours and each a pattern of its own. Where and when things go differs by seed.
"""

from __future__ import annotations

import math

import numpy as np

from streamtrack.scenes.actors import Actor, Script, Where, pillar, roller, swimmer
from streamtrack.scenes.balls import Ball, marble
from streamtrack.scenes.fish import Fish
from streamtrack.scenes.patches import Pose
from streamtrack.scenes.sheets import lawn, pond
from streamtrack.scenes.textures import Colour

PAIRS: tuple[tuple[Colour, Colour], ...] = (
    ((222, 58, 50), (246, 220, 180)),
    ((36, 112, 204), (220, 240, 255)),
    ((246, 188, 42), (120, 60, 20)),
    ((90, 60, 150), (240, 200, 220)),
)
SCALES: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((246, 240, 228), (234, 92, 28), (250, 170, 110)),
    ((52, 62, 84), (28, 32, 44), (96, 104, 120)),
    ((214, 60, 70), (250, 236, 220), (240, 110, 110)),
)


def swap(rng: np.random.Generator, width: int, height: int) -> Script:
    """A pond from above: two look-alikes swim towards each other, one over the other, and on."""
    sheet = pond(rng, width, height)
    seed, scales = int(rng.integers(1 << 30)), SCALES[int(rng.integers(len(SCALES)))]
    size = height * rng.uniform(0.34, 0.44)
    fish = [Fish(seed + index, round(size), scales, from_above=True) for index in range(2)]
    meet_s, slope = rng.uniform(1.1, 1.7), rng.uniform(-0.16, 0.16)
    beside = height * rng.uniform(0.0, 0.07)
    speed = width * rng.uniform(0.2, 0.28)

    def along(sign: int) -> Where:
        def where(time_s: float) -> tuple[float, float]:
            t = _there_and_back(time_s, 2 * meet_s)
            x = width / 2 + sign * speed * (t - meet_s)
            sway = 0.03 * height * math.sin(1.7 * t + sign)
            return x, height / 2 + sign * (slope * speed * (t - meet_s) + beside) + sway

        return where

    swimmers = [
        swimmer(index + 1, one, along(sign), size, sheet.camera, beat=6.0 + index)
        for index, (one, sign) in enumerate(zip(fish, (1, -1), strict=True))
    ]
    return Script(sheet.render, tuple(swimmers if rng.random() < 0.5 else swimmers[::-1]))


def lookalikes(rng: np.random.Generator, width: int, height: int) -> Script:
    """A lawn: two marbles are followed, and three of the same glass that nobody follows roll about them."""
    sheet = lawn(rng, width, height)
    seed, colours = int(rng.integers(1 << 30)), PAIRS[int(rng.integers(len(PAIRS)))]
    size = height * rng.uniform(0.2, 0.26)
    balls = [Ball(marble(seed + index, *colours), round(size)) for index in range(5)]
    # Whoever is drawn later rolls over the others.
    order = rng.permutation(5)
    actors = [
        roller(index + 1 if index < 2 else None, ball, _loop(rng, width, height, index), size, sheet.camera)
        for index, ball in enumerate(balls)
    ]
    return Script(sheet.render, tuple(actors[index] for index in order))


def reentry(rng: np.random.Generator, width: int, height: int) -> Script:
    """A lawn: a marble leaves the picture and comes back after a second or two, perhaps elsewhere; one of the
    same glass that nobody follows crosses meanwhile, and another one passes behind a pillar."""
    sheet = lawn(rng, width, height)
    seed, colours = int(rng.integers(1 << 30)), PAIRS[int(rng.integers(len(PAIRS)))]
    size = height * rng.uniform(0.24, 0.3)
    balls = [Ball(marble(seed + index, *colours), round(size)) for index in range(3)]
    out_s, away_s = rng.uniform(0.7, 1.0), rng.uniform(1.0, 1.8)
    speed, row = width * rng.uniform(0.4, 0.55), height * rng.uniform(0.25, 0.4)
    back_row = row + height * rng.uniform(-0.08, 0.08)

    def leaves(time_s: float) -> tuple[float, float]:
        t = _there_and_back(time_s, out_s + away_s + 1.2)
        if t < out_s + away_s / 2:
            return width * 0.6 + speed * t, row
        return width + size - speed * (t - out_s - away_s), back_row

    def crosses(time_s: float) -> tuple[float, float]:
        t = _there_and_back(time_s, out_s + away_s + 1.2)
        return width + size - speed * 0.8 * (t - out_s), row + 0.12 * height

    def behind(time_s: float) -> tuple[float, float]:
        t = _there_and_back(time_s, 4.0)
        return width * 0.12 + 0.17 * width * t, 0.74 * height

    stone = pillar(rng, round(0.42 * height), height)
    return Script(
        sheet.render,
        (
            roller(None, balls[2], crosses, size, sheet.camera),
            roller(1, balls[0], leaves, size, sheet.camera),
            roller(2, balls[1], behind, size, sheet.camera),
            Actor(None, lambda t: stone, lambda t: Pose(0.36 * width, 0.5 * height, 0.42 * height)),
        ),
    )


def _there_and_back(time_s: float, period_s: float) -> float:
    """Time that runs from 0 to a period, and back to 0, and so on."""
    turned = time_s % (2 * period_s)
    return min(turned, 2 * period_s - turned)


def _loop(rng: np.random.Generator, width: int, height: int, index: int) -> Where:
    """A way of its own through the middle of the picture."""
    home_x, home_y = 0.18 + 0.16 * index, (0.3, 0.7, 0.5, 0.25, 0.75)[index]
    reach_x, reach_y = rng.uniform(0.12, 0.22), rng.uniform(0.12, 0.22)
    speed_x, speed_y = rng.uniform(0.9, 1.6, 2)
    phase_x, phase_y = rng.uniform(0, 2 * math.pi, 2)

    def where(t: float) -> tuple[float, float]:
        x = home_x + reach_x * (math.sin(speed_x * t + phase_x) - math.sin(phase_x))
        y = home_y + reach_y * (math.sin(speed_y * t + phase_y) - math.sin(phase_y))
        return width * min(max(x, 0.08), 0.92), height * min(max(y, 0.14), 0.86)

    return where
