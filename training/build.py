"""Fill a working folder with the raw material: `python -m training.build WORK --debs DEBS --clips CLIPS ...`.

`training/README.md` lists where each source comes from and under which licence.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.detect.coco_detector import load_detector
from training.bank import Image, read_photo
from training.cutouts import clipart, emoji, photos, stamps
from training.labelled import Labelled, cut_out, read_coco, segment_photos
from training.mine import mine_clip

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv")
FRAME_EVERY = 40
"""Frames of a clip that are also segmented into regions."""


def write_cutouts(folder: Path, pictures: Iterable[Image]) -> None:
    """Write RGBA pictures as `training.bank` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(tqdm(pictures, desc=f"cutouts/{folder.name}")):
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture[..., [2, 1, 0, 3]])


def write_photos(folder: Path, pictures: Iterable[Image]) -> None:
    """Write RGB pictures as `training.bank` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(tqdm(pictures, desc="photos")):
        cv2.imwrite(str(folder / f"{index:05d}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def write_labelled(work: Path, kind: str, items: Iterable[Labelled]) -> None:
    """Write labelled photos, and their objects as cut-outs of the same kind."""
    folder, cuts = work / "labelled" / kind, work / "cutouts" / kind
    folder.mkdir(parents=True, exist_ok=True)
    cuts.mkdir(parents=True, exist_ok=True)
    num_cuts = 0
    for index, item in enumerate(tqdm(items, desc=f"labelled/{kind}")):
        photo = folder / f"{index:05d}.jpg"
        cv2.imwrite(str(photo), item.photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 94])
        cv2.imwrite(str(photo.with_suffix(".png")), item.labels)
        for picture in cut_out(item):
            cv2.imwrite(str(cuts / f"{num_cuts:05d}.png"), picture[..., [2, 1, 0, 3]])
            num_cuts += 1


def sample_frames(clips: Iterable[Path]) -> Iterator[Image]:
    """Every FRAME_EVERY-th frame of each clip, RGB."""
    for clip in clips:
        with av.open(str(clip)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % FRAME_EVERY == 0:
                    yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def build(work: Path, debs: Path, clips: Path | None, coco: Path | None) -> None:
    """Run every stage whose folder does not exist yet; delete a folder to make it again.

    Args:
        work: where to write.
        debs: root under which the Debian packages were unpacked; `/` if they are installed.
        clips: folder of real clips.
        coco: the COCO subset with panoptic masks.
    """
    for kind, make in (("clipart", clipart), ("emoji", emoji), ("stamps", stamps)):
        if not (work / "cutouts" / kind).exists():
            write_cutouts(work / "cutouts" / kind, make(debs))
    if not (work / "photos").exists():
        examples = debs / "usr/share/doc/opencv-doc/examples/data"
        write_photos(
            work / "photos",
            photos([debs / "usr/share/backgrounds", debs / "usr/share/wallpapers", examples]),
        )
    videos = sorted(p for p in clips.iterdir() if p.suffix in VIDEO_SUFFIXES) if clips else []
    if coco and not (work / "labelled" / "objects").exists():
        write_labelled(work, "objects", read_coco(coco))
    if not (work / "labelled" / "regions").exists():
        pictures = (read_photo(path) for path in sorted((work / "photos").glob("*.jpg")))
        write_labelled(work, "regions", segment_photos(pictures))
        write_labelled(work, "clip_regions", segment_photos(sample_frames(videos)))
    if videos:
        detector = load_detector()
        for video in tqdm(videos, desc="tracks"):
            if not (work / "tracks" / video.stem).exists():
                mine_clip(video, detector, work / "tracks" / video.stem)


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder to fill")
    parser.add_argument("--debs", type=Path, default=Path("/"), help="root of the unpacked Debian packages")
    parser.add_argument("--clips", type=Path, help="folder of real clips to mine")
    parser.add_argument("--coco", type=Path, help="COCO subset with panoptic masks")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    build(arguments.work, arguments.debs, arguments.clips, arguments.coco)


if __name__ == "__main__":
    main()
