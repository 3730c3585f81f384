"""Scenes made by the program, with the exact mask of every object: a camera that needs no camera.

`synthetic:NAME?width=640&height=360&fps=30&seed=0&frames=300`; every parameter may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import cv2
import numpy as np

from streamtrack.config import PromptConfig
from streamtrack.errors import SourceError
from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.actors import Script
from streamtrack.scenes.catalog import SCENES
from streamtrack.scenes.patches import composite, soft_shadow
from streamtrack.scenes.textures import SensorNoise

MIN_PROMPT_AREA_PX = 64
"""Fewer visible pixels than this and an object is not worth a prompt."""


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What `NAME?key=value` asks for."""

    name: str
    width_px: int = 640
    height_px: int = 360
    fps: float = 30.0
    seed: int = 0
    num_frames: int | None = None
    """None: without end."""


class Scene:
    """A scene whose frame at any index can be drawn at any time, by any thread."""

    def __init__(self, options: SceneOptions) -> None:
        self.name = options.name
        self.width_px, self.height_px = options.width_px, options.height_px
        self.fps = options.fps
        self.num_frames = options.num_frames
        rng = np.random.default_rng([options.seed, *options.name.encode()])
        self._script: Script = SCENES[options.name](rng, options.width_px, options.height_px)
        self._noise = SensorNoise(rng, options.width_px, options.height_px)
        self._shadow = soft_shadow()

    def render(self, index: int) -> tuple[Image, dict[int, BoolMask]]:
        """Draw one frame.

        Returns:
            image: (H, W, 3) uint8 RGB;
            masks: by object id, (H, W) bool, what is visible of each object; empty where it is hidden or
            away.
        """
        t_s = index / self.fps
        image = self._script.backdrop(t_s)
        # One map of who is on top is cheaper than a mask for each object that every later one has to cut.
        on_top = np.zeros(image.shape[:2], np.uint8)
        for number, actor in enumerate(self._script.actors, start=1):
            if actor.shadow is not None:
                composite(image, self._shadow, actor.shadow(t_s))
            placed = composite(image, actor.look(t_s), actor.pose(t_s))
            if placed is not None:
                height, width = placed.opaque.shape
                on_top[placed.y0 : placed.y0 + height, placed.x0 : placed.x0 + width][placed.opaque] = number
        masks = {
            actor.object_id: on_top == number
            for number, actor in enumerate(self._script.actors, start=1)
            if actor.object_id is not None
        }
        return self._noise.apply(image, index), dict(sorted(masks.items()))


def make_scene(name: str, fps: float | None = None) -> Scene:
    """Build a scene from `NAME?key=value&...`.

    Args:
        fps: overrides the one in the name.
    Raises:
        SourceError: unknown name or key, or a value out of range.
    """
    options = parse_scene_name(name)
    if fps is not None:
        options = SceneOptions(
            options.name, options.width_px, options.height_px, fps, options.seed, options.num_frames
        )
    return Scene(options)


def parse_scene_name(text: str) -> SceneOptions:
    """Check `NAME?key=value&...`.

    Raises:
        SourceError: unknown name or key, or a value out of range.
    """
    name, _, query = text.partition("?")
    if name not in SCENES:
        raise SourceError(
            f"source synthetic:{text}: unknown scene {name!r}, expected one of: {', '.join(SCENES)}"
        )
    values: dict[str, float] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _PARAMETERS:
            raise SourceError(
                f"source synthetic:{text}: unknown parameter {key!r}, expected {', '.join(_PARAMETERS)}"
            )
        convert, low, high = _PARAMETERS[key]
        try:
            number = convert(value)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise SourceError(f"source synthetic:{text}: {key} is {value!r}, expected {low} to {high}")
        values[key] = number
    return SceneOptions(
        name,
        width_px=int(values.get("width", 640)),
        height_px=int(values.get("height", 360)),
        fps=float(values.get("fps", 30.0)),
        seed=int(values.get("seed", 0)),
        num_frames=int(values["frames"]) if "frames" in values else None,
    )


_PARAMETERS: Mapping[str, tuple[Callable[[str], float], float, float]] = {
    "width": (int, 64, 3840),
    "height": (int, 64, 2160),
    "fps": (float, 0.1, 240),
    "seed": (int, 0, 2**31 - 1),
    "frames": (int, 1, 10**9),
}


def prompts_from_masks(
    masks: Mapping[int, BoolMask], labels: Mapping[int, str] | None = None
) -> tuple[PromptConfig, ...]:
    """A box and the innermost point of each visible object.

    The point is the one farthest from the object's edge: a click that lands on it however thin or bent it is.

    Args:
        masks: by object id, (H, W) bool; objects with hardly a visible pixel get no prompt.
        labels: by object id, what to call it.
    """
    prompts = []
    for object_id, mask in masks.items():
        if np.count_nonzero(mask) < MIN_PROMPT_AREA_PX:
            continue
        x, y = innermost_point(mask)
        left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
        prompts.append(
            PromptConfig(
                object_id=object_id,
                label=(labels or {}).get(object_id, ""),
                points=((x, y),),
                box=(left, top, left + width, top + height),
            )
        )
    return tuple(prompts)


def innermost_point(mask: BoolMask) -> tuple[float, float]:
    """x, y of the pixel centre that is farthest from everything outside the (H, W) mask and from the frame's
    edge."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(np.argmax(distance)), distance.shape)
    return float(column) - 0.5, float(row) - 0.5
