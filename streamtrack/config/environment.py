"""`${NAME}` in a config's texts: what a file or a command line must not show comes from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streamtrack.config.shown import describe_key
from streamtrack.config.yaml_file import KeyPath
from streamtrack.errors import ConfigError

_VARIABLE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{)")
"""`$${` stands for `${` itself; a `${` alone is a mistake."""


def expand_variables(value: Any, environment: Mapping[str, str], where: str, path: KeyPath = ()) -> Any:
    """The value with every `${NAME}` in its texts replaced.

    Raises:
        ConfigError: a variable is not set, or a `${` has no name and no `}`.
    """
    if isinstance(value, dict):
        return {key: expand_variables(item, environment, where, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [
            expand_variables(item, environment, where, (*path, index)) for index, item in enumerate(value)
        ]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        if match.group(1) == "${":
            return "${"
        key, name = ".".join(map(describe_key, path)), match.group(2)
        if name is None:
            raise ConfigError(f"{where}: {key} holds a ${{ without a name, expected ${{NAME}} (or $${{)")
        if name not in environment:
            raise ConfigError(f"{where}: {key} names the environment variable {name}, which is not set")
        return environment[name]

    return _VARIABLE.sub(replace, value)
