"""Prompts as a person writes them on a command line, for any frame of a recording.

    [OBJECT:]VALUE[@FRAME[..[LAST]]]      210,350    2:210,350@40    2:mask.png@0    2:210,350@40..90

The object is 1 and the frame the run's first where left out. What names the same object and frame belongs
together. With `..` the object exists from that frame on, to LAST or to the film's end, and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from streamtrack.config import StreamConfig
from streamtrack.digits import whole_number
from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask
from streamtrack.offline.mask_picture import read_mask
from streamtrack.prompt import MAX_OBJECT_ID, Prompt

FIRST_OBJECT_ID = 1

_PREFIX = re.compile(r"(?P<object>[0-9]{1,18}):(?P<rest>.+)", re.DOTALL)
_SUFFIX = re.compile(r"(?P<rest>.+)@(?P<frame>[0-9]{1,18})(?P<range>\.\.(?P<last>[0-9]{0,18}))?", re.DOTALL)

_Range = tuple[int, int | None]
Lifetimes = dict[int, tuple[int | None, int | None]]
"""The first and the last frame on which an object exists, by its id; None: as far as the film goes."""

MaskFiles = dict[tuple[int, int], Path]
"""The picture of a prompt that is a mask, by frame and object."""


@dataclass(frozen=True, slots=True)
class PromptSet:
    """All that is said of a film's objects before it is followed."""

    prompts: tuple[Prompt, ...] = ()
    lifetimes: Lifetimes = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    """That it was read from."""
    mask_files: MaskFiles = field(default_factory=dict)
    """Those of them that prompts which are masks were read from."""

    @property
    def object_ids(self) -> tuple[int, ...]:
        """In the order in which they come."""
        return tuple(dict.fromkeys(prompt.object_id for prompt in self.prompts))

    def joined(self, other: PromptSet) -> PromptSet:
        """Both; of an object that both have, this one's lifetime counts."""
        prompts, files = (*self.prompts, *other.prompts), (*self.files, *other.files)
        mask_files = {**other.mask_files, **self.mask_files}
        return PromptSet(prompts, {**other.lifetimes, **self.lifetimes}, files, mask_files)

    def with_config(self, stream: StreamConfig, first_frame: int = 0) -> PromptSet:
        """These, and those that the config has for the run's first frame of other objects."""
        return replace(self, prompts=with_prompts_of(stream, self.prompts, first_frame))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one option says."""

    object_id: int
    at_frame: int | None
    """None: the run's first."""
    lifetime: _Range | None = None
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: BoolMask | None = None
    file: Path | None = None
    """Of the mask."""


def parse_prompts(
    points: Sequence[str] = (),
    negative_points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    masks: Sequence[str] = (),
    names: Mapping[int, str] | None = None,
) -> tuple[Prompt, ...]:
    """The prompts of `parse_prompt_set`."""
    return parse_prompt_set(points, negative_points, boxes, masks, names).prompts


def parse_prompt_set(
    points: Sequence[str] = (),
    negative_points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    masks: Sequence[str] = (),
    names: Mapping[int, str] | None = None,
    first_frame: int = 0,
) -> PromptSet:
    """One prompt for each object and frame that the texts name, by frame, then by object.

    Args:
        first_frame: of the run, where a text names none.
        names: what objects are called, see `parse_labels`.
    Raises:
        PromptError: a text cannot be read, an object is named that has no prompt, or has two lifetimes.
    """
    names = names or {}
    parts = [
        *(_parse_point(text, 1) for text in points),
        *(_parse_point(text, 0) for text in negative_points),
        *(_parse_box(text) for text in boxes),
        *(_parse_mask(text) for text in masks),
    ]
    joined = _joined(replace(part, at_frame=first_frame) if part.at_frame is None else part for part in parts)
    prompted = {part.object_id for part in joined}
    for object_id, name in names.items():
        if object_id not in prompted and prompted:
            raise PromptError(f"--object is '{object_id}={name}', expected an object that has a prompt")
    prompts = tuple(
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
    mask_files = {(part.at_frame or 0, part.object_id): part.file for part in joined if part.file is not None}
    return PromptSet(prompts, _lifetimes(joined), mask_paths(masks), mask_files)


def with_prompts_of(
    stream: StreamConfig, prompts: Sequence[Prompt], first_frame: int = 0
) -> tuple[Prompt, ...]:
    """The prompts, and those that the config has for the run's first frame of other objects."""
    given = {prompt.object_id for prompt in prompts}
    configured = (
        Prompt(item.object_id, item.points or None, item.labels, item.box, None, item.label, first_frame)
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
        object_id = whole_number(number.strip())
        if not separator or object_id is None:
            raise PromptError(f"--object is {text!r}, expected ID=LABEL, such as 2=player")
        labels[object_id] = label.strip()
    return labels


def _parse_point(text: str, label: int) -> _Part:
    option = "--point" if label else "--not"
    object_id, value, at_frame, lifetime = _split(option, text.strip())
    x, y = _numbers(option, text, value, 2, "X,Y")
    return _Part(object_id, at_frame, lifetime, points=((x, y),), labels=(label,))


def _parse_box(text: str) -> _Part:
    object_id, value, at_frame, lifetime = _split("--box", text.strip())
    x0, y0, x1, y1 = _numbers("--box", text, value, 4, "X0,Y0,X1,Y1")
    return _Part(object_id, at_frame, lifetime, box=(x0, y0, x1, y1))


def _parse_mask(text: str) -> _Part:
    object_id, path, at_frame, lifetime = _mask_place(text)
    return _Part(object_id, at_frame, lifetime, mask=read_mask(path), file=path)


def _mask_place(text: str) -> tuple[int, Path, int | None, _Range | None]:
    """Object, file, frame and lifetime. A file may be called `1:a@2.png`, or end with a blank: what exists as
    written is the file."""
    if os.path.exists(text):
        return FIRST_OBJECT_ID, Path(text), None, None
    object_id, value, at_frame, lifetime = _split("--mask", text)
    return object_id, Path(value if os.path.exists(value) else value.strip()), at_frame, lifetime


def split_object(option: str, text: str) -> tuple[int, Path]:
    """Object and file of an option such as `2:cup.memory`; the first object where none is named.

    Raises:
        PromptError: the id is out of range.
    """
    match = _PREFIX.fullmatch(text)
    object_id, path = (int(match["object"]), match["rest"]) if match else (FIRST_OBJECT_ID, text)
    if object_id > MAX_OBJECT_ID:
        raise PromptError(f"{option} is {text!r}, expected an object id of at most {MAX_OBJECT_ID}")
    return object_id, Path(path if os.path.exists(path) else path.strip())


def _split(option: str, text: str) -> tuple[int, str, int | None, _Range | None]:
    object_id, value = FIRST_OBJECT_ID, text
    at_frame: int | None = None
    lifetime: _Range | None = None
    if match := _PREFIX.fullmatch(value):
        object_id, value = int(match["object"]), match["rest"]
    if match := _SUFFIX.fullmatch(value):
        value, at_frame = match["rest"], int(match["frame"])
        if match["range"]:
            last = int(match["last"]) if match["last"] else None
            lifetime = at_frame, last
            if last is not None and last < at_frame:
                raise PromptError(f"{option} is {text!r}, expected a last frame of {at_frame} or later")
    if object_id > MAX_OBJECT_ID:
        raise PromptError(f"{option} is {text!r}, expected an object id of at most {MAX_OBJECT_ID}")
    return object_id, value, at_frame, lifetime


def _numbers(option: str, text: str, value: str, count: int, form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise PromptError(f"{option} is {text!r}, expected [OBJECT:]{form}[@FRAME] or @FRAME..LAST")
    return numbers


def _joined(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    joined: dict[tuple[int, int], _Part] = {}
    for part in parts:
        key = (part.at_frame or 0, part.object_id)
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
        lifetime=part.lifetime or before.lifetime,
    )


def _lifetimes(parts: Iterable[_Part]) -> Lifetimes:
    lifetimes: Lifetimes = {}
    for part in parts:
        if part.lifetime is None:
            continue
        before = lifetimes.setdefault(part.object_id, part.lifetime)
        if before != part.lifetime:
            raise PromptError(
                f"object {part.object_id}: exists on {_shown_range(before)} and on "
                f"{_shown_range(part.lifetime)}, expected one range; its other prompts go without"
            )
    return lifetimes


def _shown_range(lifetime: tuple[int | None, int | None]) -> str:
    first, last = lifetime
    return f"frames {0 if first is None else first}..{'' if last is None else last}"
