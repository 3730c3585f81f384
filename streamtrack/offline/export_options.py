"""What exporters can be told: one small typed object, whose fields are the options of `track`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from PIL import ImageColor

from streamtrack.errors import PublishError
from streamtrack.video.palette import Colour

Panel = Literal["source", "overlay", "mask"]
CutoutFormat = Literal["webm", "mov"]

PANELS: tuple[Panel, ...] = get_args(Panel)
MAX_CONTACT_FRAMES = 400


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How exporters write."""

    background: Colour = (0, 255, 0)
    """What `cutout-colour` puts behind the objects."""
    cutout_format: CutoutFormat = "webm"
    """`webm`: VP9 with alpha, small, for browsers; `mov`: ProRes 4444, large, for editing."""
    panels: tuple[Panel, ...] = PANELS
    """What `panels` and `panels-png` show, from left to right."""
    sound: bool = True
    """Copy the recording's sound into videos."""
    contact_frames: int = 12
    """Pictures on the contact sheet, 1 to MAX_CONTACT_FRAMES."""


def parse_colour(text: str) -> Colour:
    """A colour such as `#00ff00`, `green` or `rgb(0, 255, 0)`.

    Raises:
        PublishError: it is none, or is transparent.
    """
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text.strip())
    except ValueError:
        alpha = [0]
    if alpha and alpha[0] != 255:
        raise PublishError(f"--background is {text!r}, expected an opaque colour such as '#00ff00' or green")
    return red, green, blue


def parse_panels(text: str) -> tuple[Panel, ...]:
    """Panels such as `source,mask`, from left to right.

    Raises:
        PublishError: one does not exist, is named twice, or none is named.
    """
    names = [name.strip() for name in text.split(",")]
    panels = tuple(panel for name in names for panel in PANELS if panel == name)
    if len(panels) != len(names) or len(set(names)) != len(names):
        raise PublishError(f"--panels is {text!r}, expected some of {','.join(PANELS)}, each once")
    return panels


def split_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Exporters that `--export` texts name: `a,b` and `a` `b` are the same."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
