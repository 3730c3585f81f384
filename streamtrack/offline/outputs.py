"""Everything that `track` leaves: one consumer that hands each update to the run's exporters."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from streamtrack.errors import PublishError
from streamtrack.frame import Update
from streamtrack.offline.export_options import split_names
from streamtrack.offline.exporters import Exporter, Run, find_exporter, find_exporters

MaskFormat = Literal["png", "rle", "both", "none"]


def exporter_names(
    masks: MaskFormat, overlay: bool, others: Sequence[str] = (), *, only: bool = False
) -> tuple[str, ...]:
    """Names of the exporters that the options ask for, each once.

    Args:
        others: names, or several with commas between them.
        only: the others and nothing else.
    Raises:
        PublishError: one that does not exist, or none at all.
    """
    given = split_names(others)
    if only and not given:
        raise PublishError("--only is given without --export, expected the names of exporters")
    names = [] if only else _usual_names(masks, overlay)
    # What a name stands for counts, not how it is written: `masks` and `masks-png` are one.
    known, asked = find_exporters(), (*names, *given)
    names_of = {find_exporter(name): name for name in reversed(asked)}
    classes = dict.fromkeys(map(find_exporter, asked))
    return tuple(one.name if known.get(one.name) is one else names_of[one] for one in classes)


def _usual_names(masks: MaskFormat, overlay: bool) -> list[str]:
    names = ["objects", "events"]
    if masks in ("png", "both"):
        names.append("masks-png")
    if masks in ("rle", "both"):
        names.append("masks-rle")
    if overlay:
        names.append("overlay")
    return names


class Outputs:
    """Writes every update of a run. The folder is touched when the first one comes, not before: a run that
    cannot start leaves everything as it was. Use it as a context manager."""

    name = "outputs"

    def __init__(self, run: Run, exporters: Sequence[str]) -> None:
        """Check the folder, and change nothing.

        Raises:
            PublishError: the folder cannot be written, or holds what may not be removed; an exporter cannot
                write for this run.
        """
        self._run = run
        self._classes = [find_exporter(name) for name in exporters]
        self._outputs = [name for exporter in self._classes for name in exporter.outputs(run.object_ids)]
        self._open: list[Exporter] = []
        self._claimed = False
        self._wrote = False
        self._last_frame_idx = -1
        self._refuse_shared_files()
        for exporter in self._classes:
            exporter.check(run)
        run.folder.check(self._outputs)

    @property
    def needs_logits(self) -> bool:
        """Whether results have to hold the network's mask logits."""
        return any(exporter.needs_logits for exporter in self._classes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except PublishError:
            if error is None:  # what ended the run is told, not what followed from it
                raise

    def take(self, update: Update) -> None:
        """Write an update. Frames come in rising order; gaps between their numbers are fine.

        Raises:
            PublishError: a file cannot be written: the disk is full, say; a frame came before this one.
        """
        if update.result is not None:
            if update.result.frame_idx <= self._last_frame_idx:
                raise PublishError(
                    f"frame {update.result.frame_idx} came after frame {self._last_frame_idx}, expected "
                    "rising numbers"
                )
            self._last_frame_idx = update.result.frame_idx
        if not self._claimed:
            self._claim()
        for exporter in self._open:
            try:
                exporter.take(update)
            except OSError as error:
                raise self._error(exporter, error) from error
        self._wrote = True

    def finish(self) -> None:
        """The run came to its own end; `close` follows.

        Raises:
            PublishError: a file cannot be written.
        """
        for exporter in self._open:
            try:
                exporter.finish()
            except OSError as error:
                raise self._error(exporter, error) from error
        self._run.folder.finish()

    def close(self) -> None:
        """Finish every file. Where not even one frame was written, all of them are taken back.

        Raises:
            PublishError: a file cannot be finished.
        """
        failed: PublishError | None = None
        exporters, self._open = self._open, []
        for exporter in exporters:
            try:
                exporter.close()
            except OSError as error:
                failed = failed or self._error(exporter, error)
        self._run.folder.close()
        if self._claimed and not self._wrote:
            self._run.folder.abandon()
        if failed is not None:
            raise failed

    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files."""
        return tuple(note for exporter in self._open for note in exporter.notes())

    def _refuse_shared_files(self) -> None:
        """Two exporters may not write the same file or folder."""
        writers: dict[str, Exporter | type[Exporter]] = {}
        for exporter in self._classes:
            for name in exporter.outputs(self._run.object_ids):
                other = writers.setdefault(name, exporter)
                if other is not exporter:
                    raise PublishError(
                        f"--export {exporter.name}: {name} is written by {other.name} too, expected one"
                    )

    def _claim(self) -> None:
        """Make room and open the files."""
        self._claimed = True
        self._run.folder.claim(self._outputs)
        for exporter in self._classes:
            try:
                self._open.append(exporter(self._run))
            except OSError as error:
                raise self._error(exporter, error) from error

    def _error(self, exporter: Exporter | type[Exporter], error: OSError) -> PublishError:
        reason = error.strerror or str(error)
        what = next(iter(exporter.outputs(self._run.object_ids)), exporter.name)
        return PublishError(f"--out {self._run.folder.path}: {what} cannot be written: {reason}")
