"""OpenMP's policy is set before torch is loaded, or its absence is told once."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from streamtrack import openmp


def test_import_sets_the_policy_and_loads_no_torch() -> None:
    environment = {key: value for key, value in os.environ.items() if key != openmp.WAIT_POLICY}
    code = "import streamtrack, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["PASSIVE", "False"]


@pytest.mark.parametrize(
    ("given", "loaded", "policy", "num_threads", "warns"),
    [
        ({}, (), "PASSIVE", 2, False),
        ({}, ("torch",), None, 2, True),
        ({}, ("torch",), None, 1, False),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, (), "ACTIVE", 2, False),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, ("torch",), "PASSIVE", 2, False),
    ],
)
def test_spinning_threads_are_told_once(
    given: dict[str, str],
    loaded: tuple[str, ...],
    policy: str | None,
    num_threads: int,
    warns: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openmp, "_state", openmp._State())
    environment = dict(given)
    openmp.make_threads_wait_passively(environment, loaded)
    assert environment.get(openmp.WAIT_POLICY) == policy
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            openmp.warn_if_threads_spin(num_threads)
    assert [one.category for one in caught] == [RuntimeWarning] * warns
