"""Options that several commands share, and the config keys that they stand for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from streamtrack.config import Override

Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE|FOLDER",
        help="Such as nano or sam2.1-tiny, a weights file, a folder as transformers saves a model, or its id "
        "on the Hugging Face hub (`model.name`).",
        show_default=False,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"] | None,
    typer.Option(help="Where the model runs (`model.device`).", show_default=False),
]
PresetName = Annotated[
    Literal["quality", "balanced", "fast"] | None,
    typer.Option(help="How exact (`model.preset`); keys that are set keep their value.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the config, such as model.image_size=512 or tracking.max_objects=4 (of every "
        "stream); may be repeated. docs/config.md lists the keys.",
        show_default=False,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Let the network in without a token or keys: whoever reaches the ports watches and commands "
        "(`http.allow_open`, `zmq.allow_open`).",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65_535,
        help="Of the page and the API; 0 takes a free one (`http.port`).",
        show_default=False,
    ),
]


def flag_overrides(
    *,
    port: int | None = None,
    model: str | None = None,
    device: str | None = None,
    preset: str | None = None,
    settings: list[str] | None = None,
    insecure: bool = False,
) -> list[Override | str]:
    """What flags say of the config; `--set` comes last, so it stands above them."""
    keys: dict[tuple[str, str], Any] = {
        ("http", "port"): port,
        ("model", "name"): model,
        ("model", "device"): device,
        ("model", "preset"): preset,
    }
    given: list[Override | str] = [
        Override(path, value, f"--{'model' if path[1] == 'name' else path[1]}")
        for path, value in keys.items()
        if value is not None
    ]
    if insecure:
        given += [Override((section, "allow_open"), True, "--insecure") for section in ("http", "zmq")]
    if model is not None:  # the file's own weights are of the model that it named
        given.append(Override(("model", "checkpoint"), None, "--model"))
    return [*given, *(settings or ())]
