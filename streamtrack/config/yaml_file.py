"""YAML as plain values with the line of each key; bounded, and no key twice.

A file that is too long, too deep, or whose anchors unfold to too much is refused before it costs anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from streamtrack.config.shown import describe_key, describe_value
from streamtrack.errors import ConfigError

MAX_FILE_BYTES = 256 * 1024
"""A camera takes half a kilobyte."""
MAX_DEPTH = 32
"""Lists and mappings inside each other; the deepest key of a config has six."""
MAX_VALUES = 10_000
"""Keys, values and list items, those that anchors unfold to included."""

KeyPath = tuple[str | int, ...]
"""Keys and places in lists from the root."""

TOO_DEEP = f"more than {MAX_DEPTH} lists or mappings inside each other"
UNKNOWN_TAG = "a tag (!) that is not known"

_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_MERGE = "tag:yaml.org,2002:merge"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file (or a command line) holds, before it is checked."""

    where: str
    """Names it in errors."""
    value: Any
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line of each key and list item, from 1."""


def read_yaml(path: Path) -> Document:
    """A file's values.

    Raises:
        ConfigError: it cannot be read, is not YAML, or holds a key twice or too much; with the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "not a file's name"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: more than {MAX_FILE_BYTES} bytes, expected a config")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: cannot be read: line {line} is not UTF-8") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Document:
    """A text's values.

    Raises:
        ConfigError: it is not YAML, or holds a key twice or too much; with the line.
    """
    try:
        _check_size(text, where)
        node = yaml.compose(text, Loader=_LOADER)
        builder = _Builder(where)
        value = None if node is None else builder.build(node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        lines = text.split("\n")
        line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
        raise ConfigError(f"{_at(where, mark)}: not YAML: {_in_words(problem, line)}") from error
    return Document(where, value, builder.lines)


def _check_size(text: str, where: str) -> None:
    """Refuse what is too deep or too long while it is only read, before anything is built from it."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        values += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{_at(where, event.start_mark)}: {TOO_DEEP}")
        if values > MAX_VALUES:
            raise ConfigError(f"{_at(where, event.start_mark)}: more than {MAX_VALUES} keys and values")


class _Builder:
    """Plain values from YAML's nodes."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._scalars = yaml.constructor.SafeConstructor()
        self._values = 0
        self.lines: dict[KeyPath, int] = {}

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        """The node's value; `path` says where it stands."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._fault(node, f"anchors unfold to more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            raise self._fault(node, "an anchor holds itself")
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            raise self._fault(node, UNKNOWN_TAG)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.build(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        first_lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        own: list[tuple[str, yaml.Node]] = []
        # Merged keys first: the lines of the mapping's own keys then replace theirs.
        for key_node, value_node in node.value:
            is_merge = key_node.tag == _MERGE
            key = "<<" if is_merge else self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in first_lines:
                shown = key if is_merge else describe_key(key)
                first = first_lines[key]
                raise self._fault(key_node, f"the key {shown} is there twice, first in line {first}")
            first_lines[key] = line
            if is_merge:
                merged = self._merged(value_node, path)
            else:
                own.append((key, value_node))
        for key, value_node in own:
            self.lines[(*path, key)] = first_lines[key]
            merged[key] = self.build(value_node, (*path, key))
        return merged

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        """What `<<: *anchor` or `<<: [*one, *another]` adds; the earlier wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in reversed(nodes):
            value = self.build(part, path)
            if not isinstance(value, dict):
                raise self._fault(part, "`<<` is not a mapping, expected the anchor of one")
            merged |= value
        return merged

    def _key(self, node: yaml.Node) -> str:
        key = self._scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise self._fault(node, f"a key is {describe_value(key)}, expected text")
        return key

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (ValueError, OverflowError) as error:  # a date that is none, a number of 5,000 digits
            raise self._fault(node, "a value that is neither a number nor a date, expected quotes") from error

    def _fault(self, node: yaml.Node, text: str) -> ConfigError:
        return ConfigError(f"{_at(self._where, node.start_mark)}: {text}")


def _at(where: str, mark: Any) -> str:
    return where if mark is None else f"{where}:{mark.line + 1}"


def _in_words(problem: str, line: str) -> str:
    """What the parser says, in users' words where it speaks of its own inside. It may quote the text: a
    character that cannot start a value, the name of an anchor or a tag."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab, expected spaces"
    words = {
        "cannot start any token": "a character that cannot start a value, expected quotes",
        "could not determine a constructor": UNKNOWN_TAG,
        "found undefined alias": "an alias (*) of no anchor (&)",
        "nesting depth": TOO_DEEP,
    }
    return next((told for said, told in words.items() if said in problem), " ".join(problem.split()))
