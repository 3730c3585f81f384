"""Bounds of jobs: time, size, disk and how long results are kept; and what a restart finds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import JobsConfig
from streamtrack.errors import CapacityError, UnknownJobError
from streamtrack.jobs.desk import MB, MS_PER_HOUR, JobDesk, ModelUse
from streamtrack.jobs.film_run import FilmRequest
from streamtrack.jobs.job import Job, JobOptions, JobState
from streamtrack.jobs.store import JobStore
from streamtrack.offline import PromptSet
from streamtrack.prompt import Prompt
from tests.support.pipelines import nano, wait_until
from tests.support.recordings import BOX, OBJECT, write_clip


class SetClock:
    """A wall clock that a test sets."""

    now_ms = 1_000_000_000_000

    def wall_ns(self) -> int:
        return self.now_ms * 1_000_000

    def monotonic_ns(self) -> int:
        return self.now_ms * 1_000_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("films") / "clip.mp4")


@contextmanager
def desk_with(folder: Path | None, clock: SetClock | None = None, **limits: Any) -> Iterator[JobDesk]:
    model = ModelUse(nano, contextlib.nullcontext, "nano")
    desk = JobDesk(JobsConfig(**limits), folder, model, clock or SetClock())
    desk.start()
    try:
        yield desk
    finally:
        assert desk.stop(20)


def submit(desk: JobDesk, clip: Path, *exports: str, end: int | None = 1) -> str:
    with desk.arriving(0):
        job_id, folder = desk.store.new_folder()
        options = JobOptions(exports=exports or ("objects",), end=end)
        prompts = PromptSet((Prompt(OBJECT, box=BOX, at_frame=0),))
        job = Job(
            id=job_id, film="clip.mp4", source="url", options=options, num_objects=1, created_ms=desk.now_ms()
        )
        desk.submit(job, FilmRequest(str(clip), "clip.mp4", prompts, options, folder / "results"))
    return job_id


def ended(desk: JobDesk, job_id: str) -> Job:
    wait_until(lambda: desk.job(job_id).has_ended, "the job's end")
    return desk.job(job_id)


def test_run_that_takes_or_writes_too_much_is_ended_and_says_by_which_bound(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Racing(SetClock):
        """Two seconds pass between two looks at it."""

        def monotonic_ns(self) -> int:
            self.now_ms += 2000
            return super().monotonic_ns()

    with desk_with(tmp_path, Racing(), max_seconds=1) as desk:
        late = ended(desk, submit(desk, clip))
    assert (late.state, late.error) == (JobState.FAILED, "it took more than 1 s (jobs.max_seconds)")
    monkeypatch.setattr("streamtrack.jobs.film_run.MEASURE_STEPS", 2)
    with desk_with(tmp_path / "other", max_result_mb=1) as desk:
        monkeypatch.setattr(desk.store, "size_of", lambda job_id: 2 * MB)
        large = ended(desk, submit(desk, clip, end=3))
    assert (large.state, large.error) == (JobState.FAILED, "it wrote more than 1 MB (jobs.max_result_mb)")


def test_old_results_go_and_so_do_those_that_are_too_many(tmp_path: Path, clip: Path) -> None:
    clock = SetClock()
    with desk_with(tmp_path, clock, keep_hours=2, max_kept=2) as desk:
        jobs = []
        for _ in range(3):
            clock.now_ms += 1000
            jobs.append(submit(desk, clip))
            assert ended(desk, jobs[-1]).state is JobState.DONE
        desk.sweep()
        assert [job.id for job in desk.jobs()] == jobs[1:]
        with pytest.raises(UnknownJobError):
            desk.job(jobs[0])
        clock.now_ms += 3 * MS_PER_HOUR
        desk.sweep()
        assert desk.jobs() == ()
        assert list(tmp_path.iterdir()) == []


def test_oldest_results_make_room_and_where_they_cannot_the_film_is_refused(
    tmp_path: Path, clip: Path
) -> None:
    with desk_with(tmp_path, max_disk_mb=1) as desk:
        first = submit(desk, clip)
        ended(desk, first)
        (desk.store.results_of(first) / "large").write_bytes(b"x" * (MB - 1000))
        submit_again = submit(desk, clip)
        ended(desk, submit_again)
        with desk.arriving(MB // 2):
            assert [job.id for job in desk.jobs()] == [submit_again]
        with pytest.raises(CapacityError, match="no room for another"), desk.arriving(2 * MB):
            pass


def test_restart_finds_results_and_says_of_what_ran_that_it_did_not_end(tmp_path: Path, clip: Path) -> None:
    with desk_with(tmp_path) as desk:
        done = submit(desk, clip)
        ended(desk, done)
    store = JobStore(tmp_path)
    ran, _ = store.new_folder()
    job = Job(
        id=ran,
        state=JobState.RUNNING,
        film="x",
        source="url",
        options=JobOptions(),
        num_objects=1,
        created_ms=5,
    )
    store.write(job)
    broken, folder = store.new_folder()
    (folder / "job.json").write_text("{")
    with desk_with(tmp_path) as desk:
        states = {job.id: job.state for job in desk.jobs()}
        assert states == {done: JobState.DONE, ran: JobState.FAILED}
        assert desk.job(ran).error == "the server was stopped before it was done"
        assert desk.store.result(done, desk.job(done).files[0].name) is not None
    assert not (tmp_path / broken).exists()


def test_without_a_folder_everything_goes_with_the_process(clip: Path) -> None:
    with desk_with(None) as desk:
        job_id = submit(desk, clip)
        assert ended(desk, job_id).state is JobState.DONE
        folder = desk.store.folder_of(job_id)
        assert folder.is_dir()
    assert not folder.exists()
