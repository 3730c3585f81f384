"""Prompts as a person writes them on a command line, for any frame of a recording.

    [OBJECT:]VALUE[@FRAME]      210,350    2:210,350    2:210,350@40    2:mask.png@0

The object is 1 and the frame 0 where left out. What names the same object and frame belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from streamtrack.config import StreamConfig
from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask
from streamtrack.offline.mask_picture import read_mask
from streamtrack.prompt import MAX_OBJECT_ID, Prompt

FIRST_OBJECT_ID = 1

_PREFIX = re.compile(r"(?P<object>\d+):(?P<rest>.+)", re.DOTALL)
_SUFFIX = re.compile(r"(?P<rest>.+)@(?P<frame>\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one option says."""

    object_id: int
    at_frame: int
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: BoolMask | None = None


def parse_prompts(
    points: Sequence[str] = (),
    negative_points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    masks: Sequence[str] = (),
    names: Mapping[int, str] | None = None,
) -> tuple[Prompt, ...]:
    """One prompt for each object and frame that the texts name, by frame, then by object.

    Args:
        names: what objects are called, see `parse_labels`.
    Raises:
        PromptError: a text cannot be read, or an object is named that has no prompt.
    """
    names = names or {}
    joined = _joined(
        [
            *(_parse_point(text, 1) for text in points),
            *(_parse_point(text, 0) for text in negative_points),
            *(_parse_box(text) for text in boxes),
            *(_parse_mask(text) for text in masks),
        ]
    )
    prompted = {part.object_id for part in joined}
    for object_id, name in names.items():
        if object_id not in prompted and prompted:
            raise PromptError(f"--object is '{object_id}={name}', expected an object that has a prompt")
    return tuple(
        Prompt(
            part.object_id,
            part.points or None,
            part.labels or None,
            part.box,
            part.mask,
            names.get(part.object_id, ""),
            part.at_frame,
        )
        for part in joined
    )


def with_prompts_of(stream: StreamConfig, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """The prompts, and those that the config has for the first frame of other objects."""
    given = {prompt.object_id for prompt in prompts}
    configured = (
        Prompt(item.object_id, item.points or None, item.labels, item.box, None, item.label, 0)
        for item in stream.prompts
        if item.object_id not in given
    )
    return (*configured, *prompts)


def mask_paths(masks: Sequence[str]) -> tuple[Path, ...]:
    """The files that `--mask` texts name."""
    return tuple(_mask_place(text)[1] for text in masks)


def parse_labels(texts: Sequence[str]) -> dict[int, str]:
    """What objects are called, from texts such as `2=player`.

    Raises:
        PromptError: a text is not of that form.
    """
    labels: dict[int, str] = {}
    for text in texts:
        number, separator, label = text.partition("=")
        if not separator or not number.strip().isdecimal():
            raise PromptError(f"--object is {text!r}, expected ID=LABEL, such as 2=player")
        labels[int(number)] = label.strip()
    return labels


def _parse_point(text: str, label: int) -> _Part:
    option = "--point" if label else "--not"
    object_id, value, at_frame = _split(option, text.strip())
    x, y = _numbers(option, text, value, 2, "X,Y")
    return _Part(object_id, at_frame, points=((x, y),), labels=(label,))


def _parse_box(text: str) -> _Part:
    object_id, value, at_frame = _split("--box", text.strip())
    x0, y0, x1, y1 = _numbers("--box", text, value, 4, "X0,Y0,X1,Y1")
    return _Part(object_id, at_frame, box=(x0, y0, x1, y1))


def _parse_mask(text: str) -> _Part:
    object_id, path, at_frame = _mask_place(text)
    return _Part(object_id, at_frame, mask=read_mask(path))


def _mask_place(text: str) -> tuple[int, Path, int]:
    """Object, file and frame. A file may be called `1:a@2.png`, or end with a blank: what exists as written
    is the file."""
    if Path(text).exists():
        return FIRST_OBJECT_ID, Path(text), 0
    object_id, value, at_frame = _split("--mask", text)
    return object_id, Path(value if Path(value).exists() else value.strip()), at_frame


def _split(option: str, text: str) -> tuple[int, str, int]:
    object_id, value, at_frame = FIRST_OBJECT_ID, text, 0
    if match := _PREFIX.fullmatch(value):
        object_id, value = int(match["object"]), match["rest"]
    if match := _SUFFIX.fullmatch(value):
        value, at_frame = match["rest"], int(match["frame"])
    if object_id > MAX_OBJECT_ID:
        raise PromptError(f"{option} is {text!r}, expected an object id of at most {MAX_OBJECT_ID}")
    return object_id, value, at_frame


def _numbers(option: str, text: str, value: str, count: int, form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise PromptError(f"{option} is {text!r}, expected [OBJECT:]{form}[@FRAME]")
    return numbers


def _joined(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    joined: dict[tuple[int, int], _Part] = {}
    for part in parts:
        key = (part.at_frame, part.object_id)
        before = joined.get(key)
        joined[key] = part if before is None else _join(before, part)
    return tuple(joined[key] for key in sorted(joined))


def _join(before: _Part, part: _Part) -> _Part:
    where = f"object {part.object_id}, frame {part.at_frame}"
    if part.box is not None and before.box is not None:
        raise PromptError(f"{where}: two boxes, expected one")
    if part.mask is not None or before.mask is not None:
        raise PromptError(f"{where}: a mask and another prompt, expected one of them")
    return replace(
        before,
        points=before.points + part.points,
        labels=before.labels + part.labels,
        box=part.box or before.box,
    )
