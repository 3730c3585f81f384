"""Compiled calls: the same numbers, found again by fingerprint, and never a reason not to start."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from streamtrack.config import ModelConfig
from streamtrack.errors import CompileError
from streamtrack.frame import Image
from streamtrack.model.ahead_of_time import (
    COMPILED_ENV,
    compile_network,
    compiled_folder,
    fingerprint,
    load_compiled,
)
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.tracking import Session, Tracker
from tests.support.pictures import drifting_ellipses

SIZE = 128


def nano(**options: object) -> LoadedModel:
    return load_model(ModelConfig.model_validate({"image_size": SIZE, "device": "cpu", **options}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(COMPILED_ENV, str(tmp_path))
    return tmp_path


def test_fingerprint_tells_weights_sizes_precisions_and_threads_apart() -> None:
    model, same, larger = nano(), nano(), nano(image_size=160)
    named = fingerprint(model.network, "fp32")
    assert named == fingerprint(same.network, "fp32")
    assert named != fingerprint(model.network, "bf16")
    assert named != fingerprint(larger.network, "fp32")
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert named != fingerprint(same.network, "fp32"), "weights are laid out for a number of threads"
    finally:
        torch.set_num_threads(threads)
    with torch.no_grad():
        same.network.module.no_mem_embed[0, 0, 0] += 1e-6
    assert named != fingerprint(same.network, "fp32")


def test_auto_compiles_nothing(folder: Path) -> None:
    assert nano(compile="auto").network.compiled is None
    assert list(folder.iterdir()) == []


def test_artefacts_that_do_not_load_leave_the_network_uncompiled(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = folder / fingerprint(nano(compile="off").network, "fp32")
    broken.mkdir()
    (broken / "encode.pt2").write_bytes(b"cut off")
    with caplog.at_level(logging.WARNING):
        assert nano(compile="auto").network.compiled is None
    assert f"{broken}: does not load, running uncompiled" in caplog.text


def test_without_a_compiler_it_says_so_and_runs_uncompiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = nano(compile="off")
    with pytest.raises(CompileError, match=r"^C\+\+ compiler no-such-compiler is not there, expected one"):
        compile_network(model.network, "fp32", model.autocast)
    with caplog.at_level(logging.WARNING):
        assert nano(compile="on").network.compiled is None
    assert "running uncompiled" in caplog.text


def follow(session: Session, images: Sequence[Image]) -> list[np.ndarray]:
    session.add(1, points=[(100, 80)])
    session.add(2, box=(150, 50, 230, 120))
    masks = []
    for index, image in enumerate(images):
        result = session.step(image)
        if index == 18:
            result = session.correct(1, points=[(110, 85)], labels=[0], at_frame=15)
        masks.append(np.stack([result.objects[1].mask, result.objects[2].mask]))
    return masks


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_compiled_calls_follow_as_the_eager_ones_do(folder: Path) -> None:
    eager, compiled = nano(compile="off"), nano(compile="on")
    assert compiled.network.compiled is not None
    assert compiled_folder() == folder
    again = load_compiled(nano(compile="off").network, "fp32")
    assert again is not None, "a second start finds what the first one compiled"
    images = drifting_ellipses(24)
    for ours, theirs in zip(
        follow(Tracker(compiled).new_session(), images),
        follow(Tracker(eager).new_session(), images),
        strict=True,
    ):
        # Sums in another order: a pixel on an edge may fall to the other side.
        assert (ours & theirs).sum() / (ours | theirs).sum() >= 0.999
