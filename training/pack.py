"""The working folder in one small file, to train on another machine: `python -m training.pack WORK pack.zip`.

Pictures are made smaller and compressed harder, step by step, until the file holds at most `--mib`. On the
other machine `python -m training.pack NEWWORK pack.zip --unpack` makes a working folder of it.
"""

from __future__ import annotations

import argparse
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

FOLDERS = ("actors", "cutouts", "labelled", "photos", "tracks")
"""Of a working folder; runs stay where they are."""
MIB = 60
"""What a pack holds at most, 2**20 bytes."""
STEPS = ((320, 80), (280, 68), (240, 58), (200, 48), (160, 38))
"""Shorter side of photos and frames, px, and the quality of WebP and JPEG; cut-outs have two thirds of it."""
CUTOUT_SHARE = 2 / 3


def packed(path: Path, side_px: int, quality: int) -> tuple[str, bytes]:
    """A picture's suffix and bytes at a shorter side of at most `side_px`.

    Masks and labels stay PNG without loss of their values; what has alpha becomes WebP.

    Raises:
        FileNotFoundError: no readable picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise FileNotFoundError(f"{path} is no readable picture")
    values, alpha = picture.ndim == 2, picture.ndim == 3 and picture.shape[2] == 4
    scale = min(1.0, side_px * (CUTOUT_SHARE if alpha else 1.0) / min(picture.shape[:2]))
    if scale < 1.0:
        size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
        how = cv2.INTER_NEAREST if values else cv2.INTER_AREA
        picture = cv2.resize(picture, size, interpolation=how)
    if values:
        return ".png", _encoded(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if alpha:
        return ".webp", _encoded(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return ".jpg", _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _encoded(suffix: str, picture: np.ndarray, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, picture, options)
    if not done:
        raise ValueError(f"no {suffix} can be made of a picture of shape {picture.shape}")
    return data.tobytes()


def pack(work: Path, target: Path, mib: float = MIB) -> int:
    """Write the pack and return its bytes.

    Raises:
        ValueError: even at the last step it is larger than `mib`; nothing is left behind.
    """
    partial = target.with_suffix(".partial")
    size = 0
    for side_px, quality in STEPS:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for path in tqdm(list(_pictures(work)), desc=f"{side_px} px, quality {quality}"):
                suffix, data = packed(path, side_px, quality)
                archive.writestr(str(path.relative_to(work).with_suffix(suffix)), data)
        size = partial.stat().st_size
        if size <= mib * 2**20:
            partial.replace(target)
            return size
    partial.unlink()
    raise ValueError(f"{target}: {size / 2**20:.0f} MiB at the least quality, expected at most {mib:g}")


def _pictures(work: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        if (work / folder).is_dir():
            yield from (path for path in sorted((work / folder).rglob("*.*")) if path.is_file())


def unpack(source: Path, work: Path) -> None:
    """Make a working folder of a pack; names that would lie outside it are not written there."""
    with zipfile.ZipFile(source) as archive:
        archive.extractall(work)


def main() -> None:
    """Parse the command line and pack or unpack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="working folder")
    parser.add_argument("file", type=Path, help="the pack")
    parser.add_argument("--mib", type=float, default=MIB, help="most that it may hold")
    parser.add_argument("--unpack", action="store_true", help="from the file into the folder")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    if arguments.unpack:
        unpack(arguments.file, arguments.work)
    else:
        size = pack(arguments.work, arguments.file, arguments.mib)
        logger.info("%s: %.1f MiB", arguments.file, size / 2**20)


if __name__ == "__main__":
    main()
