"""From a YAML file to a checked config."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from streamtrack.config.faults import describe_validation_error
from streamtrack.config.whole import Config
from streamtrack.errors import ConfigError


def load_config(path: Path) -> Config:
    """Read and check a YAML file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or a key or value does not fit; the message names
            file, key, what was found and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(f"{where}: not YAML: {getattr(error, 'problem', error)}") from error
    return parse_config(raw, str(path))


def parse_config(raw: object, where: str) -> Config:
    """Check what a YAML file held; `where` names it in errors.

    Raises:
        ConfigError: a key or value does not fit.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: holds {type(raw).__name__}, expected a mapping with the key 'streams'")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe_validation_error(error, Config)}") from error
