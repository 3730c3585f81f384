"""`track` as a person runs it: what it leaves, what it says, how it ends."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import av
import pytest

from streamtrack.cli import main as cli
from streamtrack.offline.result_folder import LIST
from tests.support.file_server import FileServer
from tests.support.recordings import FRAMES, write_clip

SCENE = "synthetic:leave?width=320&height=180&frames={}"
POINT = ("--point", "70,120")
BOUND_S = 30.0


def track(source: str, out: Path, *options: str) -> int:
    return cli.run(["track", source, *POINT, "--out", str(out), *options])


def test_events_are_written_and_no_bar_is_shown_above_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert track(SCENE.format(3), tmp_path / "out", "--masks", "none", "--no-overlay") == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert (lines[0]["frame_idx"], lines[0]["kind"], lines[0]["object_id"]) == (0, "added", 1)
    assert lines[0]["detail"]["area_px"] > 0
    assert capfd.readouterr().out.startswith("3 frames, 1 objects in ")
    for options in (["--point", "900,10"], ["--point", "9,9@3"], ["--export", "nope"]):
        assert cli.run(["track", SCENE.format(3), *options, "--out", str(tmp_path / "b")]) == cli.EXIT_ERROR
        error = capfd.readouterr().err
        assert error.startswith("streamtrack: error: ")
        assert len(error.splitlines()) == 1
    assert not (tmp_path / "b").exists()


def test_overwrite_destroys_nothing_where_the_run_cannot_start(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert track(SCENE.format(2), out) == 0
    before = sorted(path for path in out.rglob("*"))
    for source, *options in (
        ("nowhere.mp4",),
        (SCENE.format(2), "--model", "nope"),
        (SCENE.format(2), "--point", "2:900,10"),
        (SCENE.format(2), "--point", "2:9,9@7"),
        (str(out / "overlay.mp4"),),
    ):
        assert track(source, out, "--overwrite", *options) == cli.EXIT_ERROR, (source, options)
        assert sorted(path for path in out.rglob("*")) == before
    assert track(SCENE.format(2), out, "--overwrite", "--masks", "none", "--no-overlay") == 0
    assert sorted(path.name for path in out.iterdir()) == ["events.jsonl", "objects.csv", LIST]


def test_config_preset_and_set_reach_tracking(tmp_path: Path) -> None:
    config = tmp_path / "track.yaml"
    config.write_text(
        "streams: [{name: a, source: {url: x}, prompts: [{object_id: 4, points: [[70, 120]]}]}]"
    )
    out = tmp_path / "out"
    arguments = ["track", SCENE.format(2), "--config", str(config), "--out", str(out), "--masks", "rle"]
    assert cli.run([*arguments, "--no-overlay", "--preset", "fast", "--set", "tracking.max_objects=1"]) == 0
    record = json.loads((out / "masks.jsonl").read_text().splitlines()[0])
    assert [item["object_id"] for item in record["objects"]] == [4]
    assert cli.run([*arguments, "--set", "tracking.nope=1"]) == cli.EXIT_ERROR


def test_recording_behind_an_address_is_known_by_what_it_is(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a clip.mp4")
    out = tmp_path / "out"
    with FileServer(clip.read_bytes()).running() as server:
        url = server.url.replace("file.pt", "download?id=3")
        assert track(url, out, "--masks", "none", "--no-overlay") == 0
    assert len((out / "objects.csv").read_text().splitlines()) == FRAMES + 1
    assert track(str(clip), tmp_path / "b", "--masks", "none", "--no-overlay") == 0, "a name with a blank"


def send_when_written(path: Path, number: int) -> threading.Thread:
    """A thread that sends this process a signal once the file is there."""

    def wait() -> None:
        deadline = time.monotonic() + BOUND_S
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_ends_in_order_with_files_that_open_and_one_line(
    tmp_path: Path, number: int, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    waiter = send_when_written(out / "masks" / "001" / "00002.png", number)
    assert track(SCENE.format(2000), out) == code
    waiter.join(BOUND_S)
    written = len(list((out / "masks" / "001").iterdir()))
    assert 3 <= written < 2000, "the frames up to the signal, and not the whole clip"
    assert len((out / "objects.csv").read_text().splitlines()) == written + 1
    with av.open(str(out / "overlay.mp4")) as overlay:
        assert sum(1 for _ in overlay.decode(video=0)) == written
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith(f"streamtrack: stopped by {signal.Signals(number).name} after {written} frames")
    assert last.endswith(f"results in {out}")


def test_default_folder_stands_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["track", SCENE.format(1), *POINT, "--masks", "none", "--no-overlay"]) == 0
    assert (tmp_path / "out" / "objects.csv").exists()
