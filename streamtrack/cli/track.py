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
from streamtrack.cli.given import given_options
from streamtrack.cli.options import Device, Model, PresetName, Settings, flag_overrides
from streamtrack.cli.picking import OWN_OPTIONS
from streamtrack.cli.picking import pick as pick_prompts
from streamtrack.cli.progress import ProgressBar
from streamtrack.cli.stopping import StoppedError, Stopping, exit_code, signal_name, signals_stop
from streamtrack.config import load_recording_config
from streamtrack.errors import ConfigError, PromptError

NO_PROMPT = (
    "no prompt is given, expected --point X,Y, --box X0,Y0,X1,Y1, --mask FILE, --prompts FILE, "
    "--memory FILE, --pick or --autoprompt CLASS"
)


def track(
    context: typer.Context,
    video: o.Video,
    point: o.Points = None,
    negative: o.NegativePoints = None,
    box: o.Boxes = None,
    mask: o.Masks = None,
    memory: o.Memories = None,
    prompts_file: o.PromptsFile = None,
    autoprompt: o.AutopromptClasses = None,
    label: o.Labels = None,
    pick: o.Pick = False,
    port: o.PagePort = 0,
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
    rules: o.RulesFile = None,
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
        flags[:0] = o.film_overrides(fps, max_width, size, max_hole_area, max_sprinkle_area, rules)
        if autoprompt is not None:
            flags.insert(0, offline.autoprompt_override(autoprompt))
        in_force = load_recording_config(video, config, flags)
        stream = in_force.streams[0]
        span = FilmSpan(start, end, stride)
        labels = offline.parse_labels(label or ())
        texts = point or (), negative or (), box or (), mask or ()
        known = offline.read_known_objects(memory or (), labels)
        known_ids = {one.object_id for one in known}
        names = {object_id: name for object_id, name in labels.items() if object_id not in known_ids}
        told = offline.parse_prompt_set(*texts, names, span.first)
        if prompts_file is not None:
            told = told.joined(offline.read_prompts_file(prompts_file))
        told = told.with_config(stream, span.first)
        is_prompted = (bool(told.prompts or known) or pick) and autoprompt is None
        finder = None if is_prompted else stream.autoprompt
        if not told.prompts and not known and finder is None and not pick:
            raise PromptError(NO_PROMPT)
        if finder is not None:
            told = told.joined(offline.find_objects(finder, stream, span, (*known_ids, *told.object_ids)))
        film = offline.FilmJob(told, direction, span, known)
        wanted = export_options.asked_exports(export, background, cutout, panels, contact_frames)
        exporters = offline.exporter_names(masks, overlay, wanted, only=only)
        options = export_options.export_options(background, cutout, panels, sound, contact_frames)
        job = offline.RecordingJob(film, stream, exporters, out, overwrite, resume, options)
        if pick:
            for option, is_given in (("--resume", resume), ("--memory", bool(known))):
                if is_given:
                    raise ConfigError(f"{option} is given with --pick, expected one of them")
            others = given_options(context, OWN_OPTIONS)
            load = partial(Tracker.from_config, in_force.model)
            pick_prompts(video, job, load, stopping, others=others, port=port, as_json=as_json)
            return
        with ProgressBar() as progress:

            def on_start(num_steps: int | None) -> None:
                stopping.in_order = True
                progress.expect(num_steps)

            summary, notes = job.run(
                partial(Tracker.from_config, in_force.model),
                on_start=on_start,
                should_stop=stopping.asked,
                stepped=progress.step,
            )
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
