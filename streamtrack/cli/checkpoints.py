"""`streamtrack checkpoints`: what the catalog knows, what lies here, and how it gets here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from streamtrack.errors import CheckpointError
from streamtrack.weights.catalog import (
    CatalogEntry,
    all_checkpoints,
    download_folder,
    fetch_checkpoint,
    find_checkpoint,
    get_entry,
    verify_checkpoint,
)
from streamtrack.weights.hub import (
    WEIGHTS_FILE,
    fetch_hub,
    fetched_ids,
    hub_folder,
    is_model_id,
    verify_hub,
)
from streamtrack.weights.part_file import OnProgress

checkpoints_app = typer.Typer(no_args_is_help=True, help="List, download and check the models' weights.")

Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Such as sam2.1-tiny.", show_default=False)
]
MaybeNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Left out: all that lie here.", show_default=False),
]


@checkpoints_app.command("list")
def list_checkpoints(
    verify: Annotated[bool, typer.Option(help="Also read every file and compare its sha256.")] = False,
) -> None:
    """Every known checkpoint, and where it lies on this machine."""
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("input", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("where", overflow="fold")
    for entry in all_checkpoints().values():
        path = find_checkpoint(entry)
        size = f"{entry.num_bytes / 2**20:.1f} MiB"
        table.add_row(entry.name, size, f"{entry.image_size} px", _state(entry, verify), str(path or ""))
    for model_id in fetched_ids():
        folder = hub_folder(model_id)
        size = f"{(folder / WEIGHTS_FILE).stat().st_size / 2**20:.1f} MiB"
        table.add_row(model_id, size, "", _hub_state(model_id, verify), str(folder))
    console = Console()
    console.print(table)
    console.print(Text(f"downloads go to {download_folder()} (STREAMTRACK_CHECKPOINTS names another folder)"))


@checkpoints_app.command("get")
def get_checkpoints(names: Names) -> None:
    """Download checkpoints; a broken download goes on where it stopped."""
    known = all_checkpoints()
    # A wrong name fails before the first byte.
    wanted = [name if is_model_id(name) else get_entry(name, known) for name in names]
    console = Console()
    for one in wanted:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as progress:
            if isinstance(one, str):
                name, path = one, fetch_hub(one, _bar(progress, one))
            else:
                name, path = one.name, fetch_checkpoint(one, _bar(progress, one.name))
        console.print(Text(f"{name}: {path}"), soft_wrap=True)


@checkpoints_app.command("verify")
def verify_checkpoints(names: MaybeNames = None) -> None:
    """Read files and compare size and sha256; exit code 1 where one is missing or differs."""
    known = all_checkpoints()
    checks: list[tuple[str, Callable[[], Path]]] = []
    for name in names or [
        *(entry.name for entry in known.values() if find_checkpoint(entry)),
        *fetched_ids(),
    ]:
        if is_model_id(name):
            checks.append((name, partial(verify_hub, name)))
        else:
            checks.append((name, partial(_verify_entry, get_entry(name, known))))
    console = Console()
    sound = True
    for name, check in checks:
        try:
            path = check()
        except CheckpointError as error:
            sound = False
            console.print(Text(f"{name}: {error}", style="red"), soft_wrap=True)
        else:
            console.print(Text(f"{name}: {path}: verified", style="green"), soft_wrap=True)
    if not checks:
        console.print("no checkpoint lies here")
    if not sound:
        raise typer.Exit(1)


def _verify_entry(entry: CatalogEntry) -> Path:
    path = find_checkpoint(entry)
    if path is None:
        raise CheckpointError("not on this machine")
    verify_checkpoint(entry, path)
    return path


def _bar(progress: Progress, name: str) -> OnProgress:
    task = progress.add_task(name, total=None)
    return lambda present, total: progress.update(task, completed=present, total=total)


def _hub_state(model_id: str, verify: bool) -> Text:
    if not verify:
        return Text("here", style="green")
    try:
        verify_hub(model_id)
    except CheckpointError:
        return Text("damaged", style="bold red")
    return Text("verified", style="green")


def _state(entry: CatalogEntry, verify: bool) -> Text:
    path = find_checkpoint(entry)
    if path is None:
        return Text("not here", style="dim")
    if path.stat().st_size != entry.num_bytes:
        return Text("damaged", style="bold red")
    if not verify:
        return Text("here", style="green")
    try:
        verify_checkpoint(entry, path)
    except CheckpointError:
        return Text("damaged", style="bold red")
    return Text("verified", style="green")
