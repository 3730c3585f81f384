"""What `track` writes, as options of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from streamtrack.offline import ExportOptions

PANEL = "Exports"
"""The heading in `track --help`."""

Out = Annotated[Path, typer.Option(help="Folder to write to.", rich_help_panel=PANEL)]
Masks = Annotated[
    Literal["png", "rle", "both", "none"],
    typer.Option(
        help="Pictures in masks/ID/FRAME.png, COCO run lengths in masks.jsonl, both or none.",
        rich_help_panel=PANEL,
    ),
]
Overlay = Annotated[
    bool,
    typer.Option(help="Write the annotated overlay.mp4, with the source's sound.", rich_help_panel=PANEL),
]


def _list_where_asked(export: list[str] | None) -> list[str] | None:
    """Tell the exporters, a line each, and end the command."""
    if export and not {"list", "help"}.isdisjoint(export):
        from streamtrack.offline import describe_exporters  # imports torch

        typer.echo(describe_exporters())
        raise typer.Exit
    return export


Exports = Annotated[
    list[str] | None,
    typer.Option(
        "--export",
        metavar="NAME[,NAME]",
        help="More to write, as yolo,coco; `list` tells all of them; MODULE:CLASS is one of your own. "
        "May be repeated.",
        is_eager=True,
        callback=_list_where_asked,
        rich_help_panel=PANEL,
    ),
]
Only = Annotated[
    bool,
    typer.Option("--only", help="Write what --export names, and nothing else.", rich_help_panel=PANEL),
]
Background = Annotated[
    str,
    typer.Option(
        metavar="COLOUR",
        help="What `cutout-colour` puts behind the objects: '#00ff00', white, ...",
        rich_help_panel=PANEL,
    ),
]
Cutout = Annotated[
    Literal["webm", "mov"],
    typer.Option(
        help="File of `cutout`: VP9 for browsers, or ProRes 4444 for editing.", rich_help_panel=PANEL
    ),
]
Panels = Annotated[
    str,
    typer.Option(
        metavar="NAME[,NAME]",
        help="What `panels` and `panels-png` show from left to right: source, overlay, mask.",
        rich_help_panel=PANEL,
    ),
]
Sound = Annotated[bool, typer.Option(help="Copy the source's sound into videos.", rich_help_panel=PANEL)]
ContactFrames = Annotated[
    int,
    typer.Option(min=1, max=400, help="Pictures on the `contact-sheet`.", rich_help_panel=PANEL),
]


def export_options(
    background: str, cutout: Literal["webm", "mov"], panels: str, sound: bool, contact_frames: int
) -> ExportOptions:
    """The options as exporters take them.

    Raises:
        PublishError: a colour or a panel is none.
    """
    from streamtrack.offline import ExportOptions, parse_colour, parse_panels  # imports torch

    return ExportOptions(
        background=parse_colour(background),
        cutout_format=cutout,
        panels=parse_panels(panels),
        sound=sound,
        contact_frames=contact_frames,
    )
