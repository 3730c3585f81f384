"""Files of a film's results from Python, the same as `track` writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from streamtrack.config import SourceConfig
from streamtrack.frame import FrameResult, Update
from streamtrack.ingest.recording_container import open_recording_container
from streamtrack.offline.export_options import ExportOptions
from streamtrack.offline.exporters import Run
from streamtrack.offline.frame_names import names_of
from streamtrack.offline.outputs import Outputs, exporter_names
from streamtrack.offline.result_folder import ResultFolder
from streamtrack.offline.track import open_recording


def export_results(
    results: Iterable[FrameResult],
    out: str | os.PathLike[str],
    exporters: Sequence[str],
    *,
    source: str | os.PathLike[str] | None = None,
    options: ExportOptions | None = None,
    overwrite: bool = False,
) -> int:
    """Write results as they come, each once; returns their number.

    Args:
        results: as `Tracker.track` gives them, frames in rising order.
        out: the folder to write to.
        exporters: names as `--export` takes them.
        source: what was tracked: its frame rate, its sound, its pictures' names. None: without these.
        overwrite: remove what an earlier run wrote there, and that alone.
    Raises:
        PublishError: no such exporter; the folder or a file cannot be written; frames out of order.
        SourceError: the source cannot be read.
    """
    folder = ResultFolder(Path(out), overwrite=overwrite)
    run = Run(folder, options=options or ExportOptions())
    if source is not None:
        config = SourceConfig(url=os.fspath(source))
        with open_recording(config) as reader:
            fps, spec = reader.info.fps, reader.spec
        sound = partial(open_recording_container, spec, config)
        run = Run(folder, fps=fps, options=run.options, names=names_of(spec), open_source=sound)
    count = 0
    with Outputs(run, exporter_names("none", False, exporters, only=True)) as outputs:
        for result in results:
            outputs.take(Update("film", result, events=result.events))
            count += 1
        outputs.finish()
    return count
