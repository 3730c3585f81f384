"""The file in which rules are kept that are made at run time: JSON, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamtrack.config import AnyRule
from streamtrack.config.faults import describe_validation_error
from streamtrack.errors import ConfigError, PublishError
from streamtrack.whole_file import write_whole

VERSION = 1
MAX_FILE_BYTES = 1 << 20


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=VERSION)
    rules: tuple[AnyRule, ...]


def read_rules(path: Path) -> tuple[AnyRule, ...]:
    """The rules in a file; none where it is not there.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: holds more than {MAX_FILE_BYTES} bytes, expected a file of rules")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as rules: {_reason(error)}") from error
    try:
        raw: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON, expected a file of rules (or none)") from error
    try:
        return _Kept.model_validate(raw).rules
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_validation_error(error, _Kept)}") from error


def write_rules(path: Path, rules: Sequence[AnyRule]) -> None:
    """Put these rules in the place of what the file holds.

    Raises:
        PublishError: the file cannot be written; it is what it was.
    """
    told = {"version": VERSION, "rules": [rule.model_dump(mode="json") for rule in rules]}
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise PublishError(f"{path}: the rules cannot be kept: {_reason(error)}") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no text"
