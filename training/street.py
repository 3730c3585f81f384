"""People and things that pass one another before a camera on a wall: small, many, alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from training.bank import Bank, Image
from training.sprites import Sprite, actor_pictures, random_sprite
from training.tethers import tethered

MAX_WALKERS = 7
ACTOR_SHARE = 0.6
"""Share of walkers that are the filmed person; the others are any object."""
ALIKE_SHARE = 0.4
"""Share of walkers, after the first, in the clothes of the one before."""
COMPANION_SHARE = 0.35
"""Share of walkers who go beside the one before, at about its pace."""
STANDS_SHARE = 0.15
TETHER_SHARE = 0.2
"""Share of people with a line or a pole."""


def walkers(bank: Bank, rng: np.random.Generator, side: int, num_frames: int) -> list[Sprite]:
    """Upright objects of about one size, each on its own way across the canvas; the lower stand in front."""
    tall = side * math.exp(rng.uniform(math.log(0.07), math.log(0.4)))
    sprites: list[Sprite] = []
    for _ in range(int(rng.integers(2, MAX_WALKERS + 1))):
        walker = _walker(bank, rng, side, num_frames, tall)
        if sprites and rng.random() < ALIKE_SHARE:
            walker = replace(walker, pictures=_in_step(sprites[-1].pictures, rng), wave=None)
        if sprites and rng.random() < COMPANION_SHARE:
            before = sprites[-1]
            aside = rng.uniform(0.25, 0.8) * before.size * rng.choice([-1.0, 1.0])
            place = before.position + np.array([aside, rng.normal(0, 0.08) * before.size])
            pace = before.velocity * rng.uniform(0.7, 1.3) * rng.choice([1.0, 1.0, 1.0, -1.0])
            walker = replace(
                walker, position=place, velocity=pace, size=before.size * rng.uniform(0.85, 1.15)
            )
        sprites.append(walker)
    return sorted(sprites, key=lambda sprite: float(sprite.position[1]) + sprite.size / 2)


def _walker(bank: Bank, rng: np.random.Generator, side: int, num_frames: int, tall: float) -> Sprite:
    sprite = random_sprite(bank, rng, side, num_frames)
    if bank.actors and rng.random() < ACTOR_SHARE:
        pictures = actor_pictures(bank, rng, num_frames)
        if rng.random() < TETHER_SHARE:
            pictures, tall = tethered(pictures, rng), 1.5 * tall
        sprite = replace(sprite, pictures=pictures, wave=None)
    size = tall * math.exp(rng.normal(0, 0.2))
    pace = np.array([rng.normal(0, 0.12), rng.normal(0, 0.04)]) * size
    return replace(
        sprite,
        size=size,
        velocity=pace * float(rng.random() > STANDS_SHARE) * rng.choice([0.5, 1.0, 2.0]),
        sway=rng.uniform(0, 0.02) * size,
        angle=math.radians(rng.normal(0, 4)),
        spin=0.0,
        zoom=math.exp(rng.normal(0, 0.008)),
        shear=(rng.normal(0, 0.05), 0.0),
        blend=rng.uniform(0.1, 0.6) if rng.random() < 0.5 else 0.0,
    )


def _in_step(pictures: tuple[Image, ...], rng: np.random.Generator) -> tuple[Image, ...]:
    """The same body at other moments of its motion."""
    if len(pictures) == 1:
        return pictures
    shift = int(rng.integers(len(pictures)))
    moved = pictures[shift:] + pictures[:shift]
    if rng.random() < 0.5:
        moved = tuple(np.ascontiguousarray(picture[:, ::-1]) for picture in moved)
    return moved
