"""The options of a command line as they were given, to be given again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import typer

COMMAND_LINE = "COMMANDLINE"


def given_options(context: typer.Context, without: Collection[str]) -> list[str]:
    """Words of those options that somebody wrote, in the order of the command's help.

    Args:
        without: names of parameters that are left out.
    """
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name
        if name is None or name in without or not parameter.opts[0].startswith("-"):
            continue
        source = context.get_parameter_source(name)
        if source is not None and source.name == COMMAND_LINE:
            words += _words(parameter, context.params[name])
    return words


def _words(parameter: Any, value: object) -> list[str]:
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    values = value if isinstance(value, list | tuple) else [value]
    return [word for one in values for word in (parameter.opts[0], str(one))]
