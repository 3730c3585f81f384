"""A stream that somebody gave over HTTP, before it is believed: what of its settings is the server's own
business is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from streamtrack.config import DetectorAutoprompt, StreamConfig
from streamtrack.config.autoprompt import SHIPPED
from streamtrack.config.faults import first_fault
from streamtrack.errors import ConfigError, ForbiddenSourceError
from streamtrack.ingest.source_gate import SourceGate

ADDRESS_KEYS = frozenset({"url", "urls", "host", "hosts"})


def parse_stream(raw: Any) -> StreamConfig:
    """A stream's settings.

    Raises:
        ConfigError: a key or value does not fit; names it.
    """
    try:
        return StreamConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(first_fault(error.errors(include_url=False), StreamConfig).text) from error


def check_given(config: StreamConfig, gate: SourceGate) -> None:
    """Refuse what reads files, runs code, or connects where it may not.

    Raises:
        ForbiddenSourceError: it does. SourceError: its source can never work.
    """
    gate.check(config.source)
    auto = config.autoprompt
    if isinstance(auto, DetectorAutoprompt) and auto.detector != SHIPPED:
        raise ForbiddenSourceError(
            f"autoprompt.detector: code or weights of the server's, expected {SHIPPED}; others are for the "
            "config file"
        )
    for path, value in _set_leaves(config, ()):
        key = ".".join(path)
        if isinstance(value, Path):
            raise ForbiddenSourceError(
                f"{key}: a path of the server's, expected none; it is for the config file"
            )
        if path[0] != "source" and path[-1] in ADDRESS_KEYS and isinstance(value, str):
            gate.check_url(value if "://" in value else f"//{value}", key)


def _set_leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values that were set, with the keys that lead to them; places in lists are left out."""
    if isinstance(value, BaseModel):
        for key in value.model_fields_set:
            yield from _set_leaves(getattr(value, key), (*path, key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _set_leaves(item, path)
    elif value is not None:
        yield path, value.get_secret_value() if isinstance(value, SecretStr) else value
