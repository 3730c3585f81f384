"""Moving objects to paste: what they look like and where they are on each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Bank, Image, Track, read_cutout, read_labels, read_photo
from training.shapes import random_blob, random_creature, random_disc
from training.tethers import tethered

FloatArray = npt.NDArray[np.float64]

KIND_WEIGHTS = {
    "stamps": 5.0,
    "objects": 4.0,
    "instances": 10.0,
    "regions": 1.0,
    "clipart": 4.0,
    "emoji": 1.0,
}
"""How often a cut-out of each kind is drawn: photographic ones first."""
BLOB_WEIGHT = 1.0
"""Weight of random outlines filled with a piece of photo."""
DISC_WEIGHT = 3.0
"""Weight of plain discs: balls and lamps, which have an outline and nothing else."""
CREATURE_WEIGHT = 6.0
"""Weight of bodies with limbs: without them the network learns to fill its box."""
TRACK_WEIGHT = 5.0
"""Weight of real objects cut from consecutive frames, which deform by themselves."""
ACTOR_WEIGHT = 7.0
"""Weight of a filmed person with alpha, whose limbs move."""
TETHER_SHARE = 0.35
"""Share of pasted objects with a thin thing that reaches far from them."""
GAP_SHARE = 0.15
"""Share of runs through a real track that go on elsewhere in it, as after a gap in the video."""


@dataclass(frozen=True)
class Wave:
    """Two travelling waves and a bend that deform a still cut-out."""

    amplitude: FloatArray
    """(3,) as shares of the cut-out's side: wave along x, wave along y, bend."""
    frequency: FloatArray
    """(2,) waves per side."""
    speed: FloatArray
    """(3,) radians per frame."""
    phase: float
    """Radians at frame 0."""

    def apply(self, picture: Image, frame_idx: int) -> Image:
        """Deform an RGBA picture as it is on one frame."""
        height, width = picture.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        along_y, along_x = y / height, x / width
        angle = self.speed * frame_idx + self.phase
        turn = 2 * math.pi * self.frequency
        dx = self.amplitude[0] * np.sin(turn[0] * along_y + angle[0])
        dx += self.amplitude[2] * 4 * (along_y - 0.5) ** 2 * math.sin(angle[2])
        dy = self.amplitude[1] * np.sin(turn[1] * along_x + angle[1])
        return np.asarray(
            cv2.remap(
                picture,
                (x + dx * width).astype(np.float32),
                (y + dy * height).astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
            ),
            np.uint8,
        )


@dataclass
class Sprite:
    """A pasted object: its pictures, and its motion in pixels of the clip."""

    pictures: tuple[Image, ...]
    """One RGBA picture, or one for each frame."""
    wave: Wave | None
    """Deformation of a still picture."""
    size: float
    """Longest side on frame 0, px."""
    position: FloatArray
    """(2,) centre on frame 0, px."""
    velocity: FloatArray
    """(2,) px per frame."""
    sway: float
    """Amplitude of a sway about the straight path, px."""
    angle: float
    """Radians on frame 0."""
    spin: float
    """Radians per frame."""
    zoom: float
    """Growth per frame, a factor."""
    shear: tuple[float, float]
    """Shear on frame 0 and per frame."""
    phase: float
    """Phase of the sway, radians."""
    blend: float = 0.0
    """Share by which the colours are drawn to the background's, so that not every object stands out."""
    is_target: bool = True
    """May be tracked; occluders may not."""
    jump_at: int = 10**6
    """From this frame on it is elsewhere, as after a gap in the video."""
    jump: FloatArray = field(default_factory=lambda: np.zeros(2))
    """(2,) px, by how much."""

    def centre(self, frame_idx: int) -> FloatArray:
        """Where the centre is on a frame: (2,) px."""
        sway = np.array([math.sin(self.phase + frame_idx), math.cos(2 * self.phase + 0.7 * frame_idx)])
        at = self.position + self.velocity * frame_idx + self.sway * sway
        return at + self.jump if frame_idx >= self.jump_at else at

    def picture(self, frame_idx: int) -> Image:
        """The RGBA picture of a frame."""
        if len(self.pictures) > 1:
            return self.pictures[frame_idx % len(self.pictures)]
        return self.wave.apply(self.pictures[0], frame_idx) if self.wave else self.pictures[0]

    def transform(self, frame_idx: int, shape: tuple[int, ...]) -> FloatArray:
        """(2, 3) affine map from the picture's pixels to the clip's."""
        height, width = shape[:2]
        scale = self.size / max(self.pictures[0].shape[:2]) * self.zoom**frame_idx
        angle = self.angle + self.spin * frame_idx
        shear = self.shear[0] + self.shear[1] * frame_idx
        cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
        linear = np.array([[cosine, -sine + cosine * shear], [sine, cosine + sine * shear]])
        offset = self.centre(frame_idx) - linear @ np.array([width / 2, height / 2])
        return np.column_stack([linear, offset])


def random_sprite(bank: Bank, rng: np.random.Generator, side_px: int, num_frames: int) -> Sprite:
    """A random object with random looks and motion for a clip of `side_px` squared."""
    pictures = _random_pictures(bank, rng, num_frames)
    longer = max(pictures[0].shape[:2])
    if rng.random() < TETHER_SHARE:
        pictures = tethered(pictures, rng)
    stretched = max(pictures[0].shape[:2]) / longer
    wave = None
    if len(pictures) == 1 and rng.random() < 0.5:
        wave = Wave(
            amplitude=rng.uniform(0, 0.07, 3) * rng.choice([0.3, 1.0, 1.6]),
            frequency=rng.uniform(0.3, 1.2, 2),
            speed=rng.uniform(0.1, 0.9, 3),
            phase=rng.uniform(0, 2 * math.pi),
        )
        pictures = (np.pad(pictures[0], ((10, 10), (10, 10), (0, 0))),)
    upright = rng.random() < 0.75
    return Sprite(
        pictures=pictures,
        wave=wave,
        size=side_px * min(1.0, stretched * math.exp(rng.uniform(math.log(0.12), math.log(0.85)))),
        position=rng.uniform(0.1 * side_px, 0.9 * side_px, 2),
        velocity=rng.normal(0, 0.035 * side_px, 2) * rng.choice([0.0, 0.5, 1.0, 2.0]),
        sway=rng.uniform(0, 0.02 * side_px),
        angle=math.radians(rng.uniform(-30, 30) if upright else rng.uniform(0, 360)),
        spin=math.radians(rng.normal(0, 4) * rng.choice([0, 1, 2])),
        zoom=math.exp(rng.normal(0, 0.03)),
        shear=(rng.normal(0, 0.1), rng.normal(0, 0.02)),
        phase=rng.uniform(0, 2 * math.pi),
        blend=rng.uniform(0.1, 0.6) if rng.random() < 0.3 else 0.0,
    )


def twin_of(
    track: Track, mask: npt.NDArray[np.bool_], bank: Bank, rng: np.random.Generator, num_frames: int
) -> Sprite:
    """Another like a track's object, no target, beside where (S, S) `mask` says that object is on frame 0."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    size = max(width, height, 8) * math.exp(rng.normal(0, 0.25))
    aside = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.1) * (width + size) / 2
    return replace(
        random_sprite(bank, rng, mask.shape[0], num_frames),
        pictures=_cut_from_track(track, rng, num_frames),
        wave=None,
        size=size,
        position=np.array([x + width / 2 + aside, y + height / 2 + rng.normal(0, 0.15) * height]),
        angle=math.radians(rng.normal(0, 5)),
        spin=0.0,
        blend=0.0,
        is_target=False,
    )


def _random_pictures(bank: Bank, rng: np.random.Generator, num_frames: int) -> tuple[Image, ...]:
    weights = {kind: KIND_WEIGHTS.get(kind, 1.0) for kind in bank.cutouts}
    weights |= {"blob": BLOB_WEIGHT, "creature": CREATURE_WEIGHT, "disc": DISC_WEIGHT}
    if bank.tracks:
        weights["track"] = TRACK_WEIGHT
    if bank.actors:
        weights["actor"] = ACTOR_WEIGHT
    kinds = list(weights)
    share = np.array([weights[kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=share / share.sum()))]
    if kind == "track":
        return _cut_from_track(bank.draw_track(rng), rng, num_frames)
    if kind == "actor":
        return actor_pictures(bank, rng, num_frames)
    if kind == "blob":
        picture = random_blob(bank, rng)
    elif kind == "creature":
        picture = random_creature(bank, rng)
    elif kind == "disc":
        picture = random_disc(rng)
    else:
        paths = bank.cutouts[kind]
        picture = read_cutout(paths[rng.integers(len(paths))]).copy()
    if rng.random() < 0.5:
        picture = picture[:, ::-1].copy()
    if rng.random() < 0.5:
        colours = picture[..., :3].astype(np.float32) * rng.uniform(0.6, 1.3, 3) + rng.uniform(-40, 40)
        picture[..., :3] = np.clip(colours, 0, 255)
    if rng.random() < 0.5:
        side = int(rng.choice([3, 5]))
        picture[..., 3] = cv2.GaussianBlur(picture[..., 3], (side, side), 0)
    return (picture,)


def actor_pictures(bank: Bank, rng: np.random.Generator, num_frames: int) -> tuple[Image, ...]:
    """A filmed person on consecutive frames, RGBA, in clothes and light of a random colour."""
    shot = bank.actors[rng.integers(len(bank.actors))]
    order = _run(len(shot), rng, num_frames)
    tint = rng.uniform(0.55, 1.3, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(0.6, 1.3))
    lift = rng.uniform(-15, 45)
    mixed = rng.permutation(3) if rng.random() < 0.4 else np.arange(3)
    flip = rng.random() < 0.5
    pictures = []
    for index in order:
        picture = read_cutout(shot[index]).copy()
        picture[..., :3] = np.clip(picture[..., mixed] * tint + lift, 0, 255)
        pictures.append(np.ascontiguousarray(picture[:, ::-1]) if flip else picture)
    return tuple(pictures)


def _cut_from_track(track: Track, rng: np.random.Generator, num_frames: int) -> tuple[Image, ...]:
    order = pick_from_track(track, rng, num_frames)
    pictures = []
    for index in order:
        mask = read_labels(track.masks[index])
        x, y, width, height = cv2.boundingRect(mask)
        window = (slice(y, y + height), slice(x, x + width))
        # The outline of a mined mask carries a rim of background: cut it away, then soften the edge.
        alpha = cv2.GaussianBlur(cv2.erode(mask[window], np.ones((3, 3), np.uint8)), (3, 3), 0)
        pictures.append(np.dstack([read_photo(track.frames[index])[window], alpha]))
    if rng.random() < 0.5:
        pictures = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    return tuple(pictures)


def pick_from_track(track: Track, rng: np.random.Generator, num_frames: int) -> list[int]:
    """Indices of `num_frames` samples of a track, either way, sometimes with a gap: from elsewhere on."""
    order = _run_of_track(track, rng, num_frames)
    if num_frames >= 3 and rng.random() < GAP_SHARE:
        when = int(rng.integers(1, num_frames))
        order[when:] = _run_of_track(track, rng, num_frames - when)
    return order


def _run_of_track(track: Track, rng: np.random.Generator, num_frames: int) -> list[int]:
    return _run(len(track.frames), rng, num_frames)


def _run(available: int, rng: np.random.Generator, num_frames: int) -> list[int]:
    """Indices one to three apart, either way; the last may repeat."""
    stride = int(rng.choice([1, 1, 2, 3]))
    while stride > 1 and (num_frames - 1) * stride >= available:
        stride -= 1
    start = int(rng.integers(max(1, available - (num_frames - 1) * stride)))
    order = [min(start + stride * k, available - 1) for k in range(num_frames)]
    return order[::-1] if rng.random() < 0.5 else order
