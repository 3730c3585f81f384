"""Training clips: frames with the true mask of some objects on every frame, seen whole or through windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Bank, Image, read_labels, read_photo
from training.bases import Base, PhotoBase, RenderedBase, TrackBase, cropped, fitted, mirrored
from training.camera import camera_maps, photometric, street_camera
from training.layers import OwnMotion, split
from training.paste import OCCLUDER_ID, IdMap, jumping, leaving, paste
from training.scenes import scene_frames
from training.shapes import even_ground, random_blob
from training.sprites import Sprite, pick_from_track, random_sprite, twin_of
from training.street import walkers
from training.targets import pick_one, pick_targets
from training.views import FloatArray, box_of, compose, follow_boxes, replicate_outside, whole_view

FIRST_SPRITE_ID = 1000
MAX_TRIES = 50
WINDOW_SHARE = 0.75
"""Share of clips that are seen through a window which follows the target."""
STREET_SHARE = 0.35
"""Share of those that look like a small part of a far camera's compressed picture."""
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
EVEN_SHARE = 0.2
"""Share of grounds under pasted objects that show nothing at all."""
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
    street: float = 3.0
    """People and things that pass one another before a camera that mostly stands still."""


@dataclass
class _Stage:
    """A clip before anybody looks at it."""

    base: Base
    sprites: list[Sprite]
    order: Sequence[int]
    """Times of the frames: forward or backward."""
    elsewhere: Base | None = None
    """Another place, shown on the frames of `away`."""
    away: range = range(0)


class ClipSource:
    """An endless supply of clips; the same seed gives the same clips."""

    def __init__(
        self,
        work: Path,
        *,
        seed: int,
        held_out: bool = False,
        mixture: Mixture | None = None,
        window_share: float = WINDOW_SHARE,
    ) -> None:
        self._bank = Bank.open(work, held_out=held_out)
        self._rng = np.random.default_rng(seed)
        self._window_share = window_share
        mixture = mixture or Mixture()
        weights = asdict(mixture)
        weights["labelled"] *= bool(self._bank.labelled)
        weights["tracks"] *= bool(self._bank.tracks)
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
            windowed = self._rng.random() < self._window_share
            stage = self._set(kind, side_px, num_frames, squash=not windowed)
            if windowed:
                clip = self._through_window(stage, side_px, num_targets)
            else:
                frames, ids = self._draw(stage, [whole_view(side_px, side_px)] * num_frames, side_px, side_px)
                masks = pick_targets(ids, num_targets, self._rng)
                clip = None if masks is None else Clip(photometric(self._rng, frames), masks)
            if clip is not None:
                return clip
        raise RuntimeError(f"no clip with a visible target in {MAX_TRIES} tries")

    def _through_window(self, stage: _Stage, side: int, num_targets: int) -> Clip | None:
        """One target in a window that follows it, the others as they happen to be in it."""
        half = side // 2
        _, ids = self._draw(stage, [whole_view(side, half)] * len(stage.order), side, half)
        target = pick_one(ids[0], self._rng)
        if target is None:
            return None
        boxes = [box_of(frame_ids == target, side / half) for frame_ids in ids]
        boxes[0] = box_of(ids[0] == target, side / half, outliers=0.0)  # who prompts draws a box round all
        views = [window.view(side) for window in follow_boxes(boxes, self._rng, side)]
        frames, ids = self._draw(stage, views, side, side)
        masks = pick_targets(ids, num_targets, self._rng, first=target)
        if masks is None:
            return None
        if self._rng.random() < STREET_SHARE:
            frames = street_camera(self._rng, frames)
        return Clip(photometric(self._rng, frames), masks)

    def _draw(
        self, stage: _Stage, views: Sequence[FloatArray], canvas_px: int, side: int
    ) -> tuple[Image, IdMap]:
        """The frames of a clip through a view each, in order."""
        frames = np.empty((len(views), side, side, 3), np.uint8)
        ids = np.zeros((len(views), side, side), np.int32)
        for k, (t, view) in enumerate(zip(stage.order, views, strict=True)):
            if stage.elsewhere and k in stage.away:
                frames[k], _ = stage.elsewhere.draw(t, view, side)
            else:
                frames[k], ids[k] = stage.base.draw(t, view, side)
                for number, sprite in enumerate(stage.sprites):
                    identity = FIRST_SPRITE_ID + number if sprite.is_target else OCCLUDER_ID
                    paste(frames[k], ids[k], sprite, t, identity, view)
            replicate_outside(frames[k], ids[k], view, canvas_px)
        return frames, ids

    def _set(self, kind: str, side: int, num_frames: int, *, squash: bool) -> _Stage:
        """Put a clip together: what lies below, what is pasted on it, and in which order it is shown."""
        rng = self._rng
        base: Base
        sprites: list[Sprite] = []
        if kind == "scenes":
            base = self._scene_base(side, num_frames, squash=squash)
        elif kind == "street":
            base = self._photo_base(side, num_frames, labelled=False, squash=squash, still=rng.random() < 0.7)
            sprites = walkers(self._bank, rng, side, num_frames)
        elif kind == "tracks":
            base = self._track_base(side, num_frames, squash=squash)
            sprites = self._sprites(int(rng.choice([0, 1, 2], p=[0.7, 0.2, 0.1])), base, side, num_frames)
        elif kind == "labelled":
            base = self._photo_base(side, num_frames, labelled=True, squash=squash)
            sprites = self._sprites(int(rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15])), base, side, num_frames)
        else:
            base = self._photo_base(side, num_frames, labelled=False, squash=squash)
            count = int(rng.choice([1, 2, 3, 4, 5], p=[0.15, 0.3, 0.25, 0.2, 0.1]))
            sprites = self._sprites(count, base, side, num_frames)
        order = range(num_frames)
        stage = _Stage(base, sprites, order[::-1] if rng.random() < 0.3 else order)
        if num_frames >= 4 and rng.random() < CUT_SHARE:
            start = int(rng.integers(1, num_frames))
            back = start < num_frames - 1 and rng.random() < 0.5
            stage.elsewhere = self._photo_base(side, num_frames, labelled=False, squash=squash)
            stage.away = range(start, num_frames - int(back))
        return stage

    def _sprites(self, count: int, base: Base, side: int, num_frames: int) -> list[Sprite]:
        rng = self._rng
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
            sprites.append(self._occluder(side, num_frames, sprites, base))
        return sprites

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

    def _occluder(self, side: int, num_frames: int, sprites: list[Sprite], base: Base) -> Sprite:
        """Something that covers a target on a middle frame, wholly or in part."""
        rng = self._rng
        when = int(rng.integers(1, num_frames))
        if sprites:
            target = sprites[int(rng.integers(len(sprites)))]
            where, size = target.centre(when), target.size * target.zoom**when
        else:
            _, ids = base.draw(when, whole_view(side, side), side)
            values = np.unique(ids[ids > 0])
            region = ids == (rng.choice(values) if len(values) else 0)
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

    def _photo_base(
        self, side: int, num_frames: int, *, labelled: bool, squash: bool, still: bool = False
    ) -> PhotoBase:
        rng = self._rng
        if labelled:
            kinds = sorted(self._bank.labelled)
            share = np.array([LABELLED_WEIGHTS.get(kind, 1.0) for kind in kinds])
            paths = self._bank.labelled[kinds[int(rng.choice(len(kinds), p=share / share.sum()))]]
        else:
            groups = self._bank.backgrounds
            paths = groups[int(rng.integers(len(groups)))]
        path = paths[rng.integers(len(paths))]
        even = not labelled and rng.random() < EVEN_SHARE
        photo = even_ground(rng) if even else read_photo(path)
        labels = read_labels(path.with_suffix(".png")) if labelled else None
        mover = None
        if labels is not None and num_frames > 1 and rng.random() < LAYERED_SHARE:
            own = self._own_mover(labels)
            if own:
                layers = split(path, own)
                photo, labels = layers.background, np.where(labels == own, 0, labels).astype(np.uint8)
                mover = (layers, OwnMotion.draw(rng), own)
        maps = camera_maps(rng, photo.shape, side, num_frames, wide=labelled, squash=squash, still=still)
        if rng.random() < 0.5:
            maps = [compose(mirrored(side), matrix) for matrix in maps]
        return PhotoBase(photo, labels, maps, mover)

    def _own_mover(self, labels: Image) -> int | None:
        """A region that is to move by itself, the larger the likelier; None where there is none."""
        values, counts = np.unique(labels[labels > 0], return_counts=True)
        if not len(values):
            return None
        return int(self._rng.choice(values, p=np.sqrt(counts) / np.sqrt(counts).sum()))

    def _track_base(self, side: int, num_frames: int, *, squash: bool) -> TrackBase:
        """Real frames, cropped about a mined object or whole, sometimes with its twin."""
        rng = self._rng
        track = self._bank.draw_track(rng)
        order = pick_from_track(track, rng, num_frames)
        masks = np.stack([read_labels(track.masks[k]) for k in order])
        height, width = masks.shape[1:]
        if squash:
            x, y, box_width, box_height = cv2.boundingRect(masks.max(0))
            matrix = cropped((x, y, box_width, box_height), (width, height), rng, side)
        else:
            matrix = fitted(width, height, side, squash=False)
        if rng.random() < 0.5:
            matrix = compose(mirrored(side), matrix)
        base = TrackBase(track, order, matrix)
        if rng.random() >= TWIN_SHARE:
            return base
        _, target = base.warped(0, whole_view(side, side), side)
        if not target.any():
            return base
        twin = twin_of(track, target, self._bank, rng, num_frames)
        return replace(base, twin=twin, twin_behind=rng.random() < 0.6)

    def _scene_base(self, side: int, num_frames: int, *, squash: bool) -> RenderedBase:
        frames, ids = scene_frames(self._rng, num_frames)
        height, width = ids[0].shape
        return RenderedBase(frames, ids, fitted(width, height, side, squash=squash))
