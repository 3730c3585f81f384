"""A short recording of a scene whose every mask is known, and runs over it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from streamtrack.config import SourceConfig
from streamtrack.frame import Frame, FrameResult, Image, ObjectMask, StageTimes, Update
from streamtrack.ingest import make_scene
from streamtrack.ingest.scene_file import write_scene
from streamtrack.offline import Outputs, ResultFolder, Run, TrackSummary, open_recording, track_recording
from streamtrack.prompt import Prompt
from tests.support.pipelines import SCENE, nano

FRAMES = 12
FPS = Fraction(30_000, 1001)
SCENE_FILE = f"{SCENE}?width=320&height=180&fps=29.97002997"
OBJECT = 2
TRUTH = make_scene(SCENE_FILE).render(0)[1][OBJECT]
ROWS, COLUMNS_PX = np.nonzero(TRUTH)
BOX = (float(COLUMNS_PX.min()), float(ROWS.min()), float(COLUMNS_PX.max()), float(ROWS.max()))
EVERY_EXPORTER = ("objects", "events", "masks-png", "masks-rle", "overlay")


def write_clip(path: Path) -> Path:
    """The scene's first frames as an MP4."""
    write_scene(make_scene(SCENE_FILE), path, FRAMES)
    return path


def track_into(
    folder: Path,
    clip: Path,
    prompts: Sequence[Prompt] = (Prompt(OBJECT, box=BOX, label="ball", at_frame=0),),
    *,
    exporters: Sequence[str] = EVERY_EXPORTER,
    overwrite: bool = False,
) -> tuple[TrackSummary, list[Update]]:
    """Track a recording into a folder; its summary and every update."""
    with open_recording(SourceConfig(url=str(clip))) as reader:
        results = ResultFolder(folder, overwrite=overwrite, inputs=(clip,))
        run = Run(results, tuple({prompt.object_id for prompt in prompts}), reader.info.fps)
        with Outputs(run, exporters) as outputs:
            collected = Collected()
            summary = track_recording(nano().new_session(), reader, prompts, (outputs, collected))
    return summary, collected.updates


class Collected:
    """A consumer that keeps every update."""

    name = "collected"

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def take(self, update: Update) -> None:
        self.updates.append(update)

    def close(self) -> None:
        """Nothing to let go of."""


def frame(image: Image, pts: int | None = None, time_base: Fraction = Fraction(1, 25)) -> Frame:
    """A picture at a time of a recording."""
    return Frame(image, 0, pts, time_base, 0, 0)


def update(index: int, image: Image | None = None, objects: Sequence[ObjectMask] = ()) -> Update:
    """A tracked frame, 320 x 192 where no picture is given."""
    image = np.full((192, 320, 3), 90, np.uint8) if image is None else image
    by_id = {item.object_id: item for item in objects}
    return Update("test", FrameResult(index, frame(image, index), by_id, StageTimes()))
