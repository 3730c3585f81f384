"""Training clips: frames with the true mask of some objects on every frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Bank, Image, Track, read_labels, read_photo
from training.camera import camera_maps, photometric
from training.layers import OwnMotion, draw_object, split
from training.paste import IdMap, box_fill, jumping, leaving, paste
from training.scenes import scene_clip
from training.shapes import random_blob
from training.sprites import Sprite, pick_from_track, random_sprite, twin_of

FIRST_SPRITE_ID = 1000
OCCLUDER_ID = 9999
MIN_TARGET_SHARE = 0.004
"""A target covers at least this share of the first frame."""
MAX_TARGET_SHARE = 0.7
MAX_TRIES = 50
BACKDROP_SHARE = 0.65
"""Share of clips with pasted objects on which one has other things close behind it, inside its box."""
LOOK_ALIKE_SHARE = 0.4
"""Share of pasted objects, after the first, that look like the one before."""
TWIN_SHARE = 0.3
"""Share of real tracks into which a second of the same object is pasted, that is not the target."""
LEAVING_SHARE = 0.35
"""Share of clips with pasted objects on which one goes out of the picture."""
LABELLED_WEIGHTS = {"objects": 6.0, "instances": 12.0}
"""How often a labelled photo of each kind is drawn: outlines drawn by people first, other segments seldom."""
LAYERED_SHARE = 0.6
"""Share of labelled photos on which one object moves by itself, beside the camera."""
JUMPING_SHARE = 0.3
"""Share of the others on which all are elsewhere from some frame on, as after a gap in the video."""
CUT_SHARE = 0.12
"""Share of clips that change to another place: nothing of the target is left, whatever looks like it."""


@dataclass(frozen=True)
class Clip:
    """A clip with ground truth."""

    frames: npt.NDArray[np.uint8]
    """(T, S, S, 3) RGB."""
    masks: npt.NDArray[np.bool_]
    """(K, T, S, S), K targets, all visible on frame 0; an empty mask later means hidden or gone."""


@dataclass(frozen=True)
class Mixture:
    """How often each kind of clip is drawn (relative weights)."""

    composed: float = 4.0
    """Objects pasted on a moving photo."""
    labelled: float = 3.0
    """A labelled photo under a moving camera."""
    tracks: float = 4.0
    """Real frames with mined masks."""
    scenes: float = 1.5
    """The product's own procedural scenes, with seeds of their own."""


class ClipSource:
    """An endless supply of clips; the same seed gives the same clips."""

    def __init__(
        self, work: Path, *, seed: int, held_out: bool = False, mixture: Mixture | None = None
    ) -> None:
        self._bank = Bank.open(work, held_out=held_out)
        self._rng = np.random.default_rng(seed)
        mixture = mixture or Mixture()
        weights = {
            "composed": mixture.composed,
            "labelled": mixture.labelled if self._bank.labelled else 0.0,
            "tracks": mixture.tracks if self._bank.tracks else 0.0,
            "scenes": mixture.scenes,
        }
        total = sum(weights.values())
        self._kinds = list(weights)
        self._shares = [weight / total for weight in weights.values()]

    def sample(self, side_px: int, num_frames: int, num_targets: int) -> Clip:
        """Make a clip of `num_frames` square frames with `num_targets` targets (repeated if there are fewer).

        Raises:
            RuntimeError: no visible target came up in MAX_TRIES tries.
        """
        for _ in range(MAX_TRIES):
            kind = self._kinds[int(self._rng.choice(len(self._kinds), p=self._shares))]
            if kind == "scenes":
                frames, ids = scene_clip(self._rng, side_px, num_frames)
            else:
                frames, ids = self._render(kind, side_px, num_frames)
            if self._rng.random() < 0.3:
                frames, ids = frames[::-1], ids[::-1]
            if num_frames >= 4 and self._rng.random() < CUT_SHARE:
                frames, ids = self._cut_away(frames, ids)
            masks = self._pick_targets(ids, num_targets)
            if masks is not None:
                return Clip(np.ascontiguousarray(frames), masks)
        raise RuntimeError(f"no clip with a visible target in {MAX_TRIES} tries")

    def _render(self, kind: str, side: int, num_frames: int) -> tuple[Image, IdMap]:
        rng = self._rng
        if kind == "tracks":
            frames, ids = self._track_base(side, num_frames)
            count = int(rng.choice([0, 1, 2], p=[0.7, 0.2, 0.1]))
        elif kind == "labelled":
            frames, ids = self._photo_base(side, num_frames, labelled=True)
            count = int(rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15]))
        else:
            frames, ids = self._photo_base(side, num_frames, labelled=False)
            count = int(rng.choice([1, 2, 3, 4, 5], p=[0.15, 0.3, 0.25, 0.2, 0.1]))
        sprites: list[Sprite] = []
        for _ in range(count):
            sprite = random_sprite(self._bank, rng, side, num_frames)
            if sprites and rng.random() < LOOK_ALIKE_SHARE:
                sprite = replace(sprite, pictures=sprites[-1].pictures, wave=sprites[-1].wave)
            sprites.append(sprite)
        if sprites and rng.random() < BACKDROP_SHARE:
            sprites = [*self._backdrops(sprites[-1], side, num_frames), *sprites]
        if sprites and num_frames >= 4 and rng.random() < LEAVING_SHARE:
            sprites[-1] = leaving(sprites[-1], rng, side, num_frames)
        elif sprites and num_frames >= 3 and rng.random() < JUMPING_SHARE:
            sprites = [jumping(sprite, rng, side, num_frames) for sprite in sprites]
        if num_frames >= 4 and rng.random() < 0.45:
            sprites.append(self._occluder(side, num_frames, sprites, ids))
        for frame_idx in range(num_frames):
            for k, sprite in enumerate(sprites):
                identity = FIRST_SPRITE_ID + k if sprite.is_target else OCCLUDER_ID
                paste(frames[frame_idx], ids[frame_idx], sprite, frame_idx, identity)
        return photometric(self._rng, frames), ids

    def _cut_away(self, frames: Image, ids: IdMap) -> tuple[Image, IdMap]:
        """From a random frame on another place; half the time the last frame is back at the first."""
        num_frames, side = len(frames), frames.shape[1]
        start = int(self._rng.integers(1, num_frames))
        stop = num_frames - int(start < num_frames - 1 and self._rng.random() < 0.5)
        elsewhere, _ = self._photo_base(side, num_frames, labelled=False)
        frames, ids = frames.copy(), ids.copy()
        frames[start:stop] = elsewhere[start:stop]
        ids[start:stop] = 0
        return frames, ids

    def _backdrops(self, target: Sprite, side: int, num_frames: int) -> list[Sprite]:
        """One to three things behind a target: what stands out inside a box is not always the object."""
        rng = self._rng
        behind = []
        for _ in range(int(rng.integers(1, 4))):
            sprite = random_sprite(self._bank, rng, side, num_frames)
            size = target.size * rng.uniform(0.4, 1.6)
            behind.append(
                replace(
                    sprite,
                    pictures=(random_blob(self._bank, rng),) if rng.random() < 0.5 else sprite.pictures,
                    size=size,
                    position=target.position + rng.uniform(-0.5, 0.5, 2) * (target.size + 0.3 * size),
                    velocity=target.velocity * rng.uniform(0, 1),
                    is_target=False,
                )
            )
        return behind

    def _occluder(self, side: int, num_frames: int, sprites: list[Sprite], ids: IdMap) -> Sprite:
        """Something that covers a target on a middle frame, wholly or in part."""
        rng = self._rng
        when = int(rng.integers(1, num_frames))
        if sprites:
            target = sprites[int(rng.integers(len(sprites)))]
            where, size = target.centre(when), target.size * target.zoom**when
        else:
            values = np.unique(ids[when][ids[when] > 0])
            region = ids[when] == (rng.choice(values) if len(values) else 0)
            ys, xs = np.nonzero(region)
            where = np.array([xs.mean(), ys.mean()]) if len(xs) else np.full(2, side / 2)
            size = max(float(np.ptp(xs)), float(np.ptp(ys)), 20.0) if len(xs) else side / 4
        occluder = random_sprite(self._bank, rng, side, num_frames)
        velocity = rng.normal(0, 0.12 * side, 2)
        return replace(
            occluder,
            pictures=(random_blob(self._bank, rng),) if rng.random() < 0.6 else occluder.pictures,
            size=size * rng.uniform(0.7, 2.2),
            velocity=velocity,
            position=where - velocity * when,
            sway=0.0,
            is_target=False,
        )

    def _photo_base(self, side: int, num_frames: int, *, labelled: bool) -> tuple[Image, IdMap]:
        rng = self._rng
        if labelled:
            kinds = sorted(self._bank.labelled)
            share = np.array([LABELLED_WEIGHTS.get(kind, 1.0) for kind in kinds])
            paths = self._bank.labelled[kinds[int(rng.choice(len(kinds), p=share / share.sum()))]]
        else:
            groups = self._bank.backgrounds
            paths = groups[int(rng.integers(len(groups)))]
        path = paths[rng.integers(len(paths))]
        photo = read_photo(path)
        labels = read_labels(path.with_suffix(".png")) if labelled else np.zeros(photo.shape[:2], np.uint8)
        frames = np.empty((num_frames, side, side, 3), np.uint8)
        ids = np.zeros((num_frames, side, side), np.int32)
        flip = rng.random() < 0.5
        own = None
        if labelled and num_frames > 1 and rng.random() < LAYERED_SHARE:
            own = self._own_mover(labels)
        layers = split(path, own) if own else None
        if layers:
            photo, labels, motion = layers.background, np.where(labels == own, 0, labels), OwnMotion.draw(rng)
        maps = camera_maps(self._rng, photo.shape, side, num_frames, wide=labelled)
        for frame_idx, matrix in enumerate(maps):
            frames[frame_idx] = cv2.warpAffine(
                photo, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
            )
            if labelled:
                ids[frame_idx] = cv2.warpAffine(labels, matrix, (side, side), flags=cv2.INTER_NEAREST)
            if layers and own:
                draw_object(frames[frame_idx], ids[frame_idx], layers, motion, matrix, frame_idx, own)
        return (frames[:, :, ::-1], ids[:, :, ::-1]) if flip else (frames, ids)

    def _own_mover(self, labels: Image) -> int | None:
        """A region that is to move by itself, the larger the likelier; None where there is none."""
        values, counts = np.unique(labels[labels > 0], return_counts=True)
        if not len(values):
            return None
        return int(self._rng.choice(values, p=np.sqrt(counts) / np.sqrt(counts).sum()))

    def _track_base(self, side: int, num_frames: int) -> tuple[Image, IdMap]:
        """Real frames cropped about a mined object, whose region is 1, sometimes with its twin."""
        rng = self._rng
        track = self._bank.tracks[rng.integers(len(self._bank.tracks))]
        order = pick_from_track(track, rng, num_frames)
        masks = np.stack([read_labels(track.masks[k]) for k in order])
        height, width = masks.shape[1:]
        x, y, box_width, box_height = cv2.boundingRect(masks.max(0))
        zoom = math.exp(rng.uniform(0, math.log(4)))
        crop_height = min(height, max(box_height * 1.05, max(box_height, box_width / 1.5) * zoom))
        crop_width = min(width, max(box_width * 1.05, crop_height * rng.uniform(0.8, 1.8)))
        left = rng.uniform(max(0, x + box_width - crop_width), max(0, min(x, width - crop_width)) + 1e-6)
        top = rng.uniform(max(0, y + box_height - crop_height), max(0, min(y, height - crop_height)) + 1e-6)
        window = (slice(int(top), int(top + crop_height)), slice(int(left), int(left + crop_width)))
        frames = np.empty((num_frames, side, side, 3), np.uint8)
        ids = np.zeros((num_frames, side, side), np.int32)
        for frame_idx, k in enumerate(order):
            frames[frame_idx] = cv2.resize(
                read_photo(track.frames[k])[window], (side, side), interpolation=cv2.INTER_AREA
            )
            mask = cv2.resize(masks[frame_idx][window], (side, side), interpolation=cv2.INTER_LINEAR)
            ids[frame_idx] = mask > 127
        if rng.random() < TWIN_SHARE:
            self._paste_twin(frames, ids, track)
        return (frames[:, :, ::-1], ids[:, :, ::-1]) if rng.random() < 0.5 else (frames, ids)

    def _paste_twin(self, frames: Image, ids: IdMap, track: Track) -> None:
        """Another of the same kind beside the mined object, behind it or before it, in place."""
        num_frames = len(ids)
        twin = twin_of(track, ids[0] == 1, self._bank, self._rng, num_frames)
        behind = self._rng.random() < 0.6
        for frame_idx in range(num_frames):
            before, target = frames[frame_idx].copy(), ids[frame_idx] == 1
            paste(frames[frame_idx], ids[frame_idx], twin, frame_idx, OCCLUDER_ID)
            if behind:
                frames[frame_idx][target] = before[target]
                ids[frame_idx][target] = 1

    def _pick_targets(self, ids: IdMap, num_targets: int) -> npt.NDArray[np.bool_] | None:
        values, counts = np.unique(ids[0], return_counts=True)
        share = counts / ids[0].size
        fit = (
            (values > 0) & (values != OCCLUDER_ID) & (share >= MIN_TARGET_SHARE) & (share <= MAX_TARGET_SHARE)
        )
        if not fit.any():
            return None
        candidates = values[fit]
        # Slivers that an occluder left are no objects to learn from: the larger, the likelier. And the less
        # of its box an object fills, the likelier: who learns from compact things alone fills every box.
        weight = np.sqrt(share[fit]) * [1.15 - box_fill(ids[0] == value) for value in candidates]
        chosen = self._rng.choice(
            candidates, num_targets, replace=len(candidates) < num_targets, p=weight / weight.sum()
        )
        return np.stack([ids == value for value in chosen])
