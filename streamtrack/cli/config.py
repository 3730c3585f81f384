"""`streamtrack config`: the config in force, and where each of its values comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel, SecretStr

from streamtrack.cli.options import Device, Model, Port, PresetName, Settings, flag_overrides
from streamtrack.cli.target import read_target
from streamtrack.config.reference import config_reference
from streamtrack.config.resolve import Resolved, resolve
from streamtrack.config.yaml_file import KeyPath
from streamtrack.errors import ConfigError
from streamtrack.ingest.redact import HIDDEN, redact_url

MIN_COMMENT_COLUMN = 40


def show_config(
    target: Annotated[
        str | None,
        typer.Argument(metavar="CONFIG|SOURCE", help="As for `serve`.", show_default=False),
    ] = None,
    port: Port = None,
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    settings: Settings = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print what each key means instead, as in docs/config.md.")
    ] = False,
) -> None:
    """Print the config in force as YAML, each value with where it comes from; secrets are hidden."""
    if reference:
        typer.echo(config_reference(), nl=False)
        return
    if target is None:
        raise ConfigError("config: expected a config or a source, or --reference")
    flags = flag_overrides(port=port, model=model, device=device, preset=preset, settings=settings)
    typer.echo(render_config(resolve(read_target(target), flags)))


def render_config(resolved: Resolved) -> str:
    """YAML with a comment behind each value: file and line, flag, preset or default."""
    lines = list(_lines(resolved.config, (), resolved.origins, ""))
    column = max(MIN_COMMENT_COLUMN, *(len(text) for text, _ in lines if len(text) < 2 * MIN_COMMENT_COLUMN))
    return "\n".join(f"{text:<{column}}  # {origin}" if origin else text for text, origin in lines)


def _lines(
    section: BaseModel, path: KeyPath, origins: Mapping[KeyPath, str], indent: str
) -> Iterator[tuple[str, str]]:
    """Each line's YAML, and where its value comes from; empty for a section."""
    for key in type(section).model_fields:
        value, place = getattr(section, key), (*path, key)
        if isinstance(value, BaseModel):
            yield f"{indent}{key}:", ""
            yield from _lines(value, place, origins, f"{indent}  ")
        elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
            yield f"{indent}{key}:", ""
            for index, item in enumerate(value):
                (first, origin), *rest = _lines(item, (*place, index), origins, f"{indent}    ")
                yield f"{indent}  - {first.lstrip()}", origin
                yield from rest
        else:
            yield f"{indent}{key}: {_scalar(key, value)}", origins.get(place, "default")


def _scalar(key: str, value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, SecretStr):
        return json.dumps(HIDDEN)
    if key == "url":
        value = redact_url(value)
    plain = value if value is None or isinstance(value, bool | int | float | str) else _plain(value)
    text = yaml.safe_dump(plain, default_flow_style=True, width=1 << 20, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    """Tuples as lists, paths as text."""
    return (
        [_plain(item) for item in value]
        if isinstance(value, tuple)
        else (value if isinstance(value, bool | int | float | str) else str(value))
    )
