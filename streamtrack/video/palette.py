"""One stable colour per object id, the same in the picture and on the page.

Hues step by the golden ratio, so that any run of ids is spread over the circle and no id needs to know the
others. They are taken in OKLCH, where equal numbers look equally light; because hue alone fails people who
are colour-blind, the lightness steps too: neighbours of similar hue differ in brightness. Every object also
carries its number.
"""

from __future__ import annotations

import math
from functools import cache

Colour = tuple[int, int, int]
"""R, G, B, 0 to 255."""

PALETTE_SIZE = 64
"""Ids that differ by this share a colour: more than anyone can tell apart."""
GOLDEN_RATIO_CONJUGATE = 0.618033988749895
FIRST_HUE = 0.41
"""Turns. Puts id 1 on rose: far from grass, sky, wood and skin."""
LIGHTNESSES = (0.80, 0.70, 0.88)
CHROMA = 0.17


def object_colour(object_id: int) -> Colour:
    """The sRGB colour of an object; the same for the same id in every frame, process and release."""
    return _palette_colour(object_id % PALETTE_SIZE)


def palette() -> list[str]:
    """Every colour as #rrggbb, index = object id modulo the length."""
    return ["#{:02x}{:02x}{:02x}".format(*_palette_colour(index)) for index in range(PALETTE_SIZE)]


@cache
def _palette_colour(index: int) -> Colour:
    hue = 2 * math.pi * ((FIRST_HUE + index * GOLDEN_RATIO_CONJUGATE) % 1.0)
    lightness = LIGHTNESSES[index % len(LIGHTNESSES)]
    chroma = CHROMA
    linear = _oklch_to_linear_srgb(lightness, chroma, hue)
    # Few hues reach this chroma at this lightness: fade towards grey until the screen can show it, hue kept.
    while min(linear) < 0.0 or max(linear) > 1.0:
        chroma -= 0.005
        linear = _oklch_to_linear_srgb(lightness, chroma, hue)
    red, green, blue = (round(255 * _gamma(value)) for value in linear)
    return red, green, blue


def _oklch_to_linear_srgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Source: Ottosson, "A perceptual color space for image processing", 2020."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
