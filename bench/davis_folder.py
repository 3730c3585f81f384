"""Sequences of a folder in DAVIS layout: JPEGImages/RES/NAME/*.jpg and Annotations/RES/NAME/*.png."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Picture

from streamtrack.errors import ConfigError
from streamtrack.frame import BoolMask, Image

WHITE = 255
"""The object's value where a sequence annotates one (DAVIS 2016); `void`, not scored, where it has ids."""


@dataclass(frozen=True)
class Sequence:
    """One clip whose every frame is annotated."""

    name: str
    frame_paths: tuple[Path, ...]
    annotation_paths: tuple[Path, ...]

    def frames(self) -> list[Image]:
        """Every frame, (H, W, 3) RGB."""
        return [_read_photo(path) for path in self.frame_paths]

    @cached_property
    def object_ids(self) -> tuple[int, ...]:
        """Objects of the first frame: those that are prompted and scored."""
        values = set(np.unique(_read_labels(self.annotation_paths[0])).tolist()) - {0}
        return (WHITE,) if values == {WHITE} else tuple(sorted(values - {WHITE}))

    def truth(self, frame_idx: int) -> tuple[Mapping[int, BoolMask], BoolMask]:
        """Each object's mask on a frame, and the pixels that are scored."""
        labels = _read_labels(self.annotation_paths[frame_idx])
        scored = np.ones(labels.shape, np.bool_) if self.object_ids == (WHITE,) else labels != WHITE
        return {object_id: labels == object_id for object_id in self.object_ids}, scored


def open_sequences(folder: Path, names: str | None = None, resolution: str | None = None) -> list[Sequence]:
    """The sequences of a folder, by name.

    Args:
        names: comma-separated, or a file with one a line, such as ImageSets/2017/val.txt; None: all.
        resolution: the folder under JPEGImages; None: the only one, else 480p.
    Raises:
        ConfigError: a folder is missing, or a sequence has no mask for every frame.
    """
    images = folder / "JPEGImages"
    if not images.is_dir():
        raise ConfigError(f"{folder}: holds no JPEGImages, expected a folder in DAVIS layout")
    if resolution is None:
        found = sorted(path.name for path in images.iterdir() if path.is_dir())
        resolution = found[0] if len(found) == 1 else "480p"
    there = sorted(path.name for path in (images / resolution).glob("*") if path.is_dir())
    if not there:
        raise ConfigError(f"{images / resolution}: holds no sequence")
    wanted = _read_names(names) if names is not None else there
    if missing := [name for name in wanted if name not in there]:
        raise ConfigError(
            f"{images / resolution}: no sequence {missing[0]}, expected one of {', '.join(there)}"
        )
    return [_open(images / resolution / name, folder / "Annotations" / resolution / name) for name in wanted]


def _open(frames: Path, annotations: Path) -> Sequence:
    sequence = Sequence(
        frames.name,
        *(tuple(sorted(path.glob(suffix))) for path, suffix in ((frames, "*.jpg"), (annotations, "*.png"))),
    )
    stems = [[path.stem for path in paths] for paths in (sequence.frame_paths, sequence.annotation_paths)]
    if stems[0] != stems[1] or not stems[0]:
        raise ConfigError(
            f"{annotations}: {len(stems[1])} masks for {len(stems[0])} frames, expected one for each"
        )
    if not sequence.object_ids:
        raise ConfigError(f"{sequence.annotation_paths[0]}: shows no object, expected one on the first frame")
    return sequence


def _read_names(names: str) -> list[str]:
    path = Path(names)
    if path.is_file():
        return path.read_text(encoding="utf-8").split()
    return [name.strip() for name in names.split(",")]


def _read_photo(path: Path) -> Image:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ConfigError(f"{path}: not a picture")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def _read_labels(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W): a palette's indices or grey values. OpenCV would give the palette's colours."""
    with Picture.open(path) as picture:
        labels = np.asarray(picture)
    return labels if labels.ndim == 2 else np.asarray(labels[..., 0])
