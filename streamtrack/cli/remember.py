"""`streamtrack remember`: a picture of an object to a file by which it is known again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamtrack.cli import track_options as o
from streamtrack.cli.options import Device, Model, PresetName, Settings, flag_overrides
from streamtrack.errors import PromptError, PublishError

Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="Shows the object.", show_default=False)]
Mask = Annotated[
    Path | None,
    typer.Argument(
        metavar="[MASK]",
        help="A picture of the same size: opaque, white or not black on the object.",
        show_default=False,
    ),
]
Point = Annotated[
    list[str] | None, typer.Option("--point", metavar="X,Y", help="On the object. May be repeated.")
]
NegativePoint = Annotated[
    list[str] | None, typer.Option("--not", metavar="X,Y", help="Off the object. May be repeated.")
]
Box = Annotated[str | None, typer.Option("--box", metavar="X0,Y0,X1,Y1", help="Around the object.")]
Label = Annotated[str, typer.Option("--label", help="What the object is called.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the memory goes.")]


def remember(
    picture: Picture,
    mask: Mask = None,
    point: Point = None,
    negative: NegativePoint = None,
    box: Box = None,
    label: Label = "",
    out: Out = Path("object.memory"),
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    size: o.ImageSize = None,
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Make an object's memory of a picture: what `track --memory`, `serve` and Python take to look for it.

    It fits the model that made it, at the same size and precision, and no other.
    """
    from streamtrack import offline  # imports torch, which takes seconds
    from streamtrack.config import load_recording_config
    from streamtrack.tracking import Tracker

    if mask is None and not point and box is None:
        raise PromptError("no prompt is given, expected MASK, --point X,Y or --box X0,Y0,X1,Y1")
    if out.exists() and not overwrite:
        raise PublishError(f"--out {out}: exists, expected --overwrite or another file")
    flags = flag_overrides(model=model, device=device, preset=preset, settings=settings)
    flags[:0] = o.film_overrides(None, None, size, None, None)
    in_force = load_recording_config(str(picture), None, flags)
    image = offline.read_picture(picture)
    texts = point or (), negative or (), (box,) if box is not None else (), (str(mask),) if mask else ()
    prompts = offline.parse_prompts(*texts)
    if len(prompts) > 1:
        raise PromptError("several objects or frames are named, expected one object of one picture")
    [prompt] = prompts
    tracker = Tracker.from_config(in_force.model)
    memory = tracker.remember(
        image,
        points=prompt.points if len(prompt.points) else None,
        labels=prompt.labels if len(prompt.points) else None,
        box=prompt.box,
        mask=prompt.mask,
        label=label,
        config=in_force.streams[0].tracking,
    )
    try:
        out.write_bytes(memory)
    except OSError as error:
        raise PublishError(f"--out {out}: {error.strerror}, expected a file that can be written") from None
    typer.echo(f"{len(memory)} bytes of {label or 'an object'} for {tracker.name} in {out}")
