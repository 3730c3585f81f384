"""Random shapes filled with pieces of photos: blobs, and bodies with limbs in mostly empty boxes."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Bank, Image, read_photo

SIDE_PX = 160
"""Shapes are drawn in a square of this side."""

GROUND_PX = (320, 240)
"""Width and height of an even ground."""

Mask = npt.NDArray[np.uint8]


def random_blob(bank: Bank, rng: np.random.Generator) -> Image:
    """A random smooth or angular outline filled with a piece of photo, RGBA."""
    count = int(rng.integers(5, 12))
    corners = np.sort(rng.uniform(0, 2 * math.pi, count))
    radii = rng.uniform(0.45, 1, count)
    around = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    wrapped = np.concatenate([corners - 2 * math.pi, corners, corners + 2 * math.pi])
    radius = np.interp(around, wrapped, np.tile(radii, 3))
    if rng.random() < 0.6:
        radius = np.convolve(np.concatenate([radius[-4:], radius, radius[:4]]), np.ones(9) / 9, "valid")
    aspect = math.exp(rng.uniform(-0.8, 0.8))
    outline = np.column_stack(
        [np.cos(around) * radius * min(1, aspect), np.sin(around) * radius * min(1, 1 / aspect)]
    )
    alpha = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(alpha, [(outline * SIDE_PX * 0.49 + SIDE_PX / 2).astype(np.int32)], 255)
    return np.dstack([random_texture(bank, rng), alpha])


def random_disc(rng: np.random.Generator) -> Image:
    """A disc or an ellipse of one colour, sometimes shaded towards its rim, RGBA."""
    side = SIDE_PX
    y, x = (np.mgrid[0:side, 0:side] - (side - 1) / 2) / (side / 2)
    distance = np.hypot(x, y * math.exp(rng.uniform(0, 0.6) * float(rng.random() < 0.4)))
    shade = 1 - rng.uniform(0, 0.5) * float(rng.random() < 0.5) * distance.clip(0, 1) ** 2
    colours = (rng.integers(0, 256, 3) * shade[..., None]).astype(np.uint8)
    return np.dstack([colours, np.where(distance <= 0.98, 255, 0).astype(np.uint8)])


def even_ground(rng: np.random.Generator) -> Image:
    """A photo of nothing: one colour that changes gently from side to side, RGB (H, W, 3)."""
    corners = rng.integers(0, 256, 3) + rng.normal(0, rng.choice([0.0, 8.0, 25.0]), (2, 2, 3))
    ground = cv2.resize(corners.clip(0, 255).astype(np.float32), GROUND_PX, interpolation=cv2.INTER_LINEAR)
    noise = rng.normal(0, rng.uniform(0, 4), ground.shape)
    return np.asarray(ground + noise).clip(0, 255).astype(np.uint8)


def random_creature(bank: Bank, rng: np.random.Generator) -> Image:
    """A body with legs, mostly a neck with a head, sometimes a tail, filled with a piece of photo, RGBA."""
    side = SIDE_PX
    alpha = np.zeros((side, side), np.uint8)
    half = np.array([rng.uniform(0.2, 0.34), rng.uniform(0.1, 0.2)]) * side
    body = np.array([0.5, rng.uniform(0.4, 0.6)]) * side
    tilt = float(rng.uniform(-12, 12))
    cv2.ellipse(alpha, _point(body), _point(half), tilt, 0, 360, 255, -1)
    thickness = rng.uniform(0.03, 0.09) * side
    for along in rng.uniform(-0.9, 0.9, int(rng.integers(0, 5))):
        hip = body + half * [along, 0.3]
        foot = np.array([hip[0] + rng.normal(0, 0.07) * side, rng.uniform(0.85, 0.97) * side])
        knee = (hip + foot) / 2 + rng.normal(0, 0.03 * side, 2)
        _limb(alpha, [hip, knee, foot], thickness)
    if rng.random() < 0.8:
        shoulder = body + half * [0.75, -0.3]
        head = np.array([rng.uniform(0.7, 0.95), rng.uniform(0.04, 0.35)]) * side
        bend = (shoulder + head) / 2 + rng.normal(0, 0.06 * side, 2)
        _limb(alpha, [shoulder, bend, head], thickness * rng.uniform(1, 2.5))
        skull = np.array([rng.uniform(0.04, 0.1), rng.uniform(0.03, 0.07)]) * side
        cv2.ellipse(alpha, _point(head), _point(skull), float(rng.uniform(-30, 30)), 0, 360, 255, -1)
    if rng.random() < 0.6:
        root = body - half * [0.9, 0.2]
        tip = np.array([rng.uniform(0.02, 0.15), rng.uniform(0.1, 0.8)]) * side
        _limb(alpha, [root, (root + tip) / 2 + rng.normal(0, 0.05 * side, 2), tip], thickness * 0.8)
    x, y, width, height = cv2.boundingRect(alpha)
    window = (slice(y, y + height), slice(x, x + width))
    return np.dstack([random_texture(bank, rng), alpha])[window]


def random_texture(bank: Bank, rng: np.random.Generator) -> Image:
    """A square piece of photo, sometimes flattened towards one colour, RGB."""
    photo = read_photo(bank.photos[rng.integers(len(bank.photos))])
    crop = min(int(SIDE_PX * rng.uniform(0.3, 2)), min(photo.shape[:2]) - 1)
    y, x = rng.integers(photo.shape[0] - crop), rng.integers(photo.shape[1] - crop)
    piece = photo[y : y + crop, x : x + crop]
    texture = cv2.resize(piece, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.4:
        colour = rng.integers(0, 256, 3) if rng.random() < 0.5 else texture.mean((0, 1))
        plain = np.broadcast_to(colour, texture.shape).astype(np.uint8)
        share = float(rng.uniform(0.2, 0.6))
        texture = cv2.addWeighted(texture, share, plain, 1 - share, 0)
    return np.asarray(texture, np.uint8)


def _limb(alpha: Mask, joints: list[npt.NDArray[np.float64]], thickness: float) -> None:
    points = np.array([_point(joint) for joint in joints], np.int32)
    cv2.polylines(alpha, [points], False, 255, max(2, round(thickness)))


def _point(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    return int(values[0]), int(values[1])
