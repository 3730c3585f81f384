"""One stream's files: whenever the process dies, what is there is whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streamtrack.state.documents import KeptMemory, StreamDocument, encode
from streamtrack.state.folder import ASIDE, StateError, StateFolder
from streamtrack.state.stream_store import DOCUMENT, MARK, MAX_TRIES, TRIES, StreamStore
from tests.support.states import Killed, document, kept_object, killed_at
from tests.support.waiting import SOON_S


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path)
    yield folder
    folder.close()


def memory_of(store: StreamStore, found: StreamDocument) -> dict[int, bytes]:
    return {one.object_id: store.memory(one.memory) for one in found.objects if one.memory is not None}


def test_state_comes_back_with_the_memories_that_were_written(folder: StateFolder) -> None:
    store = StreamStore(folder, "cam")
    assert store.read().document is None
    store.write(document(kept_object(1, "ball"), kept_object(2)), {1: b"one", 2: b"two"})
    store.write(document(kept_object(1, "ball"), kept_object(3), frame_idx=8), {3: b"three"})
    again = StreamStore(folder, "cam")
    found = again.read().document
    assert found is not None
    assert (found.frame_idx, [one.label for one in found.objects]) == (8, ["ball", ""])
    assert memory_of(again, found) == {1: b"one", 3: b"three"}
    names = {path.name for path in store.path.iterdir()}
    assert names == {DOCUMENT, "1-1.memory", "3-3.memory"}, "what no document names is taken away"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (store.path, *store.path.iterdir()))


def test_object_that_came_a_moment_ago_has_no_memory_yet(folder: StateFolder) -> None:
    StreamStore(folder, "cam").write(document(kept_object(1)), {})
    found = StreamStore(folder, "cam").read().document
    assert found is not None
    assert found.objects[0].memory is None


def test_given_ids_are_marked_at_once_and_never_fall(folder: StateFolder) -> None:
    store = StreamStore(folder, "cam")
    store.write(document(kept_object(4)), {})
    store.mark(9)
    store.mark(7)
    assert StreamStore(folder, "cam").read().highest_id == 9
    (store.path / MARK).write_bytes(b"STID garbage 16b")
    assert StreamStore(folder, "cam").read().highest_id == 4
    (store.path / MARK).write_bytes(b"")
    assert StreamStore(folder, "cam").read().highest_id == 4


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff\x00", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"format": "other", "version": 1}', "is of something else"),
        (
            encode(document()).replace(b'"version":1', b'"version":2'),
            r"is of a newer version \(2\), expected 1",
        ),
        (encode(document(stream="yard")), "is another stream's, expected that of cam"),
        (encode(document()).replace(b'"highest_id":0', b'"highest_id":-1'), "is damaged"),
    ],
)
def test_what_cannot_be_used_is_put_aside_and_told_in_one_line(
    folder: StateFolder, caplog: pytest.LogCaptureFixture, data: bytes, why: str
) -> None:
    store = StreamStore(folder, "cam")
    store.mark(12)
    (store.path / DOCUMENT).write_bytes(data)
    (store.path / "1-1.memory").write_bytes(b"memory")
    found = store.read()
    assert (found.document, found.highest_id) == (None, 12), "ids go on all the same"
    (line,) = [record.getMessage() for record in caplog.records]
    assert re.search(why, line)
    assert "\n" not in line
    (aside,) = [path for path in folder.path.iterdir() if ASIDE in path.name]
    assert (aside / DOCUMENT).read_bytes() == data
    assert (aside / "1-1.memory").read_bytes() == b"memory"
    store.write(document(kept_object(13)), {})
    assert StreamStore(folder, "cam").read().document is not None


def test_damaged_memory_is_put_aside_and_costs_its_object_alone(
    folder: StateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    store = StreamStore(folder, "cam")
    store.write(document(kept_object(1), kept_object(2)), {1: b"one", 2: b"two"})
    (store.path / "1-1.memory").write_bytes(b"onE")
    found = store.read().document
    assert found is not None
    with pytest.raises(StateError, match="its memory is damaged"):
        store.memory(found.objects[0].memory or KeptMemory("", 0, 0))
    assert store.memory(found.objects[1].memory or KeptMemory("", 0, 0)) == b"two"
    assert [path.read_bytes() for path in folder.path.iterdir() if ASIDE in path.name] == [b"onE"]
    with pytest.raises(StateError, match="cannot be read: No such file"):
        store.memory(found.objects[0].memory or KeptMemory("", 0, 0))


def test_document_names_no_file_outside_its_folder(folder: StateFolder) -> None:
    store = StreamStore(folder, "cam")
    kept = msgspec.structs.replace(kept_object(1), memory=KeptMemory("../../secret", 3, 1))
    store.path.mkdir(parents=True)
    (store.path / DOCUMENT).write_bytes(encode(document(kept)))
    assert store.read().document is None


def test_starts_that_die_of_what_they_take_up_are_counted_until_one_writes(folder: StateFolder) -> None:
    store = StreamStore(folder, "cam")
    store.write(document(kept_object(1)), {1: b"one"})
    assert [StreamStore(folder, "cam").try_once_more() for _ in range(MAX_TRIES + 1)] == [
        True
    ] * MAX_TRIES + [False]
    store.write(document(kept_object(1)), {})
    assert not (store.path / TRIES).exists()
    assert store.try_once_more()


def test_forgotten_stream_leaves_nothing(folder: StateFolder) -> None:
    store = StreamStore(folder, "cam")
    store.write(document(kept_object(1)), {1: b"one"})
    store.mark(3)
    store.forget()
    assert not store.path.exists()
    assert StreamStore(folder, "cam").read().highest_id == 0


def test_disk_that_refuses_leaves_what_was_there(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StreamStore(folder, "cam")
    store.write(document(kept_object(1)), {1: b"one"})
    before = {path.name: path.read_bytes() for path in store.path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            store.write(document(kept_object(1), frame_idx=9), {1: b"new"})
    assert {path.name: path.read_bytes() for path in store.path.iterdir()} == before
    store.write(document(kept_object(1), frame_idx=9), {1: b"new"})
    found = StreamStore(folder, "cam").read().document
    assert found is not None
    assert found.frame_idx == 9


def check_whole(folder: StateFolder, allowed: range) -> int:
    """What a process that was killed left is one of the states that it wrote, with its memories."""
    store = StreamStore(folder, "cam")
    found = store.read()
    assert found.document is not None
    number = found.document.frame_idx
    assert number in allowed
    expected = {one.object_id: b"%d" % number * 5_000 for one in found.document.objects}
    assert memory_of(store, found.document) == expected
    assert found.highest_id >= number
    assert not [path for path in folder.path.iterdir() if ASIDE in path.name]
    return number


def state_number(number: int) -> tuple[StreamDocument, dict[int, bytes]]:
    """Objects change with each state; every memory says of which it is."""
    ids = (number % 3 + 1, number % 5 + 11)
    objects = [kept_object(object_id, shift=number % 9) for object_id in ids]
    return (
        document(*objects, frame_idx=number, highest_id=number),
        dict.fromkeys(ids, b"%d" % number * 5_000),
    )


def test_killed_at_each_request_to_the_system_the_state_is_the_old_or_the_new(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in range(100):
        first = StreamStore(folder, "cam")
        first.forget()
        first.write(*state_number(1))
        with killed_at(place, monkeypatch) as asked:
            try:
                first.mark(2)
                first.write(*state_number(2))
                died = False
            except Killed:
                died = True
        check_whole(folder, range(1, 3))
        if not died:
            assert place >= asked() > 8, "memories, document, names and what is taken away"
            return
    pytest.fail("a write asks the system for less than that")


KILLED_AND_CHECKED = """
import os, random, select, signal, sys, time
from pathlib import Path
from streamtrack.state.folder import StateFolder
from streamtrack.state.stream_store import StreamStore
from tests.state.test_stream_store import check_whole, state_number

chance, path, number = random.Random(19), Path(sys.argv[1]), 0
for _ in range(int(sys.argv[2])):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        store = StreamStore(StateFolder(path), "cam")
        store.read()
        while True:
            number += 1
            store.mark(number)
            store.write(*state_number(number))
            os.write(write, b"%9d" % number)
    os.close(write)
    for _ in range(chance.randrange(1, 5)):
        number = int(os.read(read, 9))
    time.sleep(chance.random() / 100)  # anywhere within a write
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while told := os.read(read, 9):
        number = int(told)
    os.close(read)
    folder = StateFolder(path)
    number = check_whole(folder, range(number, number + 2))
    folder.close()
print(number)
"""


def test_killed_at_random_moments_the_state_is_never_older_than_what_was_written_last(tmp_path: Path) -> None:
    # One process that imports, and is forked before it has a thread.
    command = [sys.executable, "-c", KILLED_AND_CHECKED, str(tmp_path), "25"]
    ended = subprocess.run(command, timeout=SOON_S, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) >= 25
