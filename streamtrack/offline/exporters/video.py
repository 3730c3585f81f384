"""What exporters of videos share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from streamtrack.frame import FrameResult, Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.sound import Sound
from streamtrack.offline.video_file import Picture, VideoFile
from streamtrack.offline.video_format import MP4, VideoFormat


class VideoExporter(Exporter):
    """One video file: a picture a frame, at its time, with the source's sound."""

    file: ClassVar[str]
    """Its name in the run's folder."""

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (cls.file,)

    def __init__(self, run: Run) -> None:
        self._open(run, self.file, MP4)

    def take(self, update: Update) -> None:
        if update.result is not None:
            self._video.write(self.draw(update.result), update.result.frame)

    def finish(self) -> None:
        if self._run.to_the_end:
            self._video.let_sound_end()

    def close(self) -> None:
        self._video.close()

    def notes(self) -> tuple[str, ...]:
        return self._video.notes()

    @abstractmethod
    def draw(self, result: FrameResult) -> Picture:
        """The frame's picture; height and width even."""

    def _open(self, run: Run, file: str, kind: VideoFormat) -> None:
        self._run = run
        has_sound = run.options.sound and run.open_source is not None
        sound = Sound(run.open_source) if has_sound and run.open_source is not None else None
        self._video = VideoFile(run.folder.new_file(file), run.fps, kind, sound)
