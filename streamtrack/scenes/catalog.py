"""The scenes by name: who plays, where they go, what they play on.

Paths are sums of sines of the time in seconds: smooth, endless, and a pure function of the frame's index.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from streamtrack.scenes.actors import Actor, Script, Where, around, pillar, roller, swimmer
from streamtrack.scenes.balls import Ball, beach_ball, football, marble, spinning
from streamtrack.scenes.car import ASPECT as CAR_ASPECT
from streamtrack.scenes.car import Car
from streamtrack.scenes.fish import Fish
from streamtrack.scenes.identities import lookalikes, reentry, swap
from streamtrack.scenes.landscape import Landscape
from streamtrack.scenes.patches import Patch, Pose
from streamtrack.scenes.sheets import aquarium, lawn, pond
from streamtrack.scenes.textures import Colour

RED, BLUE, YELLOW = (222, 58, 50), (36, 112, 204), (246, 188, 42)
KOI = ((246, 240, 228), (234, 92, 28), (250, 170, 110))


def demo(rng: np.random.Generator, width: int, height: int) -> Script:
    """A drive through the hills: a car, a beach ball that bounces along, a fish kite in the sky. Everyone
    stays in view."""
    return _landscape(rng, width, height, with_kite=True)


def occlusion(rng: np.random.Generator, width: int, height: int) -> Script:
    """The same road; a stone pillar stands in front, and car and ball pass behind it."""
    script = _landscape(rng, width, height, with_kite=False)
    stone = pillar(rng, round(0.3 * height), height)
    stone_pillar = Actor(None, lambda t: stone, lambda t: Pose(0.5 * width, 0.5 * height, 0.3 * height))
    return Script(script.backdrop, (*script.actors, stone_pillar))


def crossing(rng: np.random.Generator, width: int, height: int) -> Script:
    """A pond from above: two koi that look alike cross each other's way, a dark one swims below them."""
    sheet = pond(rng, width, height)
    seed = int(rng.integers(1 << 30))
    koi = [Fish(seed + i, round(0.42 * height), KOI, from_above=True) for i in range(2)]
    dark = Fish(seed + 7, round(0.36 * height), ((52, 62, 84), (28, 32, 44), (96, 104, 120)), from_above=True)

    def eight(t: float) -> tuple[float, float]:
        return width * (0.5 + 0.33 * math.sin(0.42 * t)), height * (0.5 + 0.24 * math.sin(0.84 * t))

    def mirrored_eight(t: float) -> tuple[float, float]:
        x, y = eight(t + 0.35)  # a little ahead: they cross side by side, not through each other
        return width - x, y

    def below(t: float) -> tuple[float, float]:
        return width * (0.5 + 0.36 * math.sin(0.3 * t + 1.0)), height * (0.5 + 0.05 * math.sin(0.9 * t + 3.0))

    paths = (eight, mirrored_eight, below)
    actors = tuple(
        swimmer(i + 1, fish, where, size * height, sheet.camera, beat=7.0 + i)
        for i, (fish, where, size) in enumerate(zip((*koi, dark), paths, (0.40, 0.40, 0.34), strict=True))
    )
    return Script(sheet.render, (actors[2], actors[0], actors[1]))


def many(rng: np.random.Generator, width: int, height: int) -> Script:
    """An aquarium: twelve fish and four glass balls."""
    sheet = aquarium(rng, width, height)
    palettes: tuple[tuple[Colour, Colour, Colour], ...] = (
        KOI,
        ((250, 206, 60), (238, 140, 30), (252, 222, 120)),
        ((66, 150, 226), (20, 60, 150), (250, 214, 80)),
        ((214, 60, 70), (250, 236, 220), (240, 110, 110)),
        ((150, 220, 150), (30, 110, 80), (210, 240, 170)),
        ((196, 130, 220), (90, 40, 140), (236, 190, 240)),
    )
    actors = []
    for i in range(12):
        column, row = i % 4, i // 4
        size = height * rng.uniform(0.24, 0.31)
        fish = Fish(int(rng.integers(1 << 30)), round(size), palettes[i % 6])
        home = ((column + 0.5) / 4, (row + 0.62) / 4.1)
        where = around(home, (0.07, 0.05), rng, width, height)
        actors.append(swimmer(i + 1, fish, where, size, sheet.camera, beat=rng.uniform(5, 8), level=True))
    for i in range(4):
        size = height * rng.uniform(0.13, 0.16)
        base, vein = (
            (RED, YELLOW),
            (BLUE, (220, 240, 255)),
            ((60, 160, 90), YELLOW),
            ((90, 60, 150), (240, 200, 220)),
        )[i]
        ball = Ball(marble(int(rng.integers(1 << 30)), base, vein), round(size))
        where = around(((i + 0.5) / 4, 0.89), (0.07, 0.012), rng, width, height)
        actors.append(roller(13 + i, ball, where, size, sheet.camera))
    return Script(sheet.render, tuple(actors))


def leave(rng: np.random.Generator, width: int, height: int) -> Script:
    """A lawn: a football rolls out of the picture and comes back, a beach ball stays."""
    sheet = lawn(rng, width, height)
    size = 0.24 * height
    goes, stays = Ball(football(), round(size)), Ball(beach_ball((RED, BLUE, YELLOW)), round(1.1 * size))

    def out_and_back(t: float) -> tuple[float, float]:
        return width * (0.62 + 0.62 * math.sin(0.55 * t - 0.6)), height * (0.4 + 0.14 * math.sin(0.4 * t))

    def near_the_line(t: float) -> tuple[float, float]:
        return width * (0.3 + 0.14 * math.sin(0.5 * t)), height * (0.66 + 0.12 * math.sin(0.37 * t + 1))

    return Script(
        sheet.render,
        (
            roller(1, goes, out_and_back, size, sheet.camera),
            roller(2, stays, near_the_line, 1.1 * size, sheet.camera),
        ),
    )


def crowd(rng: np.random.Generator, width: int, height: int) -> Script:
    """A pond from above: twenty koi and twelve glass balls, each on a way of its own; some meet."""
    sheet = pond(rng, width, height)
    palettes: tuple[tuple[Colour, Colour, Colour], ...] = (
        KOI,
        ((250, 206, 60), (238, 140, 30), (252, 222, 120)),
        ((214, 60, 70), (250, 236, 220), (240, 110, 110)),
        ((196, 130, 220), (90, 40, 140), (236, 190, 240)),
        ((52, 62, 84), (28, 32, 44), (96, 104, 120)),
    )
    glass = ((RED, YELLOW), (BLUE, (220, 240, 255)), ((90, 60, 150), (240, 200, 220)))
    actors = []
    for place in range(32):
        home = 0.08 + 0.84 * (place % 8 + 0.5) / 8, 0.08 + 0.84 * (place // 8 + 0.5) / 4
        where = _round(home, rng, width, height)
        seed = int(rng.integers(1 << 30))
        if place % 8 in (1, 4, 6):
            size = height * rng.uniform(0.07, 0.1)
            ball = Ball(marble(seed, *glass[place % 3]), round(size))
            actors.append(roller(place + 1, ball, where, size, sheet.camera))
        else:
            size = height * rng.uniform(0.15, 0.2)
            fish = Fish(seed, round(size), palettes[place % 5], from_above=True)
            actors.append(swimmer(place + 1, fish, where, size, sheet.camera, beat=rng.uniform(5, 8)))
    return Script(sheet.render, tuple(actors[place] for place in rng.permutation(32)))


SCENES: Mapping[str, Callable[[np.random.Generator, int, int], Script]] = {
    "demo": demo,
    "crossing": crossing,
    "occlusion": occlusion,
    "many": many,
    "leave": leave,
    "swap": swap,
    "lookalikes": lookalikes,
    "reentry": reentry,
    "crowd": crowd,
}


def _round(home: tuple[float, float], rng: np.random.Generator, width: int, height: int) -> Where:
    """An oval around a place, one way or the other."""
    reach = height * rng.uniform(0.05, 0.09, 2)
    turn, phase = rng.choice((-1.0, 1.0)) * rng.uniform(0.6, 2.0), rng.uniform(0, 2 * math.pi)

    def where(t: float) -> tuple[float, float]:
        angle = turn * t + phase
        x, y = home[0] * width + reach[0] * math.cos(angle), home[1] * height + reach[1] * math.sin(angle)
        return float(x), float(y)

    return where


def _landscape(rng: np.random.Generator, width: int, height: int, *, with_kite: bool) -> Script:
    """Car and ball on the road: with the kite side by side, without it each across the whole picture."""
    car_centre, car_sway, ball_centre, ball_sway = (
        (0.6, 0.1, 0.19, 0.12) if with_kite else (0.5, 0.3, 0.5, 0.42)
    )
    land = Landscape(rng, width, height)
    car_width, ball_size = 0.58 * height, 0.2 * height
    car = Car(round(1.1 * car_width), RED if with_kite else (40, 120, 196))
    ball = Ball(beach_ball((BLUE, YELLOW, (240, 120, 40))) if with_kite else football(), round(ball_size))
    speed = 0.30 * height  # of the camera, pixels a second at ground speed 1

    def camera(t: float) -> float:
        return speed * t + 0.05 * width * math.sin(0.4 * t)

    def car_pose(t: float) -> Pose:
        grow = 1 + 0.10 * math.sin(0.33 * t)
        x = width * (car_centre + car_sway * math.sin(0.37 * t + 0.5))
        ground = height * (0.845 + 0.02 * math.sin(0.33 * t))
        bounce = 0.004 * height * math.sin(5.1 * t) * math.sin(1.7 * t)
        size = car_width * grow
        return Pose(x, ground - 0.46 * CAR_ASPECT * size + bounce, size, 0.012 * math.sin(2.3 * t))

    def car_shadow(t: float) -> Pose:
        pose = car_pose(t)
        return Pose(
            pose.x_px, pose.y_px + 0.47 * CAR_ASPECT * pose.width_px, 1.12 * pose.width_px, stretch=0.16
        )

    def wheel_angle(t: float) -> float:
        return (land.speed_at(0.845 * height) * camera(t) + car_pose(t).x_px) / (0.088 * car_width)

    def ball_place(t: float) -> tuple[float, float, float, float]:
        """x, ground, height above it, size."""
        grow = 1 + 0.16 * math.sin(0.29 * t + 2)
        x = width * (ball_centre + ball_sway * math.sin(0.29 * t + 3.6))
        hop = 0.20 * height * abs(math.sin(1.5 * t)) ** 1.3
        return x, height * (0.955 + 0.012 * math.sin(0.29 * t + 2)), hop, ball_size * grow

    def ball_pose(t: float) -> Pose:
        x, ground, hop, size = ball_place(t)
        return Pose(x, ground - hop - size / 2, size)

    def ball_shadow(t: float) -> Pose:
        x, ground, hop, size = ball_place(t)
        return Pose(x, ground, size * (1.15 - 0.9 * hop / height), stretch=0.28)

    def ball_look(t: float) -> Patch:
        return ball.patch(
            spinning((land.speed_at(0.955 * height) * camera(t) + ball_place(t)[0]) / (0.9 * ball_size))
        )

    actors = [Actor(1, lambda t: car.patch(wheel_angle(t)), car_pose, car_shadow)]
    if with_kite:
        size = 0.46 * height
        kite = Fish(int(rng.integers(1 << 30)), round(size), ((250, 214, 70), (232, 74, 40), (40, 120, 190)))
        actors.insert(
            0, Actor(3, lambda t: kite.patch(5.5 * t, 1.25), lambda t: _kite_pose(t, width, height, size))
        )
    actors.append(Actor(2, ball_look, ball_pose, ball_shadow))
    return Script(lambda t: land.render(camera(t)), tuple(actors))


def _kite_pose(t: float, width: int, height: int, size: float) -> Pose:
    x = width * (0.5 + 0.26 * math.sin(0.31 * t + 1.2) + 0.05 * math.sin(0.83 * t))
    y = height * (0.25 + 0.08 * math.sin(0.47 * t) + 0.03 * math.sin(1.1 * t))
    return Pose(x, y, size * (1 + 0.18 * math.sin(0.27 * t)), 0.22 * math.sin(0.6 * t) - 0.1)
