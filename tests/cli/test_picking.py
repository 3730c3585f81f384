"""`track --pick` as a command: what it says, how it ends, what it refuses. The page itself: tests/pick."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from streamtrack.cli import main as cli
from streamtrack.cli.picking import lay_desk, pick
from streamtrack.cli.stopping import Stopping
from streamtrack.config import load_recording_config
from streamtrack.offline import FilmJob, PromptSet, RecordingJob, parse_prompt_set
from streamtrack.offline.exporters import prompts as prompts_exporter
from tests.support.pipelines import nano
from tests.support.process import started, streamtrack
from tests.support.recordings import FRAMES, write_clip

pytestmark = pytest.mark.process

BOUND_S = 40.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("film") / "clip.mp4")


NOTHING = PromptSet()


def job_for(clip: Path, out: Path, prompts: PromptSet = NOTHING) -> RecordingJob:
    stream = load_recording_config(str(clip), None, []).streams[0]
    return RecordingJob(FilmJob(prompts), stream, ("objects", "prompts"), out)


class Session:
    """The command in this process: its address is what it prints."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.stopping = Stopping()
        self.said = ""

    @contextmanager
    def clicking(self, act: Callable[[httpx.Client], None]) -> Iterator[None]:
        """Do something on the page, from another thread, once it is there."""

        def work() -> None:
            address, token = self._address()
            with httpx.Client(
                base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=BOUND_S
            ) as api:
                act(api)

        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(work)
            yield
            done.result(BOUND_S)

    def _address(self) -> tuple[str, str]:
        deadline = time.monotonic() + BOUND_S
        while "#token=" not in self.said:
            assert time.monotonic() < deadline, self.said
            said = self._capfd.readouterr()
            self.said += said.out + said.err
            time.sleep(0.02)
        address, _, token = self.said.splitlines()[0].removeprefix("pick at ").partition("/#token=")
        return address, token


def finish(api: httpx.Client) -> Any:
    """Start a job and wait for its end; what is told of it."""
    assert api.post("/pick/job", json={}).status_code == 201
    return wait_until(api, lambda job: job["state"] != "running")


def wait_until(api: httpx.Client, happened: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + BOUND_S
    while not happened(job := api.get("/pick").json()["job"]):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def test_job_then_close_is_one_line_and_prompts_that_were_given_are_there(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = Session(capfd)
    out = tmp_path / "out"
    prompts = parse_prompt_set(["3:60,60@2..8"], (), (), (), {3: "ball"})

    def act(api: httpx.Client) -> None:
        state = api.get("/pick").json()
        assert [(one["object_id"], one["label"]) for one in state["objects"]] == [(3, "ball")]
        assert "--point 3:60,60@2..8" in state["command"]
        finish(api)
        # The folder is full now: another job says so, and the page goes on.
        assert "expected --overwrite" in finish(api)["error"]
        body = {"direction": "forward", "start": None, "end": None, "stride": 1, "overwrite": True}
        assert api.put("/pick/options", json={**body, "exports": ["objects"]}).status_code == 200
        finish(api)
        api.post("/pick/close", json={})

    with session.clicking(act):
        pick(str(clip), job_for(clip, out, prompts), nano, session.stopping, others=["--out", str(out)])
    rows = (out / "objects.csv").read_text().splitlines()
    assert len(rows) == 1 + 7, "frames 2 to 8, and a header"
    assert not (out / prompts_exporter.FILE).exists(), "the second run wrote the table alone"
    last = capfd.readouterr().out.splitlines()
    assert len(last) == 1
    assert last[0].endswith(f"results in {out}")


def test_signal_before_a_job_says_how_to_repeat_the_picks(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = Session(capfd)

    def act(api: httpx.Client) -> None:
        body = {"frame_idx": 4, "point": [60.123, 50]}
        assert api.post("/pick/prompts", json=body).json()["object_id"] == 1
        session.stopping.handle(signal.SIGINT, None)

    with session.clicking(act), pytest.raises(typer.Exit) as ended:
        pick(str(clip), job_for(clip, tmp_path / "out"), nano, session.stopping, as_json=True)
    assert ended.value.exit_code == 130
    error = capfd.readouterr().err.splitlines()
    assert error == [
        "streamtrack: stopped by SIGINT after nothing was tracked; the same picks: "
        f"streamtrack track {clip} --point 1:60.12,50@4 --only --export objects,prompts"
    ]
    assert not (tmp_path / "out").exists()


def test_signal_during_a_job_leaves_files_that_open(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = Session(capfd)
    out = tmp_path / "out"
    scene = "synthetic:leave?width=320&height=180&frames=3000"
    stream = load_recording_config(scene, None, []).streams[0]
    prompts = parse_prompt_set(["70,120"])
    job = RecordingJob(FilmJob(prompts), stream, ("objects",), out)

    def act(api: httpx.Client) -> None:
        assert api.post("/pick/job", json={}).status_code == 201
        wait_until(api, lambda told: told["num_frames"] >= 3)
        session.stopping.handle(signal.SIGTERM, None)

    with session.clicking(act), pytest.raises(typer.Exit) as ended:
        pick(scene, job, nano, session.stopping)
    assert ended.value.exit_code == 143
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("streamtrack: stopped by SIGTERM after ")
    assert line.endswith(f"results in {out}")
    assert 3 <= len((out / "objects.csv").read_text().splitlines()) < 3000


def test_summary_for_scripts_is_json(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session = Session(capfd)

    def act(api: httpx.Client) -> None:
        finish(api)
        api.post("/pick/close", json={})

    with session.clicking(act):
        job = job_for(clip, tmp_path / "out", parse_prompt_set(["60,60"]))
        pick(str(clip), job, nano, session.stopping, as_json=True)
    [line] = capfd.readouterr().out.splitlines()
    assert json.loads(line)["frames"] == FRAMES


def test_what_cannot_be_picked_on_is_refused_in_one_line(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments, expected in (
        (["nowhere.mp4"], "nowhere.mp4"),
        (["rtsp://192.0.2.1/x"], "is live, expected a recording"),
        ([str(clip), "--point", "900,10"], "expected inside the frame of 320 x 180"),
        ([str(clip), "--box", "5,5,5,9"], "expected x0 < x1"),
    ):
        assert cli.run(["track", *arguments, "--pick", "--out", str(tmp_path / "out")]) == cli.EXIT_ERROR
        [line] = capfd.readouterr().err.splitlines()
        assert expected in line


def test_desk_shows_the_exporters_with_what_they_write(clip: Path, tmp_path: Path) -> None:
    async def look() -> list[dict[str, str]]:
        with ThreadPoolExecutor(1) as thread:
            desk = lay_desk("a", job_for(clip, tmp_path), nano, thread)
            exporters: list[dict[str, str]] = desk.told()["exporters"]
            return exporters

    shown = {one["name"]: one["about"] for one in asyncio.run(look())}
    assert {"overlay", "masks-png", "prompts"} <= shown.keys()
    assert all(shown.values())


def test_command_prints_an_address_and_ends_with_ctrl_c(clip: Path, tmp_path: Path) -> None:
    command = streamtrack("track", str(clip), "--pick", "--out", str(tmp_path / "out"))
    with started(*command) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("pick at http://127.0.0.1:")
        threading.Timer(0, process.send_signal, (signal.SIGINT,)).start()
        assert process.wait(BOUND_S) == 130
        assert process.stderr.read() == "streamtrack: stopped by SIGINT after nothing was tracked\n"
