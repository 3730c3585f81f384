"""OpenMP's waiting threads: spinning, they take turns from whatever else runs on the same cores.

With a neighbour on the same two cores a step took 20 to 50 times as long with spinning threads as with
passive ones. OpenMP reads its setting once, when the first library that uses it (torch) is loaded.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Container, MutableMapping
from dataclasses import dataclass

WAIT_POLICY = "OMP_WAIT_POLICY"


@dataclass(slots=True)
class _State:
    may_spin: bool = False
    """torch was loaded before anybody asked its threads to wait passively."""


_state = _State()


def make_threads_wait_passively(
    environment: MutableMapping[str, str] = os.environ, loaded: Container[str] = sys.modules
) -> None:
    """Set OpenMP's policy unless the user has; without effect where torch is loaded already."""
    if WAIT_POLICY in environment:
        return
    if "torch" in loaded:
        _state.may_spin = True
    else:
        environment[WAIT_POLICY] = "PASSIVE"


def warn_if_threads_spin(num_threads: int) -> None:
    """Warn, once, where several threads compute on a CPU and spin between their turns."""
    if _state.may_spin and num_threads > 1:
        _state.may_spin = False
        warnings.warn(
            "torch was imported before streamtrack, so its threads spin while they wait and slow down what "
            f"shares their cores: import streamtrack first, or set {WAIT_POLICY}=PASSIVE",
            RuntimeWarning,
            stacklevel=3,
        )
