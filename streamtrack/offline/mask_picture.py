"""A mask as people keep them: a picture file. One rule says which of its pixels are the object.

1. Transparency first. Where the alpha channel is not the same everywhere, what is at least half opaque is the
   object, whatever its colour.
2. Two colours or grey values: what is not black is the object (0 and 1, 0 and 255, 0 and 65535, black and any
   one colour). Two of which none is black: the one of at least half brightness, where only one is.
3. More values, as soft edges, antialiasing and JPEG make them: what has at least half of full brightness.
4. All else is refused: areas of several labels, several colours, a photograph. Which one would be meant?

Brightness is the largest of red, green and blue. Palettes count by their colours, not by their numbers.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
"""What Pillow may open; others run programs, or have no pixels."""
MAX_PIXELS = 1 << 25
"""An 8K frame has 33,177,600. Compared with the header's size before anything is unpacked."""
FEW_VALUES = 16
"""Below this many different values they are levels that someone chose; soft edges and JPEG make more."""
END_SHARE = 0.1
"""What lies this near to black or to the brightest is that, to JPEG and to blurring."""
PEAK_PERCENTILE = 95
NEAR_FLAT_SHARE = 2 / 255
"""Of the brightness, by which JPEG lets a flat area vary; a soft edge varies more within three pixels."""
MAX_FLAT_SHARE = 0.25
"""Of the pixels between dark and bright; above it they are areas of their own, not edges."""
MAX_MIDDLE_SHARE = 0.5
"""Of all pixels; with more between dark and bright it is a photograph, not a mask."""
MAX_HUE_SPREAD = 0.25
"""How much a channel's share of the brightness may vary over the bright pixels: the object has one colour."""

FULL_16 = 65_535

Colours = NDArray[np.uint8] | NDArray[np.uint16]


def read_mask(path: Path) -> BoolMask:
    """The object's pixels, (H, W) bool, by the rule of this module.

    Raises:
        PromptError: no such file, no picture, too large, damaged, empty or ambiguous.
    """
    if not os.path.isfile(path):  # a name that no disk takes is no file either, and no error
        raise PromptError(f"--mask {path}: no such file")
    try:
        picture = _decode(path)
        alpha = _alpha(picture)
        if alpha is not None:
            return _checked(path, alpha >= 128, "nothing is half opaque")
        return _by_colour(path, picture)
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for damaged files
        raise PromptError(f"--mask {path}: damaged, or no picture that can be read: {error}") from error


def _decode(path: Path) -> Pillow.Image:
    """The picture, upright, its size checked before its pixels are unpacked."""
    too_large = PromptError(
        f"--mask {path}: has more than {MAX_PIXELS} pixels, expected the size of the frame"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage that Pillow reads over
        warnings.simplefilter("error", Pillow.DecompressionBombWarning)
        try:
            picture = Pillow.open(path, formats=FORMATS)
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
            raise too_large from None
        except UnidentifiedImageError:
            raise PromptError(f"--mask {path}: not a picture, expected a PNG whose object is white") from None
    with picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise too_large
        if getattr(picture, "n_frames", 1) > 1:
            raise PromptError(f"--mask {path}: holds {picture.n_frames} pictures, expected one")  # type: ignore[attr-defined]
        picture.load()
        return ImageOps.exif_transpose(picture) or picture


def _alpha(picture: Pillow.Image) -> NDArray[np.uint8] | None:
    """(H, W) opacity, None where there is none or it is the same everywhere."""
    if not picture.has_transparency_data:
        return None
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    return None if alpha.min() == alpha.max() > 0 else alpha


def _by_colour(path: Path, picture: Pillow.Image) -> BoolMask:
    colours = _colours(picture)
    brightness = colours if colours.ndim == 2 else colours.max(axis=2)
    values = colours if colours.ndim == 2 else _packed(colours)
    num_values = len(np.unique(values))
    if num_values <= 2:
        return _two_valued(path, brightness)
    if num_values < FEW_VALUES:
        _refuse_labels(path, values)
    else:
        _refuse_areas(path, colours, brightness)
    mask = brightness >= _half(brightness)
    return _checked(path, mask, f"none of {num_values} values has half of full brightness")


def _colours(picture: Pillow.Image) -> Colours:
    """(H, W) grey, or (H, W, 3) colour."""
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L"))
    if picture.mode.startswith("I"):
        return np.asarray(np.clip(np.asarray(picture), 0, FULL_16), np.uint16)
    if picture.mode == "F":
        return np.asarray(np.clip(np.asarray(picture), 0, 1) * FULL_16, np.uint16)
    colours = np.asarray(picture.convert("RGB"))
    is_grey = np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(
        colours[..., 0], colours[..., 2]
    )
    return colours[..., 0] if is_grey else colours


def _packed(colours: Colours) -> NDArray[np.uint32]:
    """(H, W): one number for each colour."""
    red, green, blue = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red << 16 | green << 8 | blue)


def _half(brightness: Colours) -> int:
    return (int(np.iinfo(brightness.dtype).max) + 1) // 2


def _two_valued(path: Path, brightness: Colours) -> BoolMask:
    dark, bright, half = int(brightness.min()), int(brightness.max()), _half(brightness)
    if bright == 0:
        raise PromptError(f"--mask {path}: is black, expected an object that is not")
    if dark == bright >= half:
        return np.ones(brightness.shape, np.bool_)
    if dark < bright and (dark == 0 or dark < half <= bright):
        mask: BoolMask = brightness == bright
        return mask
    raise _ambiguous(path, "one value that is neither black nor white" if dark == bright else "no black")


def _refuse_labels(path: Path, values: NDArray[np.unsignedinteger]) -> None:
    """Refuse a few values of which more than two have areas of their own."""
    areas = np.unique(values[_flat(values, 0)])
    if len(areas) > 2:
        raise _ambiguous(path, f"areas of {len(areas)} values or colours")


def _refuse_areas(path: Path, colours: Colours, brightness: Colours) -> None:
    """Refuse many values that are no soft edge between dark and bright."""
    # JPEG's ringing is brighter than the object.
    peak = float(np.percentile(brightness[brightness >= brightness.max() / 2], PEAK_PERCENTILE))
    middle = (brightness > END_SHARE * peak) & (brightness < (1 - END_SHARE) * peak)
    flat = middle & _flat(brightness, NEAR_FLAT_SHARE * peak)
    if middle.mean() > MAX_MIDDLE_SHARE or flat.sum() > MAX_FLAT_SHARE * middle.sum() + 1:
        raise _ambiguous(path, "areas that are neither black nor white")
    bright = brightness >= _half(brightness)
    if colours.ndim == 3 and bright.any():
        hues = colours[bright].astype(np.float32) / brightness[bright][:, None]
        low, high = np.percentile(hues, (5, 95), axis=0)
        if float((high - low).max()) > MAX_HUE_SPREAD:
            raise _ambiguous(path, "several colours")


def _flat(values: NDArray[np.unsignedinteger], tolerance: float) -> BoolMask:
    """Where a pixel equals its eight neighbours, within the tolerance."""
    exact = values.astype(np.float32)  # holds the 24 bits of a colour
    kernel = np.ones((3, 3), np.uint8)
    flat: BoolMask = np.asarray(cv2.dilate(exact, kernel) - cv2.erode(exact, kernel) <= tolerance)
    return flat


def _checked(path: Path, mask: BoolMask, why_empty: str) -> BoolMask:
    if not mask.any():
        raise PromptError(f"--mask {path}: {why_empty}, expected an object that is white, or opaque")
    return mask


def _ambiguous(path: Path, found: str) -> PromptError:
    return PromptError(
        f"--mask {path}: holds {found}, expected one object: two values, or black to white, or transparency"
    )
