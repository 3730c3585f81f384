"""The options of `streamtrack track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from streamtrack.config import Override

Points = Annotated[
    list[str] | None,
    typer.Option(
        "--point",
        metavar="[ID:]X,Y[@FRAME[..LAST]]",
        help="On the object, in pixels. With a range the object exists on those frames alone. "
        "May be repeated.",
    ),
]
NegativePoints = Annotated[
    list[str] | None,
    typer.Option("--not", metavar="[ID:]X,Y[@FRAME]", help="Off the object. May be repeated."),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box", metavar="[ID:]X0,Y0,X1,Y1[@FRAME[..LAST]]", help="Around the object. May be repeated."
    ),
]
Masks = Annotated[
    list[str] | None,
    typer.Option(
        "--mask",
        metavar="[ID:]FILE[@FRAME[..LAST]]",
        help="Picture of the frame's size: opaque, white or not black on the object.",
    ),
]
Memories = Annotated[
    list[str] | None,
    typer.Option(
        "--memory",
        metavar="[ID:]FILE",
        help="What is remembered of an object (`streamtrack remember`, GET .../memory): looked for from the "
        "first frame on, forward. May be repeated.",
    ),
]
PromptsFile = Annotated[
    Path | None,
    typer.Option("--prompts", metavar="FILE", help="Prompts in a YAML file.", show_default=False),
]
AutopromptClasses = Annotated[
    str | None,
    typer.Option(
        "--autoprompt",
        metavar="CLASS[,CLASS]",
        help="Start what the detector finds of these classes of COCO, on whatever frame it comes: "
        "person,car; `motion` starts what moves before a fixed camera, `grid` all that has an outline, "
        "`scene` the objects of a synthetic one.",
        show_default=False,
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--object", metavar="ID=LABEL", help="What an object is called. May be repeated."),
]
Video = Annotated[
    str,
    typer.Argument(metavar="INPUT", help="A video, a URL, a folder of pictures, or synthetic:NAME?frames=N."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A YAML file as for `serve`: its model and its stream's tracking, source and prompts hold.",
        show_default=False,
    ),
]
DirectionName = Annotated[
    Literal["forward", "backward", "both"],
    typer.Option(
        "--direction",
        help="From the prompted frames on, back from them, or both. Results come in the film's order.",
    ),
]
Start = Annotated[int | None, typer.Option(min=0, metavar="FRAME", help="The first frame that is looked at.")]
End = Annotated[int | None, typer.Option(min=0, metavar="FRAME", help="The last frame that is looked at.")]
Stride = Annotated[int, typer.Option(min=1, metavar="N", help="Every N-th frame is looked at.")]
ImageSize = Annotated[
    str | None,
    typer.Option(
        metavar="PX",
        help="What the network sees: a square's side, such as 512, or 1024x576 (`model.image_size`).",
    ),
]
MaxWidth = Annotated[
    int | None,
    typer.Option(
        min=32, metavar="PX", help="Wider pictures are scaled down while decoding (`source.max_width_px`)."
    ),
]
HoleArea = Annotated[
    int | None,
    typer.Option(min=0, metavar="AREA", help="Fill holes of so many mask pixels (`tracking.max_hole_area`)."),
]
SprinkleArea = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="AREA", help="Drop pieces of so many mask pixels (`tracking.max_sprinkle_area`)."
    ),
]
Fps = Annotated[float | None, typer.Option(min=0.01, max=240, help="Of a folder of frames.")]
RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        help="Zones and lines, as a page keeps them (`rules.file`): counted, drawn, and told in "
        "events.jsonl.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, for scripts.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Remove what an earlier run wrote to --out, and that alone.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run that was broken off in --out; where there is none, start one.",
    ),
]


def film_overrides(
    fps: float | None,
    max_width: int | None,
    size: str | None,
    max_hole_area: int | None,
    max_sprinkle_area: int | None,
    rules: Path | None = None,
) -> list[Override]:
    """What flags of films say of the config."""
    keys = (
        (("source", "fps"), fps, "--fps"),
        (("source", "max_width_px"), max_width, "--max-width"),
        (("model", "image_size"), size, "--size"),
        (("tracking", "max_hole_area"), max_hole_area, "--max-hole-area"),
        (("tracking", "max_sprinkle_area"), max_sprinkle_area, "--max-sprinkle-area"),
        (("rules", "file"), None if rules is None else str(rules.absolute()), "--rules"),
    )
    return [Override(path, value, flag) for path, value, flag in keys if value is not None]


Pick = Annotated[
    bool,
    typer.Option(
        "--pick", help="Open a local page on which prompts are clicked and previewed, and the run started."
    ),
]
PagePort = Annotated[
    int,
    typer.Option("--port", min=0, max=65_535, help="Of the page of --pick; 0 takes a free one."),
]
