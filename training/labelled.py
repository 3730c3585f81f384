"""Photos with regions marked: objects outlined by people (COCO), and segments found by an algorithm."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image

FREE_COCO_LICENCES = frozenset({4, 5, 7, 8})
"""COCO's numbers for CC BY, CC BY-SA, no known restrictions, US government work: neither NC nor ND."""
SEGMENT_HEIGHT_PX = 270
"""Photos are segmented at this height: segments of larger pictures are no better and take minutes."""
MIN_SHARE, MAX_SHARE = 0.004, 0.35
"""Sizes of a useful region, as shares of the picture."""
CUTOUT_SIDE_PX = 192
"""Longest side of a cut-out."""

LabelMap = npt.NDArray[np.uint8]
"""(H, W), 0 nothing, 1 to 255 one region each."""


@dataclass(frozen=True)
class Labelled:
    """A photo and its regions."""

    photo: Image
    """(H, W, 3) RGB."""
    labels: LabelMap
    """(H, W)."""
    is_object: npt.NDArray[np.bool_]
    """By label: worth cutting out and pasting elsewhere (entry 0 is unused)."""


def read_coco(folder: Path) -> Iterator[Labelled]:
    """Read a COCO panoptic subset: `images/<split>/` and `panoptic_segmentation/annotations/`.

    Pictures whose licence forbids commercial use or derivatives are left out.
    """
    annotations = folder / "panoptic_segmentation" / "annotations"
    for file in sorted(annotations.glob("panoptic_*.json")):
        split = file.stem.removeprefix("panoptic_")
        listing = json.loads(file.read_text())
        things = {category["id"] for category in listing["categories"] if category["isthing"]}
        free = {image["id"]: image for image in listing["images"] if image["license"] in FREE_COCO_LICENCES}
        for entry in listing["annotations"]:
            if entry["image_id"] not in free:
                continue
            photo = cv2.imread(str(folder / "images" / split / free[entry["image_id"]]["file_name"]))
            panoptic = cv2.imread(str(annotations / file.stem / entry["file_name"]))
            if photo is None or panoptic is None:
                continue
            yield _from_panoptic(photo[..., ::-1], panoptic, entry["segments_info"], things)


def _from_panoptic(
    photo: Image, panoptic: Image, segments: list[dict[str, int]], things: set[int]
) -> Labelled:
    # COCO packs a segment's number into blue, green, red: here B + 256 G + 65536 R of an image read as BGR.
    packed = panoptic.astype(np.int64)
    numbers = packed[..., 2] + 256 * packed[..., 1] + 65536 * packed[..., 0]
    labels = np.zeros(numbers.shape, np.uint8)
    is_object = [False]
    for segment in segments[:255]:
        region = numbers == segment["id"]
        if segment["iscrowd"] or not MIN_SHARE / 4 <= region.mean() <= 0.7:
            continue
        labels[region] = len(is_object)
        is_object.append(segment["category_id"] in things)
    return Labelled(np.ascontiguousarray(photo), labels, np.array(is_object))


def read_coco_instances(folders: Iterable[Path], skip: Collection[str] = ()) -> Iterator[Labelled]:
    """Read COCO subsets with polygons: `instances_<split>.json` and `<split>/` or `images/<split>/` near it.

    Every photo is read once, whatever number of subsets it is in; licences as in `read_coco`.

    Args:
        folders: each is searched for listings.
        skip: file names of photos that were read elsewhere.
    """
    seen = set(skip)
    for file in (found for folder in folders for found in sorted(folder.rglob("instances_*.json"))):
        listing = json.loads(file.read_text())
        split, root = file.stem.removeprefix("instances_"), file.parents[1]
        outlines: dict[int, list[dict[str, Any]]] = {}
        for annotation in listing["annotations"]:
            outlines.setdefault(annotation["image_id"], []).append(annotation)
        for entry in listing["images"]:
            name = entry["file_name"]
            if entry["license"] not in FREE_COCO_LICENCES or name in seen or entry["id"] not in outlines:
                continue
            places = (root / split / name, root / "images" / split / name)
            path = next((place for place in places if place.exists()), None)
            photo = None if path is None else cv2.imread(str(path))
            if photo is None:
                continue
            seen.add(name)
            yield _from_polygons(np.ascontiguousarray(photo[..., ::-1]), outlines[entry["id"]])


def _from_polygons(photo: Image, annotations: list[dict[str, Any]]) -> Labelled:
    labels = np.zeros(photo.shape[:2], np.uint8)
    count = 0
    # Large ones first: what lies in front of something is mostly smaller.
    for annotation in sorted(annotations, key=lambda one: -one["area"])[:255]:
        if annotation["iscrowd"] or not MIN_SHARE / 4 <= annotation["area"] / labels.size <= 0.7:
            continue
        count += 1
        polygons = [np.round(np.reshape(p, (-1, 2))).astype(np.int32) for p in annotation["segmentation"]]
        cv2.fillPoly(labels, polygons, count)
    return Labelled(photo, labels, np.array([False] + [True] * count))


def photo_names(coco: Path) -> set[str]:
    """File names of all photos of a panoptic subset."""
    listings = (coco / "panoptic_segmentation" / "annotations").glob("panoptic_*.json")
    return {image["file_name"] for file in listings for image in json.loads(file.read_text())["images"]}


def segment_photos(photos: Iterable[Image], seed: int = 1) -> Iterator[Labelled]:
    """Find compact regions of photos by Felzenszwalb's graph-based segmentation."""
    # Imported here because only this stage needs scikit-image.
    from skimage.segmentation import felzenszwalb

    rng = np.random.default_rng(seed)
    for photo in photos:
        height, width = photo.shape[:2]
        size = (round(width * SEGMENT_HEIGHT_PX / height), SEGMENT_HEIGHT_PX)
        small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        smooth = cv2.bilateralFilter(small, 7, 40, 7)
        segments = felzenszwalb(
            smooth, scale=float(rng.choice([100, 200, 400, 700])), sigma=0.6, min_size=150
        )
        labels = np.zeros(segments.shape, np.uint8)
        count = 0
        for number in np.unique(segments):
            region = _compact(segments == number)
            if region is not None and count < 255:
                count += 1
                labels[region] = count
        if count:
            yield Labelled(small, labels, np.ones(count + 1, np.bool_))


def _compact(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_] | None:
    """The region without frays and holes, or None where it is no compact piece of a useful size."""
    if not MIN_SHARE <= region.mean() <= MAX_SHARE:
        return None
    mask = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    area = stats[largest, cv2.CC_STAT_AREA]
    box = stats[largest, cv2.CC_STAT_WIDTH] * stats[largest, cv2.CC_STAT_HEIGHT]
    outlines, _ = cv2.findContours(
        (numbered == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    hull = cv2.contourArea(cv2.convexHull(outlines[0]))
    if area < 250 or area < 0.35 * box or area < 0.6 * hull:
        return None
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines[:1], -1, 1, cv2.FILLED)
    return np.asarray(filled > 0)


def cut_out(labelled: Labelled) -> Iterator[Image]:
    """RGBA cut-outs of the regions that are objects and don't touch the picture's border."""
    height, width = labelled.labels.shape
    for number in np.flatnonzero(labelled.is_object):
        mask = (labelled.labels == number).astype(np.uint8) * 255
        x, y, box_width, box_height = cv2.boundingRect(mask)
        at_border = x == 0 or y == 0 or x + box_width == width or y + box_height == height
        if number == 0 or at_border or min(box_width, box_height) < 24:
            continue
        window = (slice(y, y + box_height), slice(x, x + box_width))
        picture = np.dstack([labelled.photo[window], mask[window]])
        scale = min(1.0, CUTOUT_SIDE_PX / max(box_width, box_height))
        size = (max(8, round(box_width * scale)), max(8, round(box_height * scale)))
        yield np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
