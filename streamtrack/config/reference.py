"""docs/config.md, written from the sections' own docstrings, so that each key is described once.

streamtrack config --reference > docs/config.md
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from streamtrack.config.whole import Config

HEAD = """\
# Every key of the configuration

Written from the code by `streamtrack config --reference`; a test keeps the two together.

A config is a YAML file. It names what differs from the defaults below; unknown keys, and the same key twice,
are refused. Units end the keys. `streamtrack config FILE` prints each value in force and where it comes from.
The command line (`--set KEY=VALUE` and flags that stand for keys) stands above the file, the file above the
preset, the preset above the defaults.

`${NAME}` in a text is replaced by the environment variable NAME, and refused where that is not set, so that
passwords, tokens and keys stand neither in the file nor in the list of processes; `$${` stands for `${`
itself. `<<: *anchor` takes another mapping's keys over. `--set tracking.KEY=VALUE` (and source, video,
autoprompt) sets the key in every stream, `--set streams.NAME.tracking.KEY=VALUE` in one.
"""
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
"""Attributes of a field's constraints, and the words for them."""


def config_reference() -> str:
    """The text of docs/config.md."""
    return "\n".join([HEAD, *_section(Config, "")])


def _section(section: type[BaseModel], path: str) -> Iterator[str]:
    """A heading, the section's own keys, then the sections inside it."""
    if path:
        yield f"## `{path}`\n"
        yield f"{_one_line(inspect.getdoc(section) or '')}\n"
        yield "| key | values | default | |\n|---|---|---|---|"
    inner: list[tuple[type[BaseModel], str]] = []
    for key, field in section.model_fields.items():
        place = f"{path}.{key}" if path else key
        sections = list(_sections_in(field.annotation))
        many = get_origin(field.annotation) is tuple
        inner += [(found, _place_of(found, f"{place}[]" if many else place, sections)) for found in sections]
        if path:
            meaning = _one_line(field.description or "")
            yield f"| `{key}` | {_values(field, sections)} | {_default(field)} | {meaning} |"
    if path:
        yield ""
    for found, place in inner:
        yield from _section(found, place)


def _place_of(section: type[BaseModel], place: str, among: list[type[BaseModel]]) -> str:
    """Where the section stands, with the kind that it is of where there are several."""
    return f"{place}, kind: {section.model_fields['kind'].default}" if len(among) > 1 else place


def _values(field: FieldInfo, sections: list[type[BaseModel]]) -> str:
    if sections:
        many = get_origin(field.annotation) is tuple
        return "list of sections" if many else "section"
    return ", ".join([_type(field.annotation), *_bounds(field.metadata)])


def _type(annotation: Any) -> str:
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if get_origin(annotation) is tuple:
        return f"list: {_type(arguments[0])}"
    if arguments and hasattr(annotation, "__metadata__"):  # Annotated[float, ...]
        return ", ".join([_type(arguments[0]), *_bounds(annotation.__metadata__)])
    if arguments:  # X | Y | None
        kinds = (argument for argument in arguments if argument is not type(None))
        return ", ".join(dict.fromkeys(map(_type, kinds)))
    names = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text", SecretStr: "text"}
    return names.get(annotation, "path")


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _bounds(item.metadata)
        yield from (f"{word} {getattr(item, name)}" for name, word in BOUNDS.items() if hasattr(item, name))


def _default(field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, BaseModel):
        return ""
    if default is None:
        return "`null`"
    if default == ():
        return "`[]`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default != "" else '`""`'


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
