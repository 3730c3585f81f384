"""Row 17: the disk is full, or SIGTERM comes, while a film is tracked or a stream is recorded."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import httpx
import pytest
import yaml

from streamtrack.offline.result_folder import LIST
from tests.faults.injectors.disk import small_disk
from tests.faults.table import FaultRow, record_fault
from tests.support.process import streamtrack
from tests.support.waiting import SOON_S, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.process, pytest.mark.timeout(900)]

BOUND_S = 240.0
FRAMES = 80
EXPORTS = ("--export", "coco", "--export", "objects", "--export", "masks-rle")
ROOM_BYTES, MORE_BYTES = 600_000, 64 << 20


def track(out: Path, frames: int, *options: str) -> list[str]:
    scene = f"synthetic:leave?width=320&height=180&frames={frames}"
    prompt = ["--point", "70,120@0", "--set", "model.threads=1"]
    return streamtrack("track", scene, *prompt, *EXPORTS, "--out", str(out), *options)


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)


def num_pictures(path: Path) -> int:
    """Pictures that a film plays, from its start to its end."""
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def whole_lines(path: Path) -> int:
    """Lines, each whole JSON."""
    text = path.read_text(encoding="utf-8")
    assert not text or text.endswith("\n"), f"{path.name} ends within a line"
    return len([json.loads(line) for line in text.splitlines()])


def error_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "error" in line.lower()]


def what_is_there(out: Path) -> str:
    """What was written, in words; fails where any of it does not open."""
    films = [f"{path.name} plays {num_pictures(path)} pictures" for path in out.glob("*.mp4")]
    lines = [f"{path.name} has {whole_lines(path)} whole lines" for path in out.rglob("*.jsonl")]
    assert films, f"no film in {sorted(path.name for path in out.iterdir())}"
    return ", ".join((*films, *lines))


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file but films, whose bytes hold when they were made."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != LIST]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.suffix != ".mp4"}


def test_disk_that_is_full_ends_a_film_in_one_line_and_resume_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", ROOM_BYTES) as disk:
        out = disk.path / "out"
        done = run(track(out, 2 * FRAMES))
        told = error_lines(done.stderr)
        kept = what_is_there(out)
        is_told = done.returncode == 2 and len(told) == 1 and "Traceback" not in done.stderr
        disk.grow(MORE_BYTES)
        again = run(track(out, 2 * FRAMES, "--resume"))
        whole = [num_pictures(path) for path in out.glob("*.mp4")]
    held = is_told and again.returncode == 0 and whole == [2 * FRAMES]
    words = told[0] if told else done.stderr[-200:]
    record_fault(
        FaultRow(
            17,
            "the disk is full while a film is tracked",
            "one line tells, code 2; what was written plays; `--resume` makes it whole once there is room",
            None,
            None,
            f"nothing: {kept}; told: {words.rpartition(': ')[2]}"
            + ("" if held else f"; {done.returncode} {again.returncode} {whole} {again.stderr[-300:]}"),
            held=held,
        )
    )


def test_terminated_film_plays_and_resume_goes_on(tmp_path: Path) -> None:
    out, unbroken = tmp_path / "out", tmp_path / "unbroken"
    process = subprocess.Popen(
        track(out, FRAMES), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        masks = out / "masks.jsonl"
        wait_until(lambda: masks.exists() and masks.stat().st_size > 3_000, "masks of some frames", BOUND_S)
        process.send_signal(signal.SIGTERM)
        begun_s = time.monotonic()
        _, errors = process.communicate(timeout=BOUND_S)
        took_s = time.monotonic() - begun_s
    finally:
        process.kill()
        process.wait(BOUND_S)
    kept = what_is_there(out)
    told = [line for line in errors.splitlines() if "stopped by SIGTERM" in line]
    done = run(track(out, FRAMES, "--resume"))
    whole = run(track(unbroken, FRAMES))
    same = contents(out) == contents(unbroken)
    held = len(told) == 1 and "Traceback" not in errors and done.returncode == whole.returncode == 0 and same
    record_fault(
        FaultRow(
            17,
            "SIGTERM while a film is tracked",
            "it ends in order and one line tells; what was written plays; `--resume` leaves the files of an "
            "unbroken run",
            None,
            None,
            f"nothing: {kept}; ended within {took_s:.1f} s"
            + (
                ""
                if held
                else f"; told {told} {errors[-300:]}, {done.returncode} {done.stderr[-200:]}, {same}"
            ),
            held=held,
        )
    )


@contextmanager
def served(folder: Path, archive: Path, **changes: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that records a scene; its process and address."""
    config = {
        "streams": [
            {
                "name": "cam",
                "source": {"url": "synthetic:leave?width=320&height=180&fps=15"},
                "autoprompt": {"kind": "scene"},
                "recording": {"mode": "continuous", "segment_s": 2, "bitrate_kbps": 2000, "overlay": True},
            }
        ],
        "archive": {"folder": str(archive), **changes},
        "model": {"name": "nano", "device": "cpu", "threads": 1},
        "http": {"port": 0},
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": None},
    }
    path = folder / "record.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            streamtrack("serve", str(path)), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            page = next(line for line in process.stdout if line.startswith("page"))
            yield process, page.split()[1].rstrip("/")
        finally:
            process.kill()
            process.communicate()


def films_of(archive: Path) -> list[Path]:
    return sorted((archive / "recordings" / "cam").glob("*.mp4"))


def test_disk_that_is_full_stops_the_recording_alone_and_it_goes_on_with_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", ROOM_BYTES) as disk:
        archive = disk.path / "kept"
        with (
            served(tmp_path, archive, min_free_gb=0) as (process, address),
            httpx.Client(base_url=address, timeout=SOON_S) as http,
        ):

            def told(kind: str) -> int:
                return sum(event["kind"] == kind for event in http.get("/streams/cam/events").json())

            def frame() -> int:
                return int(http.get("/streams/cam").json()["newest_frame_idx"])

            wait_until(lambda: told("recording_stopped") > 0, "a recording that stops", BOUND_S)
            at = frame()
            wait_until(lambda: frame() > at + 10, "a stream that goes on", BOUND_S)
            stopped = told("recording_stopped")
            kept = sum(num_pictures(path) for path in films_of(archive))
            disk.grow(MORE_BYTES)
            begun_s = time.monotonic()
            wait_until(lambda: told("recording_resumed") > 0, "a recording that goes on", BOUND_S)
            recover_s = time.monotonic() - begun_s
            number = len(films_of(archive))
            wait_until(lambda: len(films_of(archive)) > number + 2, "new films", BOUND_S)
            state = http.get("/streams/cam").json()["state"]
            alive = process.poll() is None
            later = [num_pictures(path) for path in films_of(archive)[:-2]]
        errors = (tmp_path / "errors.txt").read_text()
    held = alive and state == "online" and stopped == 1 and "Traceback" not in errors and all(later)
    record_fault(
        FaultRow(
            17,
            "the disk is full while a stream is recorded",
            "`recording_stopped` once, `recording_resumed` with room; the stream goes on; every film plays",
            None,
            recover_s,
            f"pictures of the time itself; {kept} were kept before it"
            + ("" if held else f"; {alive} {state} {stopped} {later} {errors[-300:]}"),
            held=held,
        )
    )


def test_terminated_recording_plays_to_its_last_second(tmp_path: Path) -> None:
    archive = tmp_path / "kept"
    with served(tmp_path, archive) as (process, address):
        wait_until(
            lambda: sum(path.stat().st_size for path in films_of(archive)) > 200_000, "some films", BOUND_S
        )
        number = httpx.get(f"{address}/streams/cam", timeout=SOON_S).json()["newest_frame_idx"]
        process.send_signal(signal.SIGTERM)
        begun_s = time.monotonic()
        code = process.wait(BOUND_S)
        took_s = time.monotonic() - begun_s
        overlay = sum(num_pictures(path) for path in films_of(archive) if ".overlay." in path.name)
        masks = sum(whole_lines(path) - 1 for path in (archive / "recordings" / "cam").glob("*.masks.jsonl"))
        errors = (tmp_path / "errors.txt").read_text()
    held = code == 0 and min(overlay, masks) >= number - 1 and "Traceback" not in errors
    record_fault(
        FaultRow(
            17,
            "SIGTERM while a stream is recorded",
            "it ends in order, code 0; every film plays to the frame before the signal",
            None,
            None,
            f"nothing: {overlay} pictures, and masks of {masks} frames; ended within {took_s:.1f} s"
            + ("" if held else f"; {code} {errors[-300:]}"),
            held=held,
        )
    )
