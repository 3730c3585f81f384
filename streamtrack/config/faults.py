"""pydantic's faults as one line: key, what was found, what was expected.

Whoever sends a request decides how many faults it has, so the cost is linear in their number, and only the
first is described.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from streamtrack.config.shown import describe_key, describe_value

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

TAG = "kind"
"""Key that says which of several sections a mapping is; pydantic puts its value into a fault's place."""
SECRET_WORDS = ("token", "secret", "url", "password", "key", "auth", "credential")
"""A key that holds one of these never has its value described."""
EXPECTED_OF_TYPE = {
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
}
"""Plain words where pydantic speaks Python's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where."""

    text: str
    """One line, without anything secret."""
    path: tuple[str | int, ...]
    """Keys from the root, as they were written; empty where several keys disagree."""


def describe_validation_error(error: ValidationError, root: type[BaseModel] | None = None) -> str:
    """The first fault of a pydantic error; `root`, where given, is asked for the key that was meant."""
    return first_fault(error.errors(include_url=False), root).text


def describe_faults(faults: Sequence[ErrorDetails], root: type[BaseModel] | None = None) -> str:
    """The first of pydantic's faults, and how many more there are."""
    return first_fault(faults, root).text


def first_fault(faults: Sequence[ErrorDetails], root: type[BaseModel] | None = None) -> Fault:
    """The first of pydantic's faults, and how many more there are."""
    # A list whose item failed is reported as too short as well: only the item's own fault tells something.
    outer = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    leaves = [fault for fault in faults if fault["loc"] not in outer]
    first = leaves[0]
    path, section = _resolve(first["loc"], root)
    more = f" (and {len(leaves) - 1} more)" if len(leaves) > 1 else ""
    return Fault(_describe(first, path, section) + more, path)


def _describe(fault: ErrorDetails, path: tuple[str | int, ...], section: type[BaseModel] | None) -> str:
    parts = [describe_key(part) for part in path]
    key = ".".join(parts) or "the file"
    value = fault["input"]
    if fault["type"] == "extra_forbidden":
        if value is None:  # `http: {TOKEN}` is a key without a value
            parts[-1] = describe_value(path[-1])
            key = ".".join(parts)
        close = difflib.get_close_matches(parts[-1], list(section.model_fields), 1) if section else []
        return f"unknown key {key}{f', expected {close[0]}?' if close else ''}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] == "union_tag_not_found":
        return f"{key}.{TAG} is missing{_expected_tags(path, section)}"
    message = _message(fault)
    if not fault["loc"]:
        is_section = fault["type"] in ("model_type", "model_attributes_type", "dataclass_type")
        return f"{describe_value(value)} was given, {message}" if is_section else message
    secret = any(word in key.lower() for word in SECRET_WORDS)
    got = "" if secret or (isinstance(value, dict) and value) else f" is {describe_value(value)}"
    message = message.removeprefix(f"{parts[-1]}{got}, ")  # was said just now
    return f"{key}{got}: {message[0].lower()}{message[1:]}"


def _expected_tags(path: tuple[str | int, ...], section: type[BaseModel] | None) -> str:
    """Which kinds a mapping may be of."""
    field = section.model_fields.get(str(path[-1])) if section else None
    tags = [str(_tag_of(choice)) for choice in _sections_in(field.annotation)] if field else []
    return f", expected {', '.join(tags)}" if tags else ""


def _message(fault: ErrorDetails) -> str:
    """What was expected."""
    kind, value = fault["type"], fault["input"]
    if kind in EXPECTED_OF_TYPE:
        return EXPECTED_OF_TYPE[kind]
    if kind in ("model_type", "model_attributes_type", "dataclass_type"):
        return "expected a section with keys of its own"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "expected text: put it in quotes"
    message = fault["msg"].removeprefix("Value error, ")
    if kind == "union_tag_invalid":
        tag = fault.get("ctx", {}).get("tag", "")
        if describe_key(tag) != tag:
            message = message.replace(f"'{tag}'", describe_value(tag))
    return message


def _resolve(
    loc: tuple[int | str, ...], root: type[BaseModel] | None
) -> tuple[tuple[int | str, ...], type[BaseModel] | None]:
    """The keys as a person wrote them, and the section that the last one stands in; None where unknown."""
    path: list[int | str] = []
    choices = [root] if root is not None else []
    section = root
    for part in loc:
        tagged = [choice for choice in choices if len(choices) > 1 and _tag_of(choice) == part]
        if tagged:
            choices = tagged
            continue
        path.append(part)
        if isinstance(part, str):
            section = choices[0] if len(choices) == 1 else None
            field = section.model_fields.get(part) if section else None
            choices = list(_sections_in(field.annotation)) if field else []
    return tuple(path), section


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Section classes in an annotation such as `tuple[StreamConfig, ...]` or `CurveConfig | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)


def _tag_of(section: type[BaseModel]) -> Any:
    field = section.model_fields.get(TAG)
    return field.default if field else None
