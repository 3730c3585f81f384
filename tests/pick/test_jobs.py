"""A job from its start to its end, seen from the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamtrack.errors import BusyError, PublishError
from streamtrack.offline.result_folder import HEADER, LIST
from streamtrack.pick.jobs import JobEnd, JobOptions, Jobs, JobState, Progress
from streamtrack.pick.shown_files import shown_files
from streamtrack.prompt import Prompt
from tests.support.recordings import update

PROMPTS = (Prompt(1, [[5, 5]]),)
BOUND_S = 20.0


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


class Held:
    """A job of three frames that waits before the second until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(
        self,
        options: JobOptions,
        prompts: Sequence[Prompt],
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> JobEnd:
        progress.expect(3)
        for number in range(3):
            if number == 1:
                assert self.go.wait(BOUND_S)
            if should_stop():
                break
            progress.take(update(number))
            progress.step()
        return JobEnd("done", Path("out"), {"objects.csv": None, "masks": 3})


async def test_progress_is_told_while_it_runs_and_files_at_its_end(thread: ThreadPoolExecutor) -> None:
    run = Held()
    jobs = Jobs(run, thread)
    job = jobs.start(JobOptions(), PROMPTS)
    assert (jobs.running, job.told()["state"]) == (True, "running")
    with pytest.raises(BusyError):
        jobs.start(JobOptions(), PROMPTS)
    run.go.set()
    await jobs.wait()
    told = job.told()
    assert (told["state"], told["num_frames"], told["total"], told["frame_idx"]) == ("done", 3, 3, 2)
    assert told["files"] == [{"name": "objects.csv", "count": None}, {"name": "masks", "count": 3}]
    assert told["left_s"] == 0
    assert jobs.files == {"objects.csv": Path("out/objects.csv")}
    assert jobs.start(JobOptions(), PROMPTS).number == 2
    await jobs.wait()


async def test_job_that_is_asked_to_stop_ends_after_its_frame(thread: ThreadPoolExecutor) -> None:
    run = Held()
    jobs = Jobs(run, thread)
    job = jobs.start(JobOptions(), PROMPTS)
    jobs.ask_to_stop()
    run.go.set()
    await jobs.wait()
    assert job.state is JobState.STOPPED
    assert job.progress.num_frames < 3


async def test_job_that_cannot_run_says_why_and_the_next_may(thread: ThreadPoolExecutor) -> None:
    def refuse(
        options: JobOptions,
        prompts: Sequence[Prompt],
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> JobEnd:
        raise PublishError("--out out: holds a.png of an earlier run, expected --overwrite")

    jobs = Jobs(refuse, thread)
    job = jobs.start(JobOptions(), PROMPTS)
    await jobs.wait()
    assert job.told()["state"] == "failed"
    assert job.told()["error"].endswith("expected --overwrite")
    assert not jobs.running
    assert jobs.files == {}


def test_files_of_the_newest_run_are_listed_and_folders_counted(tmp_path: Path) -> None:
    assert shown_files(tmp_path) == {}
    for name in ("objects.csv", "masks/1/0.png", "masks/1/1.png", "somebody.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = "objects.csv\nmasks/1/0.png\nmasks/1/1.png\nnever-made.mp4\n"
    (tmp_path / LIST).write_text(HEADER + listed)
    assert shown_files(tmp_path) == {"objects.csv": None, "masks": 2}
