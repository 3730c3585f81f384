"""`streamtrack track`: a recording to masks, a table and an annotated video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamtrack.cli import export_options
from streamtrack.cli.options import Device, Model, PresetName, Settings, flag_overrides
from streamtrack.cli.stopping import StoppedError, Stopping, exit_code, signal_name, signals_stop
from streamtrack.config import Override, load_recording_config
from streamtrack.errors import PromptError
from streamtrack.frame import Update
from streamtrack.ingest.recording_container import open_recording_container
from streamtrack.ingest.source import SourceKind, SourceSpec

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
    typer.Option(
        "--mask",
        metavar="[ID:]FILE[@FRAME]",
        help="Picture of the frame's size: opaque, white or not black on the object.",
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--object", metavar="ID=LABEL", help="What an object is called. May be repeated."),
]
Video = Annotated[
    str,
    typer.Argument(metavar="VIDEO", help="A file, a URL, a folder of frames, or synthetic:NAME?frames=N."),
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


def track(
    video: Video,
    point: Points = None,
    negative: NegativePoints = None,
    box: Boxes = None,
    mask: Masks = None,
    label: Labels = None,
    out: export_options.Out = Path("out"),
    config: ConfigFile = None,
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    settings: Settings = None,
    masks: export_options.Masks = "both",
    overlay: export_options.Overlay = True,
    export: export_options.Exports = None,
    only: export_options.Only = False,
    background: export_options.Background = "#00ff00",
    cutout: export_options.Cutout = "webm",
    panels: export_options.Panels = "source,overlay,mask",
    sound: export_options.Sound = True,
    contact_frames: export_options.ContactFrames = 12,
    fps: Annotated[float | None, typer.Option(min=0.01, max=240, help="Of a folder of frames.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove what an earlier run wrote to --out, and that alone.")
    ] = False,
) -> None:
    """Follow objects through every frame of a recording.

    Object and frame are 1 and 0 where left out; prompts for the same object and frame belong together, and
    a later frame's prompt corrects the object from there on.
    """
    if export_options.asks_for_list(export):
        return
    with _stopped_in_one_line() as stopping:
        from streamtrack import offline  # imports torch, which takes seconds
        from streamtrack.tracking import Tracker

        # What can be wrong without looking at a picture is told before a model is loaded.
        flags = flag_overrides(model=model, device=device, preset=preset, settings=settings)
        if fps is not None:
            flags.insert(0, Override(("source", "fps"), fps, "--fps"))
        in_force = load_recording_config(video, config, flags)
        stream = in_force.streams[0]
        prompts = offline.parse_prompts(
            point or (), negative or (), box or (), mask or (), offline.parse_labels(label or ())
        )
        prompts = offline.with_prompts_of(stream, prompts)
        if not prompts:
            raise PromptError(NO_PROMPT)
        exporters = offline.exporter_names(masks, overlay, export or (), only=only)
        options = export_options.export_options(background, cutout, panels, sound, contact_frames)
        with offline.open_recording(stream.source) as reader:
            inputs = (*offline.mask_paths(mask or ()), *_local_path(reader.spec))
            run = offline.Run(
                offline.ResultFolder(out, overwrite=overwrite, inputs=inputs),
                tuple(dict.fromkeys(prompt.object_id for prompt in prompts)),
                reader.info.fps,
                offline.FramePictures(stream.video.annotate),
                options,
                offline.names_of(reader.spec),
                partial(open_recording_container, reader.spec, stream.source),
            )
            with offline.Outputs(run, exporters) as outputs:
                offline.check_prompts(prompts, stream.source, reader.info)
                tracker = Tracker.from_config(in_force.model)
                session = tracker.new_session(offline.with_capacity(stream.tracking, prompts))
                stopping.in_order = True
                with _ProgressBar(reader.info.num_frames) as progress:
                    summary = offline.track_recording(
                        session, reader, prompts, (outputs, progress), should_stop=stopping.asked
                    )
                if not summary.stopped:
                    outputs.finish()
                notes = outputs.notes()
    line = "; ".join((summary.line(), *notes, f"results in {out}"))
    if summary.stopped and stopping.number is not None:
        typer.echo(f"streamtrack: stopped by {signal_name(stopping.number)} after {line}", err=True)
        raise typer.Exit(exit_code(stopping.number))
    typer.echo(line)


class _ProgressBar:
    """Shown from the first tracked frame on: a run that cannot start has no progress."""

    name = "progress"

    def __init__(self, num_frames: int | None) -> None:
        columns = (TextColumn("tracking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("tracking", total=num_frames)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, update: Update) -> None:
        """Count a frame."""
        self._progress.start()
        if update.result is not None:
            self._progress.advance(self._task)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._progress.live.is_started:
            self._progress.stop()


@contextmanager
def _stopped_in_one_line() -> Iterator[Stopping]:
    """Signals end the command in order; one that comes before the first frame, at once."""
    with signals_stop() as stopping:
        try:
            yield stopping
        except StoppedError as error:
            typer.echo(f"streamtrack: stopped by {signal_name(error.number)}", err=True)
            raise typer.Exit(exit_code(error.number)) from None


def _local_path(spec: SourceSpec) -> tuple[Path, ...]:
    """The file or folder that a source is, if it is one."""
    if spec.kind not in (SourceKind.FILE, SourceKind.FOLDER):
        return ()
    return (Path(spec.url.removeprefix("file:")),)
