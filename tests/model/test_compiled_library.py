"""Compiled libraries called through their C interface: two at the same time, and refusals in a line."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
import torch

from streamtrack.model.compiled_library import CompiledLibrary
from streamtrack.model.side_by_side import SideBySide

SOURCE = """
#include <pthread.h>
#include <stddef.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inside, alive;

int AOTInductorModelContainerCreateWithDevice(void **container, size_t runs, const char *device,
                                              const char *folder) {
  *container = &alive;
  return runs == 3 ? 1 : 0;
}
int AOTInductorModelContainerDelete(void *container) { return container != &alive; }
int AOTInductorModelContainerGetNumOutputs(void *container, size_t *number) {
  *number = 1;
  return container != &alive;
}
/* Gives back what it is given, once two calls are inside; refuses two tensors. */
int AOTInductorModelContainerRun(void *container, void **given, size_t num_given, void **found,
                                 size_t num_found, void *stream, void *executor) {
  struct timespec until;
  int met = 0;
  if (container != &alive || num_given != 1 || num_found != 1) return 1;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 20;
  pthread_mutex_lock(&lock);
  inside += 1;
  pthread_cond_broadcast(&changed);
  while (inside < 2 && met == 0) met = pthread_cond_timedwait(&changed, &lock, &until);
  pthread_mutex_unlock(&lock);
  found[0] = given[0];
  return met;
}
"""
"""What AOTInductor's libraries offer, for a call that computes nothing."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "call.c").write_text(SOURCE)
    command = ["cc", "-shared", "-fPIC", "-pthread", "-o", "call.so", "call.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return folder / "call.so"


def packed(library: Path, target: Path, *others: str) -> Path:
    with zipfile.ZipFile(target, "w") as package:
        package.write(library, "call/data/aotinductor/model/call.wrapper.so")
        package.writestr("call/data/aotinductor/model/call.wrapper_metadata.json", "{}")
        for other in others:
            package.writestr(other, "{}")
    return target


def test_two_calls_compute_at_the_same_time(library: Path, tmp_path: Path) -> None:
    call = CompiledLibrary(packed(library, tmp_path / "call.pt2"), runs_at_once=2)
    given = [torch.arange(3.0), torch.ones(2, 2)]
    found = SideBySide(2).map(call, given)
    for [tensor], expected in zip(found, given, strict=True):
        assert torch.equal(tensor, expected)
        assert tensor.data_ptr() == expected.data_ptr()


def test_call_that_fails_is_an_error_of_its_own(library: Path, tmp_path: Path) -> None:
    call = CompiledLibrary(packed(library, tmp_path / "call.pt2"))
    with pytest.raises(RuntimeError, match=r"^compiled library .*call\.pt2: failed$"):
        call(torch.ones(1), torch.ones(1))


def test_library_that_cannot_be_set_up_is_refused(library: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^compiled library .*: cannot be set up$"):
        CompiledLibrary(packed(library, tmp_path / "call.pt2"), runs_at_once=3)


def test_library_that_needs_torchs_interpreter_is_refused(library: Path, tmp_path: Path) -> None:
    path = packed(library, tmp_path / "call.pt2", "call/data/aotinductor/model/call.wrapper.json")
    with pytest.raises(RuntimeError, match=r"call\.pt2: calls what has no C interface$"):
        CompiledLibrary(path)


def test_what_is_no_library_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "cut.pt2").write_bytes(b"cut off")
    with pytest.raises(OSError, match=r"cut\.pt2: is no compiled library"):
        CompiledLibrary(tmp_path / "cut.pt2")
    with zipfile.ZipFile(tmp_path / "empty.pt2", "w"):
        pass
    with pytest.raises(OSError, match=r"empty\.pt2: is no compiled library"):
        CompiledLibrary(tmp_path / "empty.pt2")
