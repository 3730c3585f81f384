"""`streamtrack track --pick`: the page on which prompts are clicked and the job is started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from streamtrack.cli.stopping import Stopping, exit_code, signal_name

if TYPE_CHECKING:  # they import torch, which takes seconds
    from streamtrack.offline import RecordingJob
    from streamtrack.pick.desk import Desk
    from streamtrack.pick.jobs import JobEnd, JobOptions, Progress
    from streamtrack.prompt import Prompt
    from streamtrack.tracking import Tracker

OWN_OPTIONS = frozenset(
    {
        *("video", "point", "negative", "box", "mask", "prompts_file", "autoprompt", "label"),
        *("direction", "start", "end", "stride", "masks", "overlay", "export", "only", "overwrite"),
        *("pick", "port", "resume", "as_json"),
    }
)
"""Parameters of `track` whose options the page writes itself, or that mean nothing without it."""
EXIT_ERROR = 2


def pick(
    name: str,
    job: RecordingJob,
    load_tracker: Callable[[], Tracker],
    stopping: Stopping,
    *,
    others: Sequence[str] = (),
    port: int = 0,
    as_json: bool = False,
) -> None:
    """Serve the page until it is closed or a signal comes.

    Args:
        name: of the film, as it was given.
        job: what the page begins with.
        others: options beside those that the page writes, for the command that it shows.
        port: 0: a free one.
    Raises:
        StreamTrackError: the film, a prompt, the model or the port is not as it must be.
        typer.Exit: the code of a run that was stopped, or could not be made.
    """
    from streamtrack.pick.run import Ended, serve_page

    with ThreadPoolExecutor(1, "pick-model") as thread:
        desk = lay_desk(name, job, load_tracker, thread, others)
        stopping.in_order = True
        ended = asyncio.run(
            serve_page(
                desk,
                port=port,
                on_listening=lambda address: typer.echo(f"pick at {address}", err=as_json),
                should_stop=stopping.asked,
            )
        )
    _tell_end(desk, stopping if ended is Ended.STOPPED else None, as_json)


def lay_desk(
    name: str,
    job: RecordingJob,
    load_tracker: Callable[[], Tracker],
    thread: ThreadPoolExecutor,
    others: Sequence[str] = (),
) -> Desk:
    """Everything that the page works on; arguments as of `pick`."""
    from streamtrack.ingest import FilmReader
    from streamtrack.offline import find_exporter, find_exporters, open_recording, prompts_yaml
    from streamtrack.offline.exporters.prompts import PromptsFile
    from streamtrack.pick.desk import Choices
    from streamtrack.pick.jobs import JobOptions
    from streamtrack.pick.make import make_desk
    from streamtrack.pick.seeking import SeekingFilm
    from streamtrack.tracking.film_preview import FilmPreview

    open_recording(job.stream.source).close()  # refuses what is no recording
    film = SeekingFilm(FilmReader(job.stream.source))
    given = job.film.prompts
    exporters = {one.name: one.summary for one in find_exporters().values()}
    exporters |= {one: find_exporter(one).summary for one in job.exporters if one not in exporters}
    exports = tuple(dict.fromkeys((*job.exporters, PromptsFile.name)))
    span = job.film.span
    options = JobOptions(job.film.direction, span.start, span.end, span.stride, exports, job.overwrite)
    tracker = load_tracker()
    choices = Choices(exporters, options, job.out, tuple(others), given)
    return make_desk(
        name,
        film,
        FilmPreview(tracker.model, film, job.stream.tracking),
        _JobRunner(job, tracker),
        thread,
        choices,
        prompts_yaml,
    )


class _JobRunner:
    """Runs the page's jobs as the command would run them."""

    def __init__(self, job: RecordingJob, tracker: Tracker) -> None:
        self._job = job
        self._tracker = tracker

    def __call__(
        self,
        options: JobOptions,
        prompts: Sequence[Prompt],
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> JobEnd:
        """See `RunJob`."""
        from streamtrack.offline import FilmJob
        from streamtrack.pick.jobs import JobEnd
        from streamtrack.pick.shown_files import shown_files
        from streamtrack.tracking.film_span import FilmSpan

        span = FilmSpan(options.start, options.end, options.stride)
        told = replace(self._job.film.prompts, prompts=tuple(prompts))
        job = replace(
            self._job,
            film=FilmJob(told, options.direction, span),
            exporters=options.exports,
            overwrite=options.overwrite,
        )
        summary, notes = job.run(
            lambda: self._tracker,
            (progress,),
            on_start=progress.expect,
            should_stop=should_stop,
            stepped=progress.step,
        )
        line = "; ".join((summary.line(), *notes))
        return JobEnd(line, job.out, shown_files(job.out), {**summary.as_json(), "notes": list(notes)})


def _tell_end(desk: Desk, stopping: Stopping | None, as_json: bool) -> None:
    """One line on what became of it, and the exit code."""
    from streamtrack.pick.repeat import LINE_BREAK

    newest = desk.jobs.newest
    number = None if stopping is None else stopping.number
    was_stopped = number is not None and (newest is None or newest.state != "done")
    if newest is not None and newest.error:
        typer.echo(f"streamtrack: error: {newest.error}", err=True)
        raise typer.Exit(EXIT_ERROR)
    if newest is not None and newest.end is not None:
        line = f"{newest.end.line}; results in {newest.end.folder}"
        if as_json:
            typer.echo(json.dumps({**newest.end.summary, "out": str(newest.end.folder)}))
    else:
        line = "nothing was tracked"
        if desk.picked.now.prompts:
            line += f"; the same picks: {desk.command().replace(LINE_BREAK, ' ')}"
    if was_stopped and number is not None:
        typer.echo(f"streamtrack: stopped by {signal_name(number)} after {line}", err=True)
        raise typer.Exit(exit_code(number))
    if not as_json:
        typer.echo(line)
