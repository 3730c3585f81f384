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
    str | None,
    typer.Option(
        metavar="COLOUR",
        help="Behind the objects of `cutout-colour`, which it asks for: white, '#00ff00', ...",
        show_default="#00ff00",
        rich_help_panel=PANEL,
    ),
]
Cutout = Annotated[
    Literal["webm", "mov"] | None,
    typer.Option(
        help="File of `cutout`, which it asks for: VP9 for browsers, ProRes 4444 for editing.",
        show_default="webm",
        rich_help_panel=PANEL,
    ),
]
Panels = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[,NAME]",
        help="Of `panels` (which it asks for) and `panels-png`, from left to right.",
        show_default="source,overlay,mask",
        rich_help_panel=PANEL,
    ),
]
Sound = Annotated[bool, typer.Option(help="Copy the source's sound into videos.", rich_help_panel=PANEL)]
ContactFrames = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=400,
        help="Pictures on the `contact-sheet`, which it asks for.",
        show_default="12",
        rich_help_panel=PANEL,
    ),
]


def asked_exports(
    export: list[str] | None,
    background: str | None,
    cutout: str | None,
    panels: str | None,
    contact_frames: int | None,
) -> list[str]:
    """What `--export` names, and the exporters whose own options are given."""
    from streamtrack.offline import exporter_names  # imports torch

    given = list(export or ())
    asked = {
        "cutout-colour": background is not None,
        "cutout": cutout is not None,
        "panels": panels is not None and "panels-png" not in exporter_names("none", False, given),
        "contact-sheet": contact_frames is not None,
    }
    return [*given, *(name for name, is_asked in asked.items() if is_asked)]


def export_options(
    background: str | None,
    cutout: Literal["webm", "mov"] | None,
    panels: str | None,
    sound: bool,
    contact_frames: int | None,
) -> ExportOptions:
    """The options as exporters take them.

    Raises:
        PublishError: a colour or a panel is none.
    """
    from streamtrack.offline import ExportOptions, parse_colour, parse_panels  # imports torch

    usual = ExportOptions()
    return ExportOptions(
        background=usual.background if background is None else parse_colour(background),
        cutout_format=cutout or usual.cutout_format,
        panels=usual.panels if panels is None else parse_panels(panels),
        sound=sound,
        contact_frames=usual.contact_frames if contact_frames is None else contact_frames,
    )
