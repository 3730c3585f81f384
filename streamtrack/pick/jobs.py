"""The job that a page starts: one at a time, on the thread that has the model, its progress told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from streamtrack.errors import BusyError, StreamTrackError
from streamtrack.frame import FrameResult, Update
from streamtrack.prompt import Prompt

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How the film is followed and what is written."""

    direction: Direction = "forward"
    start: int | None = None
    """First frame; None: the film's."""
    end: int | None = None
    """Last frame; None: the film's."""
    stride: int = 1
    exports: tuple[str, ...] = ()
    """Names of exporters."""
    overwrite: bool = False
    """Remove what an earlier run wrote."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What became of a job."""

    line: str
    """For people."""
    folder: Path
    """Where it wrote."""
    files: Mapping[str, int | None] = field(default_factory=dict)
    """What stands in the folder, by name; of a folder how many files it holds, None of a file."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """For scripts."""


class RunJob(Protocol):
    """Runs a job to its end."""

    def __call__(
        self,
        options: JobOptions,
        prompts: Sequence[Prompt],
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> JobEnd:
        """Give every update to `progress`; end early, in order, once `should_stop` says so.

        Raises:
            StreamTrackError: it cannot be run as asked.
        """


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(slots=True)
class Progress:
    """Counts a job's steps: a consumer of its updates. Written on its thread, read on the event loop."""

    name: str = "progress"
    total: int | None = None
    """Frames that it will follow or tell, None where not known."""
    num_frames: int = 0
    """Of those, how many are done."""
    newest: FrameResult | None = None
    """The frame that was told last."""
    began_s: float | None = None
    """When the first frame was done."""

    def expect(self, total: int | None) -> None:
        """The job has begun."""
        self.total = total

    def step(self) -> None:
        """Count a frame."""
        self.num_frames += 1
        self.began_s = self.began_s or time.monotonic()

    def take(self, update: Update) -> None:
        """Keep what is to be shown."""
        self.newest = update.result or self.newest

    def close(self) -> None:
        """Nothing to do."""

    def figures(self) -> dict[str, Any]:
        """What is told of it: frames, frames a second, seconds to go."""
        fps, left_s = None, None
        if self.began_s is not None and self.num_frames > 1:
            # The first frame is where the clock starts: loading and opening are no part of the rate.
            fps = (self.num_frames - 1) / max(time.monotonic() - self.began_s, 1e-6)
        if fps and self.total is not None:
            left_s = max(0, self.total - self.num_frames) / fps
        return {
            "num_frames": self.num_frames,
            "total": self.total,
            "frame_idx": None if self.newest is None else self.newest.frame_idx,
            "fps": fps,
            "left_s": left_s,
        }


@dataclass(slots=True)
class Job:
    """One job and how it stands."""

    number: int
    progress: Progress = field(default_factory=Progress)
    state: JobState = JobState.RUNNING
    error: str = ""
    """Why it failed, in one line."""
    end: JobEnd | None = None
    stop_asked: bool = False

    def told(self) -> dict[str, Any]:
        """What the page is told."""
        files = {} if self.end is None else self.end.files
        return {
            "number": self.number,
            "state": self.state.value,
            **self.progress.figures(),
            "error": self.error,
            "line": "" if self.end is None else self.end.line,
            "files": [{"name": name, "count": count} for name, count in files.items()],
        }


class Jobs:
    """Runs jobs, one after the other."""

    def __init__(self, run: RunJob, thread: ThreadPoolExecutor) -> None:
        self._run = run
        self._thread = thread
        self._task: asyncio.Task[None] | None = None
        self.newest: Job | None = None

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._task is not None and not self._task.done()

    @property
    def files(self) -> Mapping[str, Path]:
        """Files that the last job wrote, by name; folders are not among them."""
        end = None if self.newest is None else self.newest.end
        if end is None:
            return {}
        return {name: end.folder / name for name, count in end.files.items() if count is None}

    def start(self, options: JobOptions, prompts: Sequence[Prompt]) -> Job:
        """Begin a job.

        Raises:
            BusyError: one is under way.
        """
        self.refuse_while_running()
        number = 1 if self.newest is None else self.newest.number + 1
        self.newest = job = Job(number)
        self._task = asyncio.create_task(self._carry_out(job, options, prompts), name="pick-job")
        return job

    def refuse_while_running(self) -> None:
        """Refuse what would change what a job works on.

        Raises:
            BusyError: one is under way.
        """
        if self.running:
            raise BusyError("a job is under way, expected to be asked again when it has ended")

    def ask_to_stop(self) -> None:
        """End the job after the frame that is under way."""
        if self.newest is not None and self.running:
            self.newest.stop_asked = True

    async def wait(self) -> None:
        """Until no job is under way."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _carry_out(self, job: Job, options: JobOptions, prompts: Sequence[Prompt]) -> None:
        loop = asyncio.get_running_loop()
        try:
            job.end = await loop.run_in_executor(
                self._thread, self._run, options, prompts, job.progress, lambda: job.stop_asked
            )
        except StreamTrackError as error:
            job.state, job.error = JobState.FAILED, str(error)
        except Exception:
            job.state, job.error = JobState.FAILED, "internal error, see the terminal"
            raise
        else:
            job.state = JobState.STOPPED if job.stop_asked else JobState.DONE
