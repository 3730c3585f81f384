"""Prompts of a film in a YAML file: `track --prompts FILE`.

- {object_id: 1, label: player, points: [[210, 350], [230, 300]], labels: [1, 0], at_frame: 0}
- {object_id: 2, box: [40, 60, 200, 240], at_frame: 30, first_frame: 30, last_frame: 90}
- {object_id: 3, mask: ball.png}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from streamtrack.config.faults import describe_validation_error
from streamtrack.config.section import Pixels, Section
from streamtrack.config.yaml_file import read_yaml
from streamtrack.errors import PromptError
from streamtrack.offline.mask_picture import read_mask
from streamtrack.offline.prompts import Lifetimes, PromptSet
from streamtrack.prompt import Prompt

HEADER = "# prompts of `streamtrack track`, for its --prompts\n"


class FilmPrompt(Section):
    """One object on one frame: points, a box, both, or a mask."""

    object_id: int = Field(ge=0, le=2**31 - 1)
    """The caller's id; prompts of one id are for one object."""
    label: str = Field("", max_length=128)
    """What it is called."""
    at_frame: int = Field(0, ge=0)
    """The frame's number in the film."""
    points: tuple[tuple[Pixels, Pixels], ...] = ()
    """x, y in pixels."""
    labels: tuple[Literal[0, 1], ...] | None = None
    """1 on the object, 0 off it; all 1 where left out."""
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    """x0, y0, x1, y1 in pixels."""
    mask: Path | None = None
    """A picture of the frame's size, beside the file or by its whole path."""
    first_frame: int | None = Field(None, ge=0)
    """The object exists from this frame on."""
    last_frame: int | None = Field(None, ge=0)
    """And until this one."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.points and self.box is None and self.mask is None:
            raise ValueError("a prompt needs points, a box or a mask")
        if self.labels is not None and len(self.labels) != len(self.points):
            raise ValueError(f"{len(self.labels)} labels for {len(self.points)} points, expected one each")
        return self


def read_prompts_file(path: Path) -> PromptSet:
    """The prompts of a file, as a list or under the key `prompts`.

    Raises:
        ConfigError: it cannot be read, or is not YAML.
        PromptError: it is no list of prompts, or an object has two lifetimes.
    """
    value = read_yaml(path).value
    if isinstance(value, dict) and set(value) == {"prompts"}:
        value = value["prompts"]
    if not isinstance(value, list) or not value:
        raise PromptError(
            f"--prompts {path}: holds no list, expected prompts, one `- {{object_id: ...}}` each"
        )
    try:
        prompts = TypeAdapter(tuple[FilmPrompt, ...]).validate_python(value)
    except ValidationError as error:
        raise PromptError(f"--prompts {path}: {describe_validation_error(error)}") from error
    masks = {(one.at_frame, one.object_id): path.parent / one.mask for one in prompts if one.mask is not None}
    found = tuple(_prompt(path, one) for one in prompts)
    return PromptSet(found, _lifetimes(path, prompts), (path, *masks.values()), masks)


def _prompt(path: Path, one: FilmPrompt) -> Prompt:
    mask = None if one.mask is None else read_mask(path.parent / one.mask)
    labels = one.labels if one.points else None
    return Prompt(one.object_id, one.points or None, labels, one.box, mask, one.label, one.at_frame)


def _lifetimes(path: Path, prompts: tuple[FilmPrompt, ...]) -> Lifetimes:
    lifetimes: Lifetimes = {}
    for one in prompts:
        if one.first_frame is None and one.last_frame is None:
            continue
        lifetime = one.first_frame, one.last_frame
        if lifetimes.setdefault(one.object_id, lifetime) != lifetime:
            raise PromptError(
                f"--prompts {path}: object {one.object_id} has two ranges of frames, expected one"
            )
        if one.first_frame is not None and one.last_frame is not None and one.last_frame < one.first_frame:
            raise PromptError(
                f"--prompts {path}: object {one.object_id}: last_frame is {one.last_frame}, "
                f"expected first_frame ({one.first_frame}) or later"
            )
    return lifetimes


def prompts_yaml(prompts: PromptSet) -> str:
    """A file's text that `read_prompts_file` reads as these prompts."""
    items = [_item(prompt, prompts) for prompt in prompts.prompts]
    return HEADER + yaml.safe_dump(items, sort_keys=False, default_flow_style=None, allow_unicode=True)


def _item(prompt: Prompt, prompts: PromptSet) -> dict[str, Any]:
    at_frame = prompt.at_frame or 0
    first, last = prompts.lifetimes.get(prompt.object_id, (None, None))
    mask_file = prompts.mask_files.get((at_frame, prompt.object_id))
    item: dict[str, Any] = {
        "object_id": prompt.object_id,
        "label": prompt.label or None,
        "at_frame": at_frame,
        "box": None if prompt.box is None else _decimals(prompt.box.tolist()),
        "points": [_decimals(point) for point in prompt.points.tolist()] or None,
        "labels": prompt.labels.tolist() or None,
        "mask": None if mask_file is None else str(mask_file.absolute()),
        "first_frame": first,
        "last_frame": last,
    }
    return {key: value for key, value in item.items() if value is not None}


def _decimals(values: list[float]) -> list[float]:
    """The shortest decimals that are the same float32."""
    return [float(str(np.float32(value))) for value in values]
