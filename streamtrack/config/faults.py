"""pydantic's faults as one line: key, what was found, what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

TAG = "kind"
"""Key that says which of several sections a mapping is; pydantic puts its value into a fault's place."""


def describe_validation_error(error: ValidationError, root: type[BaseModel] | None = None) -> str:
    """The first fault of a pydantic error; `root`, where given, is asked for the key that was meant."""
    return describe_faults(error.errors(include_url=False), root)


def describe_faults(faults: Sequence[ErrorDetails], root: type[BaseModel] | None = None) -> str:
    """The first of pydantic's faults."""
    # A list whose item failed is reported as too short as well: only the item's own fault tells something.
    leaves = [fault for fault in faults if not any(_is_inside(other, fault) for other in faults)]
    first = leaves[0]
    parts, section = _resolve(first["loc"], root)
    key = ".".join(parts) or "the file"
    more = f" (and {len(leaves) - 1} more)" if len(leaves) > 1 else ""
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(parts[-1], list(section.model_fields), 1) if section else []
        return f"unknown key {key}{f', expected {close[0]}?' if close else ''}{more}"
    if first["type"] == "missing":
        return f"{key} is missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"{message}{more}"
    secret = any(word in key for word in ("token", "secret", "url"))
    got = "" if secret or isinstance(first["input"], dict) else f" is {_short(first['input'])}"
    return f"{key}{got}: {message[0].lower()}{message[1:]}{more}"


def _is_inside(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _resolve(
    loc: tuple[int | str, ...], root: type[BaseModel] | None
) -> tuple[list[str], type[BaseModel] | None]:
    """The keys as a person wrote them, and the section that the last one stands in; None where unknown."""
    parts: list[str] = []
    choices = [root] if root is not None else []
    section = root
    for part in loc:
        tagged = [choice for choice in choices if len(choices) > 1 and _tag_of(choice) == part]
        if tagged:
            choices = tagged
            continue
        parts.append(str(part))
        if isinstance(part, str):
            section = choices[0] if len(choices) == 1 else None
            field = section.model_fields.get(part) if section else None
            choices = list(_sections_in(field.annotation)) if field else []
    return parts, section


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Section classes in an annotation such as `tuple[StreamConfig, ...]` or `CurveConfig | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)


def _tag_of(section: type[BaseModel]) -> Any:
    field = section.model_fields.get(TAG)
    return field.default if field else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
