"""`streamtrack compile`: a network compiled for this processor once, for every start that follows."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from streamtrack.config import ModelConfig, live_threads
from streamtrack.config.faults import describe_validation_error
from streamtrack.config.image_size import size_text
from streamtrack.errors import ConfigError


def compile_model(
    model: Annotated[str, typer.Argument(help="A name of the catalog, or a path to weights.")] = "nano",
    image_size: Annotated[
        str | None, typer.Option(metavar="PX", help="512 or 1024x576, as `model.image_size`.")
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="As `model.precision`.")
    ] = "auto",
    preset: Annotated[
        Literal["quality", "balanced", "fast"],
        typer.Option(help="As `model.preset`, which auto precision obeys."),
    ] = "quality",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of one step; left out: as many as live streams use.")
    ] = None,
) -> None:
    """Compile a network for this processor; it needs a C++ compiler and a minute or two, once."""
    from streamtrack.model.ahead_of_time import compile_network  # imports torch
    from streamtrack.model.build import load_model
    from streamtrack.model.chosen import choose_model
    from streamtrack.model.compiled_calls import compiled_folder, load_compiled

    try:
        config = ModelConfig(
            name=model,
            device="cpu",
            image_size=image_size,
            precision=precision,
            preset=preset,
            compile="off",
            threads=threads if threads is not None else live_threads(),
        )
    except ValidationError as error:
        raise ConfigError(f"compile: {describe_validation_error(error)}") from error
    loaded = load_model(choose_model(config))
    size = size_text(loaded.network.geometry.input_size)
    what = f"{loaded.name} at {size} px, {loaded.precision}, threads {config.threads}"
    if load_compiled(loaded.network, loaded.precision) is not None:
        typer.echo(f"{what}: compiled before, in {compiled_folder()}")
        return
    started = time.monotonic()
    compile_network(
        loaded.network, loaded.precision, loaded.autocast, lambda doing: typer.echo(f"{what}: {doing}")
    )
    typer.echo(f"{what}: compiled in {time.monotonic() - started:.0f} s, kept in {compiled_folder()}")
