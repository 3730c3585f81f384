"""The raw material on disk: cut-outs, photos, labelled photos and real tracks, in two halves.

WORK/cutouts/<kind>/NNNNN.png      RGBA, an object cut out along its outline (of a pack: .webp)
WORK/photos/NNNNN.jpg              backgrounds, 480 px high or wide
WORK/labelled/<kind>/NNNNN.jpg     photos with a mask of regions or objects beside them:
WORK/labelled/<kind>/NNNNN.png     8 bits, 0 nothing, 1 to 255 one region each
WORK/tracks/<clip>/frame_NNNNN.jpg           frames of a real clip
WORK/tracks/<clip>/track_TT_NNNNN.png        0 / 255, the mask of one object on frame NNNNN
WORK/actors/<shot>/NNNNN.png       RGBA, a person with the film's own alpha, frames of one size
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(H, W, 3) RGB or (H, W, 4) RGBA."""

HELD_OUT_EVERY = 20
"""Every 20th cut-out, photo and labelled photo is never trained on."""
HELD_OUT_CLIPS = ("04_coffee", "21_biker")
"""Nor are tracks of folders named after these clips; counting would shift as self-training adds tracks."""


@dataclass(frozen=True)
class Track:
    """One object on consecutive sampled frames of a real clip."""

    frames: tuple[Path, ...]
    """Frames on which the object has a mask, in order."""
    masks: tuple[Path, ...]
    """Its mask on each."""


@dataclass(frozen=True)
class Bank:
    """Paths of one half of the split; pictures are decoded when asked for."""

    cutouts: dict[str, tuple[Path, ...]]
    """Cut-outs by kind."""
    photos: tuple[Path, ...]
    """Backgrounds."""
    labelled: dict[str, tuple[Path, ...]]
    """Photos with a label map beside them, by kind."""
    tracks: tuple[Track, ...]
    """Real tracks of at least two frames."""
    actors: tuple[tuple[Path, ...], ...] = ()
    """Shots of a person with alpha, by frame; only trained on."""

    @cached_property
    def backgrounds(self) -> tuple[tuple[Path, ...], ...]:
        """What objects are pasted on, in groups drawn from alike: wallpapers, cluttered real places."""
        frames = tuple(sorted({frame for track in self.tracks for frame in track.frames}))
        groups = (self.photos, self.labelled.get("objects", ()), frames)
        return tuple(group for group in groups if group)

    @cached_property
    def _track_shares(self) -> npt.NDArray[np.float64]:
        clips = [track.masks[0].parent.name for track in self.tracks]
        weight = np.array([clips.count(clip) for clip in clips], np.float64) ** -0.5
        return np.asarray(weight / weight.sum(), np.float64)

    def draw_track(self, rng: np.random.Generator) -> Track:
        """A random real track; a clip with many of them does not drown the others."""
        return self.tracks[int(rng.choice(len(self.tracks), p=self._track_shares))]

    @classmethod
    def open(cls, work: Path, *, held_out: bool) -> Bank:
        """List what `python -m training.build` wrote under `work`.

        Raises:
            FileNotFoundError: there are no photos.
        """
        photos = _half(sorted((work / "photos").glob("*.jpg")), held_out)
        if not photos:
            raise FileNotFoundError(f"{work}/photos has no pictures; run python -m training.build first")
        cutouts = {kind.name: _half(_cutouts(kind), held_out) for kind in _folders(work / "cutouts")}
        labelled = {
            kind.name: _half(sorted(kind.glob("*.jpg")), held_out) for kind in _folders(work / "labelled")
        }
        tracks = [
            track
            for clip in _folders(work / "tracks")
            if any(name in clip.name for name in HELD_OUT_CLIPS) == held_out
            for track in _tracks(clip)
        ]
        return cls(
            cutouts={kind: paths for kind, paths in cutouts.items() if paths},
            photos=photos,
            labelled={kind: paths for kind, paths in labelled.items() if paths},
            tracks=tuple(tracks),
            actors=() if held_out else tuple(tuple(_cutouts(shot)) for shot in _folders(work / "actors")),
        )


@lru_cache(maxsize=2048)
def read_cutout(path: Path) -> Image:
    """Read a cut-out: (H, W, 4) RGBA. Shared: don't write into it."""
    return _read(path, cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]


@lru_cache(maxsize=512)
def read_photo(path: Path) -> Image:
    """Read a photo or a frame: (H, W, 3) RGB. Shared: don't write into it."""
    return np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[..., ::-1])


@lru_cache(maxsize=1024)
def read_labels(path: Path) -> Image:
    """Read a label map or a mask: (H, W), 8 bits. Shared: don't write into it."""
    return _read(path, cv2.IMREAD_GRAYSCALE)


def _read(path: Path, flags: int) -> Image:
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise FileNotFoundError(f"{path} is no readable picture")
    return np.asarray(picture, np.uint8)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _cutouts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".webp"))


_T = TypeVar("_T")


def _half(items: Sequence[_T], held_out: bool) -> tuple[_T, ...]:
    return tuple(item for index, item in enumerate(items) if (index % HELD_OUT_EVERY == 0) == held_out)


def _tracks(clip: Path) -> list[Track]:
    by_track: dict[str, list[Path]] = {}
    for mask in sorted(clip.glob("track_*_*.png")):
        by_track.setdefault(mask.stem.split("_")[1], []).append(mask)
    return [
        Track(tuple(clip / f"frame_{mask.stem.split('_')[2]}.jpg" for mask in masks), tuple(masks))
        for masks in by_track.values()
        if len(masks) >= 2
    ]
