"""`streamtrack track`: a film to masks, tables and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import typer

from streamtrack.cli import export_options
from streamtrack.cli import track_options as o
from streamtrack.cli.options import Device, Model, PresetName, Settings, flag_overrides
from streamtrack.cli.progress import ProgressBar
from streamtrack.cli.stopping import StoppedError, Stopping, exit_code, signal_name, signals_stop
from streamtrack.config import load_recording_config
from streamtrack.errors import PromptError
from streamtrack.ingest.recording_container import open_recording_container
from streamtrack.ingest.source import SourceKind, SourceSpec

NO_PROMPT = "no prompt is given, expected --point X,Y, --box X0,Y0,X1,Y1, --mask FILE or --prompts FILE"


def track(
    video: o.Video,
    point: o.Points = None,
    negative: o.NegativePoints = None,
    box: o.Boxes = None,
    mask: o.Masks = None,
    prompts_file: o.PromptsFile = None,
    label: o.Labels = None,
    direction: o.DirectionName = "forward",
    start: o.Start = None,
    end: o.End = None,
    stride: o.Stride = 1,
    out: export_options.Out = Path("out"),
    config: o.ConfigFile = None,
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    size: o.ImageSize = None,
    max_width: o.MaxWidth = None,
    max_hole_area: o.HoleArea = None,
    max_sprinkle_area: o.SprinkleArea = None,
    settings: Settings = None,
    masks: export_options.Masks = "both",
    overlay: export_options.Overlay = True,
    export: export_options.Exports = None,
    only: export_options.Only = False,
    background: export_options.Background = None,
    cutout: export_options.Cutout = None,
    panels: export_options.Panels = None,
    sound: export_options.Sound = True,
    contact_frames: export_options.ContactFrames = None,
    fps: o.Fps = None,
    overwrite: o.Overwrite = False,
    resume: o.Resume = False,
    as_json: o.Json = False,
) -> None:
    """Follow objects through every frame of a film, forward, backward or both.

    Object and frame are 1 and the first where left out; prompts for the same object and frame belong
    together. All prompts are applied first: a correction on frame 50 betters the frames before it, too.
    """
    with _stopped_in_one_line() as stopping:
        from streamtrack import offline  # imports torch, which takes seconds
        from streamtrack.tracking import Tracker
        from streamtrack.tracking.film_span import FilmSpan

        # What can be wrong without looking at a picture is told before a model is loaded.
        flags = flag_overrides(model=model, device=device, preset=preset, settings=settings)
        flags[:0] = o.film_overrides(fps, max_width, size, max_hole_area, max_sprinkle_area)
        in_force = load_recording_config(video, config, flags)
        stream = in_force.streams[0]
        span = FilmSpan(start, end, stride)
        labels = offline.parse_labels(label or ())
        texts = point or (), negative or (), box or (), mask or ()
        told = offline.parse_prompt_set(*texts, labels, span.first)
        if prompts_file is not None:
            told = told.joined(offline.read_prompts_file(prompts_file))
        told = told.with_config(stream, span.first)
        if not told.prompts:
            raise PromptError(NO_PROMPT)
        job = offline.FilmJob(told, direction, span)
        wanted = export_options.asked_exports(export, background, cutout, panels, contact_frames)
        exporters = offline.exporter_names(masks, overlay, wanted, only=only)
        options = export_options.export_options(background, cutout, panels, sound, contact_frames)
        goes_on = resume and job.can_go_on(out, stream.tracking, overwrite=overwrite)
        with offline.open_recording(stream.source) as reader:
            job.check(stream, reader.info)
            inputs = (*told.files, *_local_path(reader.spec))
            run = offline.Run(
                offline.ResultFolder(out, overwrite=overwrite, inputs=inputs, resume=goes_on),
                told.object_ids,
                reader.info.fps,
                offline.FramePictures(stream.video.annotate),
                options,
                offline.names_of(reader.spec),
                partial(open_recording_container, reader.spec, stream.source),
                job.goes_to_the_end,
            )
            with offline.Outputs(run, exporters) as outputs:
                tracker = Tracker.from_config(in_force.model)
                asked = offline.all_asked(job, tracker, stream, reader.spec, exporters, options)
                journals = offline.Journals(out, asked, resume=goes_on)
                started = job.start(
                    tracker,
                    reader,
                    stream,
                    new_store=journals.open,
                    keep_logits=outputs.needs_logits,
                )
                stopping.in_order = True
                with ProgressBar(started.num_steps) as progress:
                    summary = started.run((outputs,), should_stop=stopping.asked, stepped=progress.step)
                if not summary.stopped:
                    outputs.finish()
                    journals.remove()
                notes = outputs.notes()
    if as_json:
        typer.echo(json.dumps({**summary.as_json(), "out": str(out), "notes": notes}))
    line = "; ".join((summary.line(), *notes, f"results in {out}"))
    if summary.stopped and stopping.number is not None:
        typer.echo(f"streamtrack: stopped by {signal_name(stopping.number)} after {line}", err=True)
        raise typer.Exit(exit_code(stopping.number))
    if not as_json:
        typer.echo(line)


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
