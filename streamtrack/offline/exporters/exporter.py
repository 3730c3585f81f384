"""What an exporter is: a consumer of updates that writes files into a run's folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from streamtrack.config import AnnotateConfig
from streamtrack.frame import FrameResult, Update
from streamtrack.offline.result_folder import ResultFolder


@dataclass(frozen=True, slots=True)
class Run:
    """The run that an exporter writes for."""

    folder: ResultFolder
    """Every file goes through its `new_file`."""
    object_ids: tuple[int, ...] = ()
    """All that are prompted, at any frame."""
    fps: float | None = None
    """Average frame rate of the recording, None where not known."""
    annotate: AnnotateConfig = field(default_factory=AnnotateConfig)
    """How pictures are drawn on."""


class Exporter(ABC):
    """Writes one kind of file. A module of this package that defines one adds it to `track --export`.

    Made once a run, when its first frame was tracked; an `OSError` or `PublishError` from any method ends the
    run in one line.
    """

    name: ClassVar[str]
    """What `--export` calls it."""

    @classmethod
    @abstractmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        """Files and folders that it will write, relative to the run's folder."""

    @abstractmethod
    def __init__(self, run: Run) -> None:
        """Make the files."""

    @abstractmethod
    def take(self, update: Update) -> None:
        """Write one frame's result, its events, or both."""

    def close(self) -> None:  # noqa: B027  most have nothing to do
        """Finish the files; called once, also after an error."""

    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, in a few words each; asked before `close`."""
        return ()


def pts_seconds(result: FrameResult) -> float | None:
    """The frame's presentation time in the recording."""
    frame = result.frame
    return None if frame.pts is None else round(float(frame.pts * frame.time_base), 6)
