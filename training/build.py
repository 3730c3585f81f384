"""Fill a working folder with the raw material: `python -m training.build WORK --debs DEBS --clips CLIPS ...`.

`training/README.md` lists where each source comes from and under which licence.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.detect.coco_detector import load_detector
from training.bank import Image, read_photo
from training.cutouts import clipart, emoji, photos, stamps
from training.labelled import (
    Labelled,
    cut_out,
    photo_names,
    read_coco,
    read_coco_instances,
    segment_photos,
)
from training.mine import mine_clip

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv")
OUTLINED_EVERY = 2
"""Frames of an outlined clip that are kept."""
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


def write_outlined_track(frames: Path, masks: Path, folder: Path) -> None:
    """Write every OUTLINED_EVERY-th frame of a clip with outlines as `training.bank` reads tracks.

    Whatever is not black in a mask (PNG) is the object; its frame is the PNG or JPEG of the same name.
    """
    folder.mkdir(parents=True)
    outlined = sorted(masks.glob("*.png"))[::OUTLINED_EVERY]
    for index, path in enumerate(outlined):
        picture = next(
            (p for suffix in (".png", ".jpg") if (p := frames / f"{path.stem}{suffix}").exists()), path
        )
        frame, mask = cv2.imread(str(picture)), cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture == path or frame is None or mask is None:
            raise FileNotFoundError(f"{frames / path.stem}.png or .jpg, or {path}, is no readable picture")
        solid = mask.any(-1).astype(np.uint8) * 255
        cv2.imwrite(str(folder / f"frame_{index:05d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 94])
        cv2.imwrite(str(folder / f"track_00_{index:05d}.png"), solid)


@dataclass(frozen=True)
class Sources:
    """Where `build` reads from."""

    debs: Path
    """Root under which the Debian packages were unpacked; `/` if they are installed."""
    clips: Path | None = None
    """Folder of real clips."""
    coco: Path | None = None
    """COCO subset with panoptic masks."""
    instances: Sequence[Path] = ()
    """COCO subsets with polygons."""
    outlined: Sequence[tuple[str, str, str]] = ()
    """Clips with the outline of an object on every frame: name, folder of frames, folder of masks."""


def build(work: Path, sources: Sources) -> None:
    """Run every stage whose folder does not exist yet; delete a folder to make it again."""
    for kind, make in (("clipart", clipart), ("emoji", emoji), ("stamps", stamps)):
        if not (work / "cutouts" / kind).exists():
            write_cutouts(work / "cutouts" / kind, make(sources.debs))
    if not (work / "photos").exists():
        examples = sources.debs / "usr/share/doc/opencv-doc/examples/data"
        folders = [sources.debs / "usr/share/backgrounds", sources.debs / "usr/share/wallpapers", examples]
        write_photos(work / "photos", photos(folders))
    _build_labelled(work, sources)
    for name, frames, masks in sources.outlined:
        if not (work / "tracks" / f"outlined_{name}").exists():
            write_outlined_track(Path(frames), Path(masks), work / "tracks" / f"outlined_{name}")
    detector = load_detector() if sources.clips else None
    for video in tqdm(_videos(sources.clips), desc="tracks"):
        if detector and not (work / "tracks" / video.stem).exists():
            mine_clip(video, detector, work / "tracks" / video.stem)


def _build_labelled(work: Path, sources: Sources) -> None:
    if sources.coco and not (work / "labelled" / "objects").exists():
        write_labelled(work, "objects", read_coco(sources.coco))
    if sources.instances and not (work / "labelled" / "instances").exists():
        known = photo_names(sources.coco) if sources.coco else set()
        write_labelled(work, "instances", read_coco_instances(sources.instances, known))
    if not (work / "labelled" / "regions").exists():
        pictures = (read_photo(path) for path in sorted((work / "photos").glob("*.jpg")))
        write_labelled(work, "regions", segment_photos(pictures))
        write_labelled(work, "clip_regions", segment_photos(sample_frames(_videos(sources.clips))))


def _videos(clips: Path | None) -> list[Path]:
    return sorted(path for path in clips.iterdir() if path.suffix in VIDEO_SUFFIXES) if clips else []


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder to fill")
    parser.add_argument("--debs", type=Path, default=Path("/"), help="root of the unpacked Debian packages")
    parser.add_argument("--clips", type=Path, help="folder of real clips to mine")
    parser.add_argument("--coco", type=Path, help="COCO subset with panoptic masks")
    parser.add_argument("--instances", type=Path, nargs="*", default=(), help="COCO subsets with polygons")
    parser.add_argument(
        "--outlined",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "FRAMES", "MASKS"),
        help="clip with an outline on every frame",
    )
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    build(arguments.pop("work"), Sources(**arguments))


if __name__ == "__main__":
    main()
