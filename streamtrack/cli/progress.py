"""The bar of a film's run: how far, how fast, how long still."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Speed(ProgressColumn):
    """Frames a second."""

    def render(self, task: Task) -> Text:
        """Such as 31.2 fps."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} fps")


class ProgressBar:
    """Shown from the first tracked frame on: a run that cannot start has no progress."""

    def __init__(self) -> None:
        columns = (
            TextColumn("tracking"),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("tracking", total=None)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        if self._progress.live.is_started:
            self._progress.stop()

    def expect(self, num_steps: int | None) -> None:
        """So many frames will be followed or told; None where nobody counted them."""
        self._progress.update(self._task, total=num_steps)

    def step(self) -> None:
        """Count a frame."""
        self._progress.start()
        self._progress.advance(self._task)
