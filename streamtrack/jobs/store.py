"""Where jobs lie on disk: a folder each, with what is known of it, its film and its results."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from streamtrack.errors import ConfigError
from streamtrack.jobs.job import ENDED, Job, JobFile, JobState

RECORD, RESULTS = "job.json", "results"
JOB_ID = re.compile(r"\d{14}-[0-9a-f]{16}")
NOT_RESULTS = (".streamtrack-resume",)

logger = logging.getLogger(__name__)


class JobStore:
    """A folder of jobs. Any thread may call any method."""

    def __init__(self, folder: Path | None) -> None:
        """Make the folder where it is not there; None: a temporary one, made with the first job.

        Raises:
            ConfigError: it cannot be made.
        """
        self._given = folder
        self._temporary: Path | None = None
        self._lock = threading.Lock()
        if folder is None:
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"jobs.folder {folder}: cannot be made: {error.strerror}") from error

    def close(self) -> None:
        """Take a temporary folder away."""
        with self._lock:
            temporary, self._temporary = self._temporary, None
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        if self._given is not None:
            return self._given
        with self._lock:
            if self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="streamtrack-jobs-"))
            return self._temporary

    def new_folder(self) -> tuple[str, Path]:
        """A new job's id, which nobody can guess, and its folder.

        Raises:
            OSError: the disk refuses.
        """
        job_id = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(8)}"
        path = self._folder / job_id
        path.mkdir(mode=0o700)
        return job_id, path

    def folder_of(self, job_id: str) -> Path:
        """A job's folder."""
        assert JOB_ID.fullmatch(job_id), "ids are made here"
        return self._folder / job_id

    def write(self, job: Job) -> None:
        """Keep what is known of a job; a disk that refuses is logged."""
        path = self.folder_of(job.id) / RECORD
        part = path.with_suffix(".part")
        try:
            part.write_text(job.model_dump_json(), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            logger.error("job %s: cannot be kept: %s", job.id, error.strerror)

    def read(self) -> list[Job]:
        """The jobs that were kept, oldest first. What ran or waited when the process ended has failed; what
        is no job is removed."""
        if self._given is None:
            return []
        jobs = []
        for path in sorted(self._folder.iterdir()):
            if not JOB_ID.fullmatch(path.name):
                continue
            try:
                job = Job.model_validate_json((path / RECORD).read_bytes())
            except (OSError, ValidationError, json.JSONDecodeError):
                self.remove(path.name)
                continue
            if job.state not in ENDED:
                words = "the server was stopped before it was done"
                job = job.model_copy(
                    update={"state": JobState.FAILED, "error": words, "ended_ms": job.created_ms}
                )
                self.write(job)
            jobs.append(job)
        return jobs

    def results_of(self, job_id: str) -> Path:
        """Where a job's results lie."""
        return self.folder_of(job_id) / RESULTS

    def files_of(self, job_id: str) -> tuple[JobFile, ...]:
        """A job's results: files, and folders as a whole."""
        root = self.results_of(job_id)
        if not root.is_dir():
            return ()
        return tuple(_told(path) for path in sorted(root.iterdir()) if not path.name.startswith("."))

    def names_in(self, job_id: str) -> list[str]:
        """Every file of a job's results."""
        root = self.results_of(job_id)
        paths = (path.relative_to(root) for path in _files_in(root))
        return sorted(path.as_posix() for path in paths if not _is_hidden(path))

    def result(self, job_id: str, name: str) -> Path | None:
        """A file of a job's results; None where there is none of that name."""
        root = self.results_of(job_id).resolve()
        try:
            path = (root / name).resolve()
        except (OSError, ValueError):  # a NUL, a name that is too long
            return None
        inside = path.is_relative_to(root) and not _is_hidden(path.relative_to(root))
        return path if inside and path.is_file() else None

    def size_of(self, job_id: str) -> int:
        """Bytes that a job's folder takes."""
        return _size(self.folder_of(job_id))

    def size(self) -> int:
        """Bytes that all jobs take."""
        if self._given is None and self._temporary is None:
            return 0
        return _size(self._folder)

    def remove(self, job_id: str) -> None:
        """Take a job and all of its files away."""
        shutil.rmtree(self.folder_of(job_id), ignore_errors=True)

    def forget_film(self, job_id: str) -> None:
        """Take an uploaded film away, and what was uploaded beside it; results and record stay."""
        for path in self.folder_of(job_id).iterdir():
            if path.is_file() and path.name != RECORD:
                path.unlink(missing_ok=True)

    def forget_unfinished(self, job_id: str) -> None:
        """Take what is kept to go on with away."""
        for name in NOT_RESULTS:
            shutil.rmtree(self.results_of(job_id) / name, ignore_errors=True)


def _told(path: Path) -> JobFile:
    if path.is_dir():
        return JobFile(name=path.name, bytes=_size(path), count=sum(1 for _ in _files_in(path)))
    return JobFile(name=path.name, bytes=path.stat().st_size)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _files_in(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            yield Path(root, name)


def _size(folder: Path) -> int:
    total = 0
    for path in _files_in(folder):
        with contextlib.suppress(OSError):  # it went meanwhile
            total += path.stat().st_size
    return total
