"""`streamtrack track`: a recording to masks, a table and an annotated video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamtrack.config import SourceConfig
from streamtrack.errors import PromptError
from streamtrack.frame import FrameResult

NO_PROMPT = "no prompt is given, expected --point X,Y, --box X0,Y0,X1,Y1 or --mask FILE"

Points = Annotated[
    list[str] | None,
    typer.Option("--point", metavar="[ID:]X,Y[@FRAME]", help="On the object, in pixels. May be repeated."),
]
NegativePoints = Annotated[
    list[str] | None,
    typer.Option("--not", metavar="[ID:]X,Y[@FRAME]", help="Off the object. May be repeated."),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option("--box", metavar="[ID:]X0,Y0,X1,Y1[@FRAME]", help="Around the object. May be repeated."),
]
Masks = Annotated[
    list[str] | None,
    typer.Option("--mask", metavar="[ID:]FILE[@FRAME]", help="Picture of the frame's size, not black there."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--object", metavar="ID=LABEL", help="What an object is called. May be repeated."),
]
Video = Annotated[
    str, typer.Argument(metavar="VIDEO", help="A file, a folder of frames, or synthetic:NAME?frames=N.")
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where the model runs.")]


def track(
    video: Video,
    point: Points = None,
    negative: NegativePoints = None,
    box: Boxes = None,
    mask: Masks = None,
    label: Labels = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("out"),
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help="As for `serve`.")] = "nano",
    device: Device = "auto",
    masks: Annotated[
        Literal["png", "rle", "both", "none"],
        typer.Option(help="Pictures in masks/ID/FRAME.png, COCO run lengths in masks.jsonl, both or none."),
    ] = "both",
    overlay: Annotated[bool, typer.Option(help="Write the annotated overlay.mp4.")] = True,
    fps: Annotated[float | None, typer.Option(min=0.01, max=240, help="Of a folder of frames.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in --out.")] = False,
) -> None:
    """Follow objects through every frame of a recording.

    Object and frame are 1 and 0 where left out; prompts for the same object and frame belong together, and
    a later frame's prompt corrects the object from there on.
    """
    from streamtrack.offline import (  # imports torch, which takes seconds
        Outputs,
        open_recording,
        parse_labels,
        parse_prompts,
        prepare_folder,
        track_recording,
    )
    from streamtrack.tracking import Tracker

    prompts = parse_prompts(point or (), negative or (), box or (), mask or ())
    labels = parse_labels(label or ())
    if not prompts:
        raise PromptError(NO_PROMPT)
    with open_recording(SourceConfig(url=video, fps=fps)) as reader:
        tracker = Tracker.from_checkpoint(model, device=device)
        prepare_folder(out, overwrite=overwrite)
        columns = (TextColumn("tracking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with (
            Outputs(out, fps=reader.info.fps, masks=masks, overlay=overlay) as outputs,
            Progress(*columns, console=Console(stderr=True)) as progress,
        ):
            task = progress.add_task("tracking", total=reader.info.num_frames)

            def on_result(result: FrameResult) -> None:
                outputs.write(result)
                progress.advance(task)

            summary = track_recording(tracker.new_session(), reader, prompts, labels, on_result)
    dropped = sum(summary.dropped.values())
    typer.echo(
        f"{summary.num_frames} frames, {summary.num_objects} objects in {summary.seconds:.1f} s "
        f"({summary.fps:.1f} fps), {dropped} damaged; results in {out}"
    )
