"""Prompts as a person writes them on a command line, for any frame of a recording.

    [OBJECT:]VALUE[@FRAME]      210,350    2:210,350    2:210,350@40    2:mask.png@0

The object is 1 and the frame 0 where left out. What names the same object and frame belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask

FIRST_OBJECT_ID = 1
MAX_OBJECT_ID = 2**31 - 1

_PREFIX = re.compile(r"(?P<object>\d+):(?P<rest>.+)", re.DOTALL)
_SUFFIX = re.compile(r"(?P<rest>.+)@(?P<frame>\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class FramePrompt:
    """What a user says of an object on one frame of a recording."""

    object_id: int
    frame_idx: int
    points: tuple[tuple[float, float], ...] = ()
    """x, y in pixels of the frame."""
    labels: tuple[int, ...] = ()
    """1 on the object, 0 off it, one for each point."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels."""
    mask: BoolMask | None = None
    """(H, W) bool."""


def parse_prompts(
    points: Sequence[str] = (),
    negative_points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    masks: Sequence[str] = (),
) -> tuple[FramePrompt, ...]:
    """One prompt for each object and frame that the texts name, by frame, then by object.

    Raises:
        PromptError: a text cannot be read; it is named with what was expected.
    """
    parts = [
        *(_parse_point(text, 1) for text in points),
        *(_parse_point(text, 0) for text in negative_points),
        *(_parse_box(text) for text in boxes),
        *(_parse_mask(text) for text in masks),
    ]
    return _joined(parts)


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


def _parse_point(text: str, label: int) -> FramePrompt:
    option = "--point" if label else "--not"
    object_id, value, frame_idx = _split(option, text)
    x, y = _numbers(option, text, value, 2, "X,Y")
    return FramePrompt(object_id, frame_idx, points=((x, y),), labels=(label,))


def _parse_box(text: str) -> FramePrompt:
    object_id, value, frame_idx = _split("--box", text)
    x0, y0, x1, y1 = _numbers("--box", text, value, 4, "X0,Y0,X1,Y1")
    return FramePrompt(object_id, frame_idx, box=(x0, y0, x1, y1))


def _parse_mask(text: str) -> FramePrompt:
    # A file may be called 1:a@2.png; what exists as written is the file.
    as_written = (FIRST_OBJECT_ID, text, 0)
    object_id, value, frame_idx = as_written if Path(text).exists() else _split("--mask", text)
    return FramePrompt(object_id, frame_idx, mask=read_mask(Path(value)))


def read_mask(path: Path) -> BoolMask:
    """(H, W) bool from a picture: what is not black is the object.

    Raises:
        PromptError: it is no picture.
    """
    if not path.is_file():
        raise PromptError(f"--mask {path}: no such file")
    # Decoded from bytes: imread writes warnings of its own to stderr.
    picture = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise PromptError(f"--mask {path}: not a picture, expected a PNG whose object is not black")
    pixels = np.asarray(picture)
    mask: BoolMask = np.not_equal(pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2), 0)
    return mask


def _split(option: str, text: str) -> tuple[int, str, int]:
    object_id, value, frame_idx = FIRST_OBJECT_ID, text.strip(), 0
    if match := _PREFIX.fullmatch(value):
        object_id, value = int(match["object"]), match["rest"]
    if match := _SUFFIX.fullmatch(value):
        value, frame_idx = match["rest"], int(match["frame"])
    if object_id > MAX_OBJECT_ID:
        raise PromptError(f"{option} is {text!r}, expected an object id of at most {MAX_OBJECT_ID}")
    return object_id, value, frame_idx


def _numbers(option: str, text: str, value: str, count: int, form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise PromptError(f"{option} is {text!r}, expected [OBJECT:]{form}[@FRAME]")
    return numbers


def _joined(parts: Iterable[FramePrompt]) -> tuple[FramePrompt, ...]:
    joined: dict[tuple[int, int], FramePrompt] = {}
    for part in parts:
        key = (part.frame_idx, part.object_id)
        before = joined.get(key)
        joined[key] = part if before is None else _join(before, part)
    return tuple(joined[key] for key in sorted(joined))


def _join(before: FramePrompt, part: FramePrompt) -> FramePrompt:
    where = f"object {part.object_id}, frame {part.frame_idx}"
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
