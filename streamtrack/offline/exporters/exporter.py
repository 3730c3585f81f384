"""What an exporter is: a consumer of updates that writes files into a run's folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from streamtrack.frame import Update
from streamtrack.offline.export_options import ExportOptions
from streamtrack.offline.frame_names import FrameNames
from streamtrack.offline.frame_pictures import FramePictures
from streamtrack.offline.result_folder import ResultFolder

OpenContainer = Callable[[], Any]
"""Opens the recording once more, as a container of PyAV; None where it is none (a folder, a scene)."""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that an exporter writes for."""

    folder: ResultFolder
    """Every file goes through its `new_file`."""
    object_ids: tuple[int, ...] = ()
    """All that are prompted, at any frame."""
    fps: float | None = None
    """Average frame rate of the recording, None where not known."""
    pictures: FramePictures = field(default_factory=FramePictures)
    """Draws what several exporters write."""
    options: ExportOptions = field(default_factory=ExportOptions)
    """What the user asked of exporters."""
    names: FrameNames = field(default_factory=FrameNames)
    """What files of a frame are called."""
    open_source: OpenContainer | None = None
    """For the recording's sound; None where it has none."""
    to_the_end: bool = True
    """False where the run stops before the recording does: its sound then stops with the last frame."""
    prompts: str = ""
    """What was said of the objects, as a file for `--prompts`."""


class Exporter(ABC):
    """Writes one kind of file. A module of this package that defines one adds it to `track --export`.

    Made once a run, when its first frame was tracked; an `OSError` or `PublishError` from any method ends the
    run in one line. Frames come in rising order of their numbers, not every number need come.
    """

    name: ClassVar[str]
    """What `--export` calls it."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that `--export` takes for it."""
    summary: ClassVar[str] = ""
    """The files that it writes and what they hold, in one line for `--export list`."""

    needs_logits: ClassVar[bool] = False
    """Whether it reads `FrameResult.logits`."""

    @classmethod
    @abstractmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        """Files and folders that it will write, relative to the run's folder."""

    @classmethod  # noqa: B027  most can write for any run
    def check(cls, run: Run) -> None:
        """Refuse a run that it cannot write for, before anything is tracked.

        Raises:
            PublishError: an optional library is missing, say.
        """

    @abstractmethod
    def __init__(self, run: Run) -> None:
        """Make the files."""

    @abstractmethod
    def take(self, update: Update) -> None:
        """Write one frame's result, its events, or both."""

    def finish(self) -> None:  # noqa: B027  most have nothing to do
        """The run came to its own end, nobody stopped it; called before `close`."""

    def close(self) -> None:  # noqa: B027  most have nothing to do
        """Finish the files, also after an error and where the run was stopped; called once."""

    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, in a few words each; asked before `close`."""
        return ()
