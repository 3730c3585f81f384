"""`streamtrack fit`: which model fits into this machine's memory, before one is downloaded or loaded."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamtrack.errors import ConfigError
from streamtrack.model.footprint import GIBIBYTE, Fit, find_fits
from streamtrack.weights.catalog import CATALOG, get_entry


def fit(
    model: Annotated[
        str | None, typer.Argument(help="Such as sam2.1-tiny; left out: all.", show_default=False)
    ] = None,
    objects: Annotated[int, typer.Option(min=1, max=256, help="Objects that are followed at a time.")] = 1,
    size: Annotated[
        int | None,
        typer.Option(
            min=128,
            max=2048,
            help="Side of the input in pixels (`model.image_size`).",
            show_default="each model's own",
        ),
    ] = None,
    free: Annotated[
        float | None,
        typer.Option(min=0, help="GiB that there are.", show_default="what the device says is free"),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        typer.Option(help="With --free also one that this machine has not."),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="As `model.precision`.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Which models fit into the memory of a device, with how many objects, at what size."""
    from streamtrack.model.build import resolve_device, resolve_precision
    from streamtrack.model.hardware import free_bytes

    if model is not None:
        get_entry(model)
    if size is not None and any(not entry.takes_image_size(size) for entry in CATALOG.values()):
        raise ConfigError(f"--size is {size}, expected a multiple of 32")
    on = resolve_device(device).type if free is None or device == "auto" else device
    if precision != "auto":
        exactly: str = precision
    elif free is None:
        exactly = resolve_precision("auto", resolve_device(on))
    else:  # of a device that need not be here
        exactly = "bf16" if on == "cuda" else "fp32"
    there = free_bytes(on) if free is None else round(free * GIBIBYTE)
    if there is None:
        raise ConfigError("this system does not tell how much memory is free, expected --free GIB")
    fits = [
        one
        for one in find_fits(there, objects=objects, image_size=size, precision=exactly, device=on)
        if model in (None, one.entry.name)
    ]
    if as_json:
        facts = {"device": on, "precision": exactly, "free_bytes": there}
        typer.echo(json.dumps({**facts, "models": [_plain(one) for one in fits]}))
        return
    console = Console()
    console.print(_table(fits, objects))
    told = f"{on} in {exactly}: {there / GIBIBYTE:.1f} GiB free; the numbers are estimates"
    console.print(Text(told), soft_wrap=True)


def _table(fits: list[Fit], objects: int) -> Table:
    table = Table()
    for_them = "1 object" if objects == 1 else f"{objects} objects"
    for title in ("model", "input", for_them, "", "most objects", f"largest input for {for_them}"):
        table.add_column(title, justify="left" if title in ("model", "") else "right", no_wrap=True)
    for one in fits:
        verdict = Text("fits", style="green") if one.fits else Text("does not fit", style="bold red")
        largest = "none" if one.largest_size is None else f"{one.largest_size} px"
        needed = f"{one.needed / GIBIBYTE:.2f} GiB"
        table.add_row(one.entry.name, f"{one.image_size} px", needed, verdict, str(one.most_objects), largest)
    return table


def _plain(fit: Fit) -> dict[str, object]:
    values = asdict(fit)
    del values["entry"]
    return {"name": fit.entry.name, **values}
