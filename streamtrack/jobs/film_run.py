"""One job on its thread: the film job that `streamtrack track` runs, with limits and a place to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamtrack.config import load_recording_config
from streamtrack.config.overrides import Override
from streamtrack.config.yaml_file import read_yaml
from streamtrack.errors import CapacityError, PromptError, StreamTrackError
from streamtrack.ingest.source import connecting_to
from streamtrack.ingest.source_gate import Gate
from streamtrack.jobs.job import JobOptions
from streamtrack.offline import FilmJob, PromptSet, RecordingJob, exporter_names, read_prompts_file
from streamtrack.tracking import Tracker
from streamtrack.tracking.film_span import FilmSpan

MEASURE_STEPS = 16
"""Steps between two looks at the size of what was written."""


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """What is asked of a film."""

    film: str
    """A file, or an address."""
    shown_name: str
    """What the user calls it."""
    prompts: PromptSet
    options: JobOptions
    out: Path
    """The folder to write to."""
    gate: Gate | None = None
    """Asked before an address is opened; None of an uploaded file."""


@dataclass(slots=True)
class RunLimits:
    """When a run is ended."""

    max_seconds: float
    max_bytes: int
    written_bytes: Callable[[], int]
    cancelled: Callable[[], bool]
    now_s: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class RunProgress:
    """Written on the run's thread, read from others."""

    num_steps: int = 0
    total_steps: int | None = None
    began_s: float | None = None
    """When the first step was done, monotonic."""
    newest_s: float = 0.0

    def step(self) -> None:
        """Count a step."""
        self.newest_s = time.monotonic()
        self.began_s = self.began_s or self.newest_s
        self.num_steps += 1

    @property
    def fps(self) -> float | None:
        """Steps a second; None before the second one."""
        if self.began_s is None or self.num_steps < 2:
            return None
        return (self.num_steps - 1) / max(self.newest_s - self.began_s, 1e-6)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What became of a run."""

    line: str
    summary: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False


def read_job_prompts(path: Path, masks: frozenset[str] | set[str] = frozenset()) -> PromptSet:
    """The prompts of a job's file.

    Args:
        masks: names of pictures beside the file; prompts may name no others.
    Raises:
        PromptError, ConfigError: it holds no prompts, or names a file that was not uploaded.
    """
    try:
        raw = read_yaml(path).value
        items = raw.get("prompts") if isinstance(raw, dict) else raw
        for item in items if isinstance(items, list) else ():
            mask = item.get("mask") if isinstance(item, dict) else None
            if mask is not None and mask not in masks:
                raise PromptError("prompts: mask names a file that was not uploaded, expected a part `mask`")
        return read_prompts_file(path)
    except StreamTrackError as error:
        told = str(error).replace(f"--prompts {path}", "prompts").replace(f"--mask {path.parent}/", "mask ")
        told = told.replace(str(path), "prompts").replace(f"{path.parent}/", "")
        raise type(error).from_message(told) from error


def run_film(
    request: FilmRequest,
    tracker: Tracker,
    model_name: str,
    limits: RunLimits,
    progress: RunProgress,
    in_turn: Callable[[], AbstractContextManager[None]],
) -> RunEnd:
    """Follow the film and write the results.

    Args:
        model_name: the server's, whose windows and growth of masks hold here, too.
        in_turn: held while the model works.
    Raises:
        StreamTrackError: the film, a prompt or the folder is not as it must be; a limit was reached.
    """
    options = request.options
    overrides: list[Override | str] = [Override(("model", "name"), model_name, "server")]
    if options.max_width_px is not None:
        overrides.append(Override(("source", "max_width_px"), options.max_width_px, "options"))
    stream = load_recording_config(request.film, overrides=overrides).streams[0]
    addresses = {} if request.gate is None else request.gate.check(stream.source)
    film = FilmJob(request.prompts, options.direction, FilmSpan(options.start, options.end, options.stride))
    exporters = exporter_names("both", False, options.exports, only=True)
    job = RecordingJob(film, stream, exporters, request.out)
    began_s = limits.now_s()

    def stepped() -> None:
        progress.step()
        if limits.now_s() - began_s > limits.max_seconds:
            raise CapacityError(f"it took more than {limits.max_seconds:g} s (jobs.max_seconds)")
        if progress.num_steps % MEASURE_STEPS == 0 and limits.written_bytes() > limits.max_bytes:
            raise CapacityError(f"it wrote more than {limits.max_bytes >> 20} MB (jobs.max_result_mb)")

    def on_start(total: int | None) -> None:
        progress.total_steps = total

    with connecting_to(addresses):
        summary, notes = job.run(
            lambda: tracker, on_start=on_start, should_stop=limits.cancelled, stepped=stepped, in_turn=in_turn
        )
    return RunEnd("; ".join((summary.line(), *notes)), summary.as_json(), summary.stopped)
