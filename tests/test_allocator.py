"""Memory pools of glibc, counted in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
import torch

from streamtrack.allocator import (
    ARENAS_ENV,
    POOLS,
    THRESHOLD_ENVS,
    keep_freed_memory,
    use_few_pools,
)

COUNT = """
import ctypes, sys, threading
from streamtrack.allocator import use_few_pools

if sys.argv[1] == "few":
    assert use_few_pools({})
started, over = threading.Barrier(13), threading.Event()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def hold():
    libc.malloc(ctypes.c_size_t(1000))
    started.wait(20)
    over.wait(20)

for _ in range(12):
    threading.Thread(target=hold, daemon=True).start()
started.wait(20)
libc.fopen.restype = ctypes.c_void_p
stdout = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(stdout))
libc.fclose(ctypes.c_void_p(stdout))
"""


def pools(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNT, how], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's alone")
def test_threads_share_few_pools() -> None:
    assert pools("few") <= POOLS
    assert pools("many") > POOLS, "this count would not see them"


@pytest.mark.parametrize("name", [ARENAS_ENV, "GLIBC_TUNABLES"])
def test_what_the_user_set_stays(name: str) -> None:
    assert not use_few_pools({name: "8"})


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's alone")
def test_pieces_of_a_frame_are_not_asked_for_again() -> None:
    assert keep_freed_memory({})
    piece_bytes = 8 << 20

    def frame() -> None:
        torch.ones(piece_bytes // 4).add(1)

    for _ in range(30):  # until the pool has found its shape
        frame()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(5):
        frame()
    asked_for = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
    assert asked_for < piece_bytes / resource.getpagesize() / 4, "of ten pieces less than a quarter of one"


@pytest.mark.parametrize("name", [*THRESHOLD_ENVS, "GLIBC_TUNABLES"])
def test_what_the_user_set_of_freed_memory_stays(name: str) -> None:
    assert not keep_freed_memory({name: "1"})


GIVE_BACK = """
import resource
from pathlib import Path
from streamtrack.allocator import THRESHOLD_ENVS, give_back_what_lies_idle

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

much, piece_bytes = 64 << 20, 8 << 10
pieces = [bytes(piece_bytes) for _ in range(2 * much // piece_bytes)]
kept = pieces[::64]
before = resident_bytes()
del pieces
assert give_back_what_lies_idle({}, idle_bytes=16 * much) == 0
assert give_back_what_lies_idle({THRESHOLD_ENVS[0]: "1"}, idle_bytes=0) == 0
assert resident_bytes() > before - much
assert give_back_what_lies_idle({}, idle_bytes=much) > much
assert resident_bytes() < before - much
assert len(kept) == 2 * much // piece_bytes // 64
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's alone")
def test_what_lies_free_between_pieces_in_use_goes_back_where_it_is_much() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVE_BACK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
