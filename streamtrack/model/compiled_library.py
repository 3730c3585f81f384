"""A compiled call as a function of flat tensors, during which other threads of Python go on.

torch's own loader keeps Python's lock while a library computes: a server would answer nobody for as long, and
two objects could not be followed at the same time. So the library's C interface is called here, as that
loader does itself, without the lock.
"""

from __future__ import annotations

import ctypes
import tempfile
import weakref
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_METADATA = "_metadata.json"


class CompiledLibrary:
    """A library that AOTInductor made, loaded into this process. May be called from several threads.

    Args:
        path: of the package that torch wrote.
        runs_at_once: how many calls compute at the same time; more wait for their turn.
    Raises:
        OSError: it is damaged, or not for this machine.
        RuntimeError: it asks for more than its C interface offers, or torch offers less than expected.
    """

    def __init__(self, path: Path, runs_at_once: int = 1) -> None:
        self._path = path
        self._library = _load(path)
        self._container = ctypes.c_void_p()
        self._require(
            self._library.AOTInductorModelContainerCreateWithDevice(
                ctypes.byref(self._container), ctypes.c_size_t(runs_at_once), b"cpu", None
            ),
            "cannot be set up",
        )
        weakref.finalize(self, _unload, self._library, self._container)
        outputs = ctypes.c_size_t()
        self._require(
            self._library.AOTInductorModelContainerGetNumOutputs(self._container, ctypes.byref(outputs)),
            "does not say what it gives",
        )
        self._num_outputs = outputs.value

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        """Its outputs. The tensors must lie as those did that it was compiled with.

        Raises:
            RuntimeError: it failed; torch has written why to stderr.
        """
        # Handles of their own, which the library takes over; `tensors` keeps what they point at alive.
        handles = torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors(list(tensors))
        given = (ctypes.c_void_p * len(handles))(*(_address_of(handle, None) for handle in handles))
        found = (ctypes.c_void_p * self._num_outputs)()
        self._require(
            self._library.AOTInductorModelContainerRun(
                self._container,
                given,
                ctypes.c_size_t(len(given)),
                found,
                ctypes.c_size_t(len(found)),
                None,
                None,
            ),
            "failed",
        )
        outputs: list[Tensor] = torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs(
            [_capsule_of(address, None, None) for address in found]
        )
        return outputs

    def _require(self, code: int, what: str) -> None:
        if code != 0:
            raise RuntimeError(f"compiled library {self._path}: {what}")


def _load(path: Path) -> ctypes.CDLL:
    """The library inside torch's package, as torch loads it: from a copy that goes at once."""
    try:
        with zipfile.ZipFile(path) as package:
            names = package.namelist()
            [name] = [name for name in names if name.endswith(".so")]
            # What has no function of C is listed in a file, for torch's interpreter to run.
            if any(one.endswith(".json") and not one.endswith(_METADATA) for one in names):
                raise RuntimeError(f"{path}: calls what has no C interface")
            with tempfile.TemporaryDirectory(prefix="streamtrack-") as folder:
                return ctypes.CDLL(package.extract(name, folder))
    except (zipfile.BadZipFile, ValueError) as error:
        raise OSError(f"{path}: is no compiled library: {error}") from error


def _unload(library: ctypes.CDLL, container: ctypes.c_void_p) -> None:
    library.AOTInductorModelContainerDelete(container)
    ctypes.CDLL(None).dlclose(ctypes.c_void_p(library._handle))


def _prototype(name: str, result: Any, *arguments: Any) -> Any:
    function = ctypes.pythonapi[name]
    function.restype, function.argtypes = result, arguments
    return function


_address_of = _prototype("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_capsule_of = _prototype("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
