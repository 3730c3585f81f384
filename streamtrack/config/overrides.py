"""What a command line says beside the file: `--set KEY=VALUE`, and the flags that stand for such keys.

They are merged into the file's values before those are checked, so a key counts as set where someone set it,
and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from streamtrack.config.shown import describe_key
from streamtrack.config.stream import StreamConfig
from streamtrack.config.yaml_file import MAX_DEPTH, KeyPath, parse_yaml
from streamtrack.digits import whole_number
from streamtrack.errors import ConfigError

STREAM_KEYS = frozenset(StreamConfig.model_fields)
"""Keys of a stream: without a `streams.N.` before them they are set in every stream."""


@dataclass(frozen=True, slots=True)
class Override:
    """A key and the value that it gets."""

    path: KeyPath
    """`("model", "preset")`, `("streams", "gate", "source", "url")`, or `("source", "url")` of every
    stream."""
    value: Any
    origin: str
    """The flag that said so."""
    same: str | None = None
    """A key: where a mapping with the same value of it stands there already, its other keys stay."""


def parse_assignment(text: str) -> Override:
    """What `--set KEY=VALUE` says; the value is YAML.

    Raises:
        ConfigError: no key, or a value that is not YAML.
    """
    key, equals, value = text.partition("=")
    parts = tuple(key.strip().split("."))
    if not equals or not all(parts) or len(parts) > MAX_DEPTH:
        raise ConfigError("--set: expected KEY=VALUE, such as model.preset=fast")
    numbers = map(whole_number, parts)
    path = tuple(part if number is None else number for part, number in zip(parts, numbers, strict=True))
    return Override(path, parse_yaml(value, f"--set {_shown(path)}").value, "--set")


def apply_override(raw: Any, override: Override) -> tuple[Any, Sequence[KeyPath]]:
    """The values with the override in them, and where it went.

    Raises:
        ConfigError: there is no such stream, or a key stands inside a value that has none.
    """
    places = tuple(_places(raw, override))
    for place in places:
        raw = _put(raw, place, override, 0)
    return raw, places


def _places(raw: Any, override: Override) -> Iterator[KeyPath]:
    """The override's path from the root, once for each stream that it goes into."""
    path = override.path
    streams = raw.get("streams") if isinstance(raw, dict) else None
    if not isinstance(streams, list):
        yield path
    elif path[0] in STREAM_KEYS:
        yield from (("streams", index, *path) for index in range(len(streams)))
    elif path[0] == "streams" and len(path) > 1:
        yield ("streams", _stream_index(streams, path[1], override), *path[2:])
    else:
        yield path


def _stream_index(streams: list[Any], wanted: str | int, override: Override) -> int:
    names = [stream.get("name") if isinstance(stream, dict) else None for stream in streams]
    if wanted in names:
        return names.index(wanted)
    if isinstance(wanted, int) and wanted < len(streams):
        return wanted
    known = ", ".join(describe_key(name) for name in names)
    raise ConfigError(f"{override.origin} {_shown(override.path)}: no such stream, expected one of: {known}")


def _put(raw: Any, path: KeyPath, override: Override, depth: int) -> Any:
    """A copy of `raw` with the value at `path[depth:]`; sections that are not there yet are made."""
    if depth == len(path):
        same, value = override.same, override.value
        stays = same is not None and isinstance(raw, dict) and raw.get(same) == value[same]
        return {**raw, **value} if stays else value
    key = path[depth]
    if isinstance(raw, list) and isinstance(key, int) and key < len(raw):
        return [*raw[:key], _put(raw[key], path, override, depth + 1), *raw[key + 1 :]]
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        inside = _shown(path[:depth]) or "the file"
        raise ConfigError(f"{override.origin} {_shown(override.path)}: {inside} holds no keys of its own")
    return {**raw, str(key): _put(raw.get(str(key)), path, override, depth + 1)}


def _shown(path: KeyPath) -> str:
    return ".".join(map(describe_key, path))
