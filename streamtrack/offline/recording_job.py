"""A run of `track` from the open recording to closed files: what the command and its page both do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from streamtrack.config import StreamConfig
from streamtrack.consumer import Consumer
from streamtrack.frame import Update
from streamtrack.ingest.recording_container import open_recording_container
from streamtrack.ingest.source import SourceKind, SourceSpec
from streamtrack.offline.asked import all_asked
from streamtrack.offline.export_options import ExportOptions
from streamtrack.offline.exporters import Run
from streamtrack.offline.film_job import FilmJob
from streamtrack.offline.film_rules import FilmRules
from streamtrack.offline.frame_names import names_of
from streamtrack.offline.frame_pictures import FramePictures
from streamtrack.offline.journal import Journals
from streamtrack.offline.outputs import Outputs
from streamtrack.offline.prompts_file import prompts_yaml
from streamtrack.offline.result_folder import ResultFolder
from streamtrack.offline.track import TrackSummary, open_recording
from streamtrack.tracking import Tracker


@dataclass(frozen=True, slots=True)
class RecordingJob:
    """What is asked of a recording, and what is written of it."""

    film: FilmJob
    stream: StreamConfig
    exporters: tuple[str, ...]
    out: Path
    """The folder to write to."""
    overwrite: bool = False
    """Remove what an earlier run wrote there."""
    resume: bool = False
    """Go on with a run that was broken off there."""
    options: ExportOptions = field(default_factory=ExportOptions)

    def run(
        self,
        load_tracker: Callable[[], Tracker],
        consumers: Sequence[Consumer] = (),
        *,
        on_start: Callable[[int | None], None] = lambda num_steps: None,
        should_stop: Callable[[], bool] = lambda: False,
        stepped: Callable[[], None] = lambda: None,
        in_turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> tuple[TrackSummary, tuple[str, ...]]:
        """Follow and write everything; returns the summary, and what is to be known of the files.

        Args:
            load_tracker: called once all else is in order.
            consumers: get every update beside the exporters.
            on_start: called when the prompts are applied, with the number of steps that will come, None where
                nobody counted the film's frames.
            should_stop, stepped: as of `consume`.
            in_turn: held while the model works, where others work with it, too.
        Raises:
            StreamTrackError: the recording, a prompt, the model or the folder is not as it must be.
        """
        goes_on = self.resume and self.film.can_go_on(
            self.out, self.stream.tracking, overwrite=self.overwrite
        )
        rules = FilmRules(self.stream.rules)
        with open_recording(self.stream.source) as reader:
            self.film.check(self.stream, reader.info)
            prompts = self.film.prompts
            memories = (one.file for one in self.film.known if one.file is not None)
            inputs = (*prompts.files, *memories, *_local_path(reader.spec))
            run = Run(
                ResultFolder(self.out, overwrite=self.overwrite, inputs=inputs, resume=goes_on),
                self.film.object_ids,
                reader.info.fps,
                FramePictures(self.stream.video.annotate, rules.drawn),
                self.options,
                names_of(reader.spec),
                partial(open_recording_container, reader.spec, self.stream.source),
                self.film.goes_to_the_end,
                prompts_yaml(prompts),
            )
            with Outputs(run, self.exporters) as outputs:
                tracker = load_tracker()
                asked = all_asked(self.film, tracker, self.stream, reader.spec, self.exporters, self.options)
                journals = Journals(self.out, asked, resume=goes_on)
                with in_turn():
                    started = self.film.start(
                        tracker,
                        reader,
                        self.stream,
                        new_store=journals.open,
                        keep_logits=outputs.needs_logits,
                    )
                started = replace(started, updates=rules.told(_in_turns(started.updates, in_turn)))
                on_start(started.num_steps)
                summary = started.run((outputs, *consumers), should_stop=should_stop, stepped=stepped)
                if not summary.stopped:
                    outputs.finish()
                    journals.remove()
                return summary, (*outputs.notes(), *rules.notes())


def _in_turns(
    updates: Iterator[Update | None], in_turn: Callable[[], AbstractContextManager[None]]
) -> Iterator[Update | None]:
    """The same updates, each made while the turn is held, and handed on when it is not."""
    while True:
        with in_turn():
            try:
                update = next(updates)
            except StopIteration:
                return
        yield update


def _local_path(spec: SourceSpec) -> tuple[Path, ...]:
    """The file or folder that a source is, if it is one."""
    if spec.kind not in (SourceKind.FILE, SourceKind.FOLDER):
        return ()
    return (Path(spec.url.removeprefix("file:")),)
