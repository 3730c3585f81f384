"""Cut-outs of objects from drawings, emoji and photographic stamps, and photos as backgrounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from training.bank import Image

CLIPART_SIDE_PX = 160
STAMP_SIDE_PX = 224
MAX_CLIPART = 2500
"""Drawings are plenty; beyond this many they only crowd out photographs."""
MAX_CLIPART_PIXELS = 4_000_000
NOT_OBJECTS = ("/flags/", "/stars", "/icons/", "/cards/", "patterns", "map_symbols", "semaphore")
"""Folders of openclipart whose pictures are no things."""
NOT_PHOTOS = ("symbols/", "flags", "cartoon", "roadsigns", "/alphabets", "/math", "/shapes", "astronomy")
"""Folders of tuxpaint's stamps that are drawn, not photographed."""
MIN_PHOTO_COLOURS = 150
"""Distinct colours, at 5 bits a channel, from which a stamp counts as a photograph."""
EMOJI_RANGES = ((0x1F300, 0x1F650), (0x1F680, 0x1F6FF), (0x1F900, 0x1FA00), (0x1FA70, 0x1FAF7))
EMOJI_FONT_SIZE = 109
"""The only size that Noto Color Emoji has."""
PHOTO_SIDE_PX = 480
"""Shorter side of a stored photo."""
MAX_PHOTO_PIXELS = 60_000_000


def clipart(root: Path) -> Iterator[Image]:
    """Drawings of Debian's openclipart-png, RGBA."""
    files = sorted((root / "usr/share/openclipart/png").rglob("*.png"))
    files = [file for file in files if not any(word in str(file) for word in NOT_OBJECTS)]
    order = np.random.default_rng(0).permutation(len(files))[:MAX_CLIPART]
    for index in order:
        try:
            picture = PillowImage.open(files[index])
        except PillowImage.DecompressionBombError:  # a few drawings are 15,000 px wide
            continue
        with picture:
            if picture.width * picture.height > MAX_CLIPART_PIXELS:
                continue
            if (cut := trim(picture, CLIPART_SIDE_PX)) is not None:
                yield cut


def emoji(root: Path) -> Iterator[Image]:
    """Emoji of Debian's fonts-noto-color-emoji, RGBA."""
    path = root / "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
    font = ImageFont.truetype(str(path), EMOJI_FONT_SIZE)
    for first, last in EMOJI_RANGES:
        for code in range(first, last):
            canvas = PillowImage.new("RGBA", (150, 150), (0, 0, 0, 0))
            ImageDraw.Draw(canvas).text((5, 5), chr(code), font=font, embedded_color=True)
            if (cut := trim(canvas, 128)) is not None:
                yield cut


def stamps(root: Path) -> Iterator[Image]:
    """Photographed animals, vehicles, food and tools of Debian's tuxpaint-stamps-default, RGBA."""
    for file in sorted((root / "usr/share/tuxpaint/stamps").rglob("*.png")):
        name = str(file)
        if any(word in name for word in NOT_PHOTOS) or "_mirror" in name or "_flip" in name:
            continue
        with PillowImage.open(file) as picture:
            cut = trim(picture, STAMP_SIDE_PX, enlarge=False, min_cover=0.2)
        if cut is not None and _num_colours(cut) >= MIN_PHOTO_COLOURS:
            yield cut


def photos(roots: list[Path]) -> Iterator[Image]:
    """Photographs under some folders, RGB, PHOTO_SIDE_PX on the shorter side, cut where very wide."""
    files = [file for root in roots for file in sorted(root.rglob("*")) if file.is_file()]
    for file in files:
        if file.suffix.lower() not in (".jpg", ".jpeg", ".png") or "screenshot" in file.name:
            continue
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None or min(picture.shape[:2]) < 300 or picture.size > 3 * MAX_PHOTO_PIXELS:
            continue
        scale = PHOTO_SIDE_PX / min(picture.shape[:2])
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        yield np.ascontiguousarray(small[:, : 2 * PHOTO_SIDE_PX, ::-1])


def trim(
    picture: PillowImage.Image, side_px: int, *, enlarge: bool = True, min_cover: float = 0.25
) -> Image | None:
    """A picture cut to what is opaque, its longest side `side_px`; None where it is no single thing."""
    rgba = np.asarray(picture.convert("RGBA"))
    x, y, width, height = cv2.boundingRect((rgba[..., 3] > 128).astype(np.uint8))
    if min(width, height) < 24 or max(width, height) > 5 * min(width, height):
        return None
    scale = side_px / max(width, height)
    if not enlarge:
        scale = min(1.0, scale)
    size = (max(8, int(width * scale)), max(8, int(height * scale)))
    crop = PillowImage.fromarray(rgba[y : y + height, x : x + width]).resize(
        size, PillowImage.Resampling.LANCZOS
    )
    cut = np.array(crop)
    solid = (cut[..., 3] > 128).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(solid)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or solid.mean() < min_cover or areas.max() < 0.85 * areas.sum():
        return None
    return cut


def _num_colours(cut: Image) -> int:
    coarse = (cut[..., :3][cut[..., 3] > 128] >> 3).astype(np.int64)
    return len(np.unique(coarse @ np.array([1024, 32, 1])))
