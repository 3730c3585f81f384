"""A run that was broken off goes on, and leaves what an unbroken one leaves, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from streamtrack.config import SourceConfig, StreamConfig
from streamtrack.errors import ConfigError, PublishError
from streamtrack.offline import (
    ExportOptions,
    FilmJob,
    Journal,
    Journals,
    Outputs,
    PromptSet,
    ResultFolder,
    Run,
    StartedJob,
    all_asked,
    find_exporters,
    open_recording,
)
from streamtrack.offline.journal import FOLDER, SEEN
from streamtrack.offline.result_folder import LIST
from streamtrack.prompt import Prompt
from streamtrack.tracking import film_run
from streamtrack.tracking.film_seen import NOTHING
from streamtrack.tracking.film_span import FilmSpan
from streamtrack.tracking.film_tracks import FilmTracks
from tests.support.pipelines import nano
from tests.support.recordings import BOX, OBJECT, write_clip

FRAMES = 8
"""That are looked at."""
EXPORTERS = ("objects", "events", "masks-png", "masks-rle", "coco")
PROMPTS = PromptSet((Prompt(OBJECT, box=BOX, label="ball", at_frame=3),))
JOB = FilmJob(PROMPTS, "both", FilmSpan(end=FRAMES - 1))


class OneRun:
    """A run into a folder, as the command makes it."""

    def __init__(
        self,
        clip: Path,
        out: Path,
        job: FilmJob = JOB,
        *,
        resume: bool = False,
        exporters: Sequence[str] = EXPORTERS,
    ) -> None:
        stream = StreamConfig(name="film", source=SourceConfig(url=str(clip)))
        goes_on = resume and job.can_go_on(out, stream.tracking, overwrite=False)
        with open_recording(stream.source) as reader:
            folder = ResultFolder(out, overwrite=False, resume=goes_on)
            self.outputs = Outputs(Run(folder, job.prompts.object_ids), exporters)
            asked = all_asked(job, nano(), stream, reader.spec, exporters, ExportOptions())
            self.journals = Journals(out, asked, resume=goes_on)
            self.started: StartedJob = job.start(
                nano(),
                reader,
                stream,
                new_store=self.journals.open,
                keep_logits=self.outputs.needs_logits,
            )

    def to_the_end(self) -> int:
        """Go on to the end; returns how many frames the network followed."""
        with (
            mock.patch.object(FilmTracks, "follow", autospec=True, side_effect=FilmTracks.follow) as followed,
            self.outputs,
        ):
            assert not self.started.run((self.outputs,)).stopped
            self.outputs.finish()
            self.journals.remove()
        return followed.call_count

    def killed_after(self, steps: int) -> None:
        """Nothing is closed or finished."""
        updates = iter(self.started.updates)
        for _ in range(steps):
            update = next(updates)
            if update is not None:
                self.outputs.take(update)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def unbroken(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "out"
    OneRun(clip, out).to_the_end()
    return out


@pytest.fixture(autouse=True)
def _memory_is_kept_often() -> Iterator[None]:
    with mock.patch.object(film_run, "SAVE_EVERY", 2):
        yield


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != LIST]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("steps", "most"), [(2, 7), (4, 5), (7, 5), (10, 3)])
def test_resumed_run_leaves_the_files_of_an_unbroken_one(
    clip: Path, unbroken: Path, tmp_path: Path, steps: int, most: int
) -> None:
    out = tmp_path / "out"
    OneRun(clip, out).killed_after(steps)
    assert (out / FOLDER / SEEN).exists()
    assert OneRun(clip, out, resume=True).to_the_end() <= most, "what was seen is not looked for again"
    assert contents(out) == contents(unbroken)
    assert len(contents(out)) == FRAMES + 4


def test_every_exporter_writes_the_same_after_a_resumed_run(clip: Path, tmp_path: Path) -> None:
    every = tuple(find_exporters())
    OneRun(clip, tmp_path / "a", exporters=every).to_the_end()
    OneRun(clip, tmp_path / "b", exporters=every).killed_after(9)
    assert 0 < len(list((tmp_path / "b" / "overlay").iterdir())) < FRAMES
    OneRun(clip, tmp_path / "b", resume=True, exporters=every).to_the_end()
    before, after = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []
    assert (tmp_path / "a" / LIST).read_text() == (tmp_path / "b" / LIST).read_text()
    assert len(before) > 7 * FRAMES


def test_run_that_was_killed_while_it_wrote_goes_on_before_that(
    clip: Path, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    OneRun(clip, out).killed_after(9)
    seen = out / FOLDER / SEEN
    with seen.open("r+b") as file:
        file.truncate(seen.stat().st_size - 3)
    lines = out / "objects.csv"
    lines.write_bytes(lines.read_bytes()[:-5])
    OneRun(clip, out, resume=True).killed_after(6)
    OneRun(clip, out, resume=True).to_the_end()
    assert contents(out) == contents(unbroken)


def test_another_run_is_not_gone_on_with(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    OneRun(clip, out).killed_after(7)
    before = contents(out)
    other_clip = tmp_path / clip.name
    other_clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    for job, source, word in (
        (replace(JOB, direction="forward"), clip, "direction"),
        (replace(JOB, span=FilmSpan(stride=5)), clip, "frames"),
        (FilmJob(PromptSet((Prompt(OBJECT, box=BOX, at_frame=3),)), "both", JOB.span), clip, "prompts"),
        (JOB, other_clip, "source contents"),
    ):
        with pytest.raises(PublishError, match=rf"^--resume: the run in .* with another {word} \(.*, now "):
            OneRun(source, out, job, resume=True)
    with (
        mock.patch("streamtrack.offline.asked.identity_of", return_value={"weights": "others"}),
        pytest.raises(PublishError, match="with another model"),
    ):
        OneRun(clip, out, resume=True)
    assert contents(out) == before
    (out / FOLDER / "asked.json").write_text("{")
    with pytest.raises(PublishError, match=r"asked\.json cannot be read, expected --overwrite"):
        OneRun(clip, out, resume=True)


def test_resume_starts_where_nothing_is_and_refuses_what_is_done(
    clip: Path, unbroken: Path, tmp_path: Path
) -> None:
    with pytest.raises(PublishError, match=r"no run was broken off in .*, expected --overwrite or another"):
        OneRun(clip, unbroken, resume=True)
    OneRun(clip, tmp_path / "new", resume=True).to_the_end()
    assert contents(tmp_path / "new") == contents(unbroken)
    stream = StreamConfig.model_validate(
        {"name": "a", "source": {"url": str(clip)}, "tracking": {"keyframe_interval": 2}}
    )
    with pytest.raises(ConfigError, match=r"--resume wants every frame .*keyframe_interval is 2, expected 1"):
        JOB.can_go_on(tmp_path, stream.tracking, overwrite=False)


def test_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {}, resume=False)
    with (
        mock.patch(
            "streamtrack.offline.journal.write_all", side_effect=OSError(28, "No space left on device")
        ),
        pytest.raises(PublishError, match=r"\.streamtrack-resume cannot be written: No space left"),
    ):
        journal.put(0, {1: NOTHING}, reverse=False)
    journal.close()
