"""Downloads from servers that cut, lie, stall, refuse and disagree."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from streamtrack.errors import CheckpointError
from streamtrack.weights.download import DownloadPolicy, download_file
from tests.support import file_server as behave
from tests.support.file_server import Behaviour, FileServer

DATA = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
CUT = 100_000

IMPATIENT = DownloadPolicy(
    timeout_s=0.5, stall_s=0.4, stall_bytes=1000, progress_bytes=50_000, backoff_s=0.01, lock_stall_s=0.5
)
"""The same rules in small; a loopback server answers in well under a tenth of these times."""

Serve = Callable[..., FileServer]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,.invalid")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that stop with the test."""
    with contextlib.ExitStack() as stack:

        def start(*behaviours: Behaviour, data: bytes = DATA) -> FileServer:
            return stack.enter_context(FileServer(data, *behaviours).running())

        yield start


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "file.pt"


def fetch(target: Path, *servers: FileServer, policy: DownloadPolicy = IMPATIENT) -> None:
    """Download, and hold every outcome to the promise: whole under the final name, or nothing there."""
    try:
        assert (
            download_file([server.url for server in servers], target, len(DATA), SHA256, policy=policy)
            == target
        )
    except CheckpointError:
        assert not target.exists()
        raise
    assert target.read_bytes() == DATA
    assert sorted(path.name for path in target.parent.iterdir()) in (["file.pt"], ["file.pt", "file.pt.lock"])


def part_of(target: Path) -> Path:
    return target.with_name("file.pt.part")


def test_good_server_gives_file_in_one_request_and_reports_progress(serve: Serve, target: Path) -> None:
    server = serve()
    seen: list[tuple[int, int]] = []
    download_file(
        [server.url], target, len(DATA), SHA256, on_progress=lambda *p: seen.append(p), policy=IMPATIENT
    )
    assert target.read_bytes() == DATA
    assert server.ranges == [None]
    assert seen == sorted(seen)
    assert seen[-1] == (len(DATA), len(DATA))


def test_cut_connection_goes_on_where_it_was_cut(serve: Serve, target: Path) -> None:
    server = serve(behave.cut_after(CUT), behave.cut_after(CUT), behave.whole)
    fetch(target, server)
    assert server.ranges == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]
    assert server.requests[1]["If-Range"] == behave.ETAG


def test_cuts_that_bring_bytes_do_not_use_up_the_attempts(serve: Serve, target: Path) -> None:
    server = serve(behave.cut_after(60_000))
    fetch(target, server, policy=DownloadPolicy(attempts=2, progress_bytes=50_000, backoff_s=0.01))
    assert len(server.requests) == 5


def test_later_run_resumes_the_part_of_an_earlier_one(serve: Serve, target: Path) -> None:
    server = serve(behave.cut_after(CUT), behave.status(404), behave.whole)
    with pytest.raises(CheckpointError, match="answered 404"):
        fetch(target, server)
    assert part_of(target).stat().st_size == CUT
    fetch(target, server)
    assert server.ranges[-1] == f"bytes={CUT}-"


def test_killed_download_is_resumed_by_the_next_process(serve: Serve, target: Path) -> None:
    server = serve(behave.hang_after(CUT), behave.whole)
    with spawn_download(server, target, timeout_s=30) as killed:
        wait_for(lambda: part_of(target).exists() and part_of(target).stat().st_size == CUT)
        killed.kill()
    fetch(target, server)
    assert server.ranges == [None, f"bytes={CUT}-"]


def test_server_that_ignores_range_is_read_from_the_start(serve: Serve, target: Path) -> None:
    server = serve(behave.cut_after(CUT), behave.no_ranges)
    fetch(target, server)
    assert server.ranges == [None, f"bytes={CUT}-"]


def test_server_that_answers_another_range_is_refused(serve: Serve, target: Path) -> None:
    server = serve(behave.cut_after(CUT), behave.wrong_range)
    with pytest.raises(CheckpointError, match=rf"answered 206 to bytes {CUT}-: 'bytes {CUT + 1}-"):
        fetch(target, server)


@pytest.mark.parametrize("claimed", [len(DATA) - 1, len(DATA) + 1, 0])
def test_wrong_length_is_refused_before_its_body_is_read(serve: Serve, target: Path, claimed: int) -> None:
    server = serve(behave.claims_length(claimed))
    with pytest.raises(CheckpointError, match=f"has {claimed} bytes, expected {len(DATA)}"):
        fetch(target, server)
    assert len(server.requests) == 1
    assert not part_of(target).exists()


def test_unnamed_length_that_ends_early_counts_as_a_cut(serve: Serve, target: Path) -> None:
    short = serve(behave.no_length(), data=DATA[:-1])
    with pytest.raises(CheckpointError, match="cut the connection with 1 bytes to go, 4 times in a row"):
        fetch(target, short)


def test_unnamed_length_with_more_behind_the_file_gives_the_file(serve: Serve, target: Path) -> None:
    fetch(target, serve(behave.no_length(extra=b"more")))


def test_wrong_byte_never_reaches_the_final_name(serve: Serve, target: Path) -> None:
    server = serve(behave.wrong_byte(at=250_000))
    with pytest.raises(
        CheckpointError, match=f"gave other bytes: sha256 is [0-9a-f]{{64}}, expected {SHA256}"
    ):
        fetch(target, server)
    assert len(server.requests) == 1
    assert not part_of(target).exists()


def test_wrong_byte_in_a_left_over_part_is_fetched_again(serve: Serve, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"\0" * CUT)
    server = serve()
    fetch(target, server)
    assert server.ranges == [f"bytes={CUT}-", None]


def test_left_over_part_longer_than_the_file_is_dropped(serve: Serve, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(DATA + b"more")
    server = serve()
    fetch(target, server)
    assert server.ranges == [None]


def test_complete_part_needs_no_server(target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(DATA)
    with FileServer(DATA).running() as gone:
        pass
    fetch(target, gone)
    assert gone.requests == []


def test_server_that_cuts_and_gives_wrong_bytes_is_given_up(serve: Serve, target: Path) -> None:
    server = serve(behave.wrong_byte(at=0, cut=CUT))
    with pytest.raises(CheckpointError, match="times in a row"):
        fetch(target, server)
    assert len(server.requests) <= 10, "it asked on and on"


def test_missing_file_is_asked_for_once(serve: Serve, target: Path) -> None:
    server = serve(behave.status(404))
    with pytest.raises(
        CheckpointError, match=r"file\.pt: no server gave the file: 127.0.0.1:\d+ answered 404$"
    ):
        fetch(target, server)
    assert len(server.requests) == 1


def test_broken_server_is_asked_again_then_given_up(serve: Serve, target: Path) -> None:
    server = serve(behave.status(500))
    with pytest.raises(CheckpointError, match="answered 500, 4 times in a row"):
        fetch(target, server)
    assert len(server.requests) == 4


def test_busy_server_is_given_the_time_it_asks_for(serve: Serve, target: Path) -> None:
    server = serve(behave.status(503, Retry_After="1"), behave.whole)
    start = time.monotonic()
    fetch(target, server)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("silence", [behave.mute, behave.hang_after(0), behave.hang_after(10)])
def test_silent_server_is_left_for_the_mirror(serve: Serve, target: Path, silence: Behaviour) -> None:
    start = time.monotonic()
    fetch(target, serve(silence), serve(), policy=DownloadPolicy(timeout_s=0.3, attempts=2, backoff_s=0.01))
    assert time.monotonic() - start < 5  # two waits of 0.3 s; the rest is room for a busy machine


def test_dripping_server_is_left_for_the_mirror(serve: Serve, target: Path) -> None:
    dripping = serve(behave.drip)
    fetch(target, dripping, serve())
    assert len(dripping.requests) == IMPATIENT.attempts


@pytest.mark.parametrize(
    "bad", [behave.status(404), behave.status(500), behave.wrong_byte(at=0), behave.claims_length(17)]
)
def test_mirror_gives_the_file_when_the_first_server_cannot(
    serve: Serve, target: Path, bad: Behaviour
) -> None:
    fetch(target, serve(bad), serve())


def test_mirror_finishes_the_part_of_the_first_server(serve: Serve, target: Path) -> None:
    mirror = serve()
    fetch(target, serve(behave.cut_after(CUT), behave.status(404)), mirror)
    assert mirror.ranges == [f"bytes={CUT}-"]
    assert "If-Range" not in mirror.requests[0]  # its versions have other names


def test_message_names_every_server_and_its_fault(serve: Serve, target: Path) -> None:
    with pytest.raises(CheckpointError, match=r"127.0.0.1:\d+ answered 404; 127.0.0.1:\d+ has 17 bytes"):
        fetch(target, serve(behave.status(404)), serve(behave.claims_length(17)))


def test_offline_machine_is_told_so_and_what_to_do(target: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        urls = ["http://checkpoints.invalid/file.pt", f"http://127.0.0.1:{unused.getsockname()[1]}/file.pt"]
        with pytest.raises(CheckpointError) as caught:
            download_file(urls, target, len(DATA), SHA256, policy=IMPATIENT)
    message = str(caught.value)
    assert "\n" not in message
    assert "no server can be reached, is this machine offline?" in message
    assert "Connection refused" in message
    assert f"put it into {target.parent}" in message
    assert not target.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_disk_that_fills_up_is_told_with_what_is_missing(serve: Serve, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match=r"disk full, 0\.3 MiB to go and [\d.]+ MiB free: make room"):
        fetch(target, serve())


def test_disk_without_room_is_told_before_anything_is_asked(serve: Serve, target: Path) -> None:
    server = serve()
    with pytest.raises(CheckpointError, match=r"disk full, 1073741824\.0 MiB to go"):
        download_file([server.url], target, 1 << 50, SHA256, policy=IMPATIENT)
    assert server.requests == []


def test_folder_that_cannot_be_made_is_told(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(CheckpointError, match="cannot be written"):
        fetch(tmp_path / "cache" / "file.pt", serve())


def test_two_processes_download_once(serve: Serve, target: Path) -> None:
    server = serve(behave.slow(1.0))
    with spawn_download(server, target) as first, spawn_download(server, target) as second:
        assert first.wait(timeout=60) == 0
        assert second.wait(timeout=60) == 0
    assert target.read_bytes() == DATA
    assert server.ranges == [None]


def test_waiting_process_shows_the_other_ones_progress(serve: Serve, target: Path) -> None:
    server = serve(behave.slow(1.5))
    seen: list[int] = []
    with spawn_download(server, target) as first:
        wait_for(lambda: part_of(target).exists() and part_of(target).stat().st_size > 0)
        download_file([server.url], target, len(DATA), SHA256, on_progress=lambda n, _: seen.append(n))
        assert first.wait(timeout=60) == 0
    assert len(set(seen)) >= 3
    assert seen[-1] == len(DATA)
    assert len(server.requests) == 1


def test_lock_of_a_process_that_stands_still_is_not_waited_for_for_ever(serve: Serve, target: Path) -> None:
    target.parent.mkdir()
    with (
        filelock.FileLock(f"{target}.lock"),
        pytest.raises(
            CheckpointError, match=r"file\.pt\.lock: held by another process .* stood still for 0\.5 s"
        ),
    ):
        fetch(target, serve())


@contextlib.contextmanager
def spawn_download(
    server: FileServer, target: Path, timeout_s: float = 10.0
) -> Iterator[subprocess.Popen[bytes]]:
    """The same download in a process of its own, ended with the block."""
    code = (
        "import sys; from pathlib import Path\n"
        "from streamtrack.weights.download import DownloadPolicy, download_file\n"
        "url, target, num_bytes, sha256, timeout_s = sys.argv[1:]\n"
        "policy = DownloadPolicy(timeout_s=float(timeout_s))\n"
        "download_file([url], Path(target), int(num_bytes), sha256, policy=policy)\n"
    )
    argv = [sys.executable, "-c", code, server.url, str(target), str(len(DATA)), SHA256, str(timeout_s)]
    with subprocess.Popen(argv, env={**os.environ, "no_proxy": "127.0.0.1"}) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Until it holds; fails when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
