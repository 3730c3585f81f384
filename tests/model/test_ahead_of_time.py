"""Compiled calls: the same numbers, found again by fingerprint, and never a reason not to start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from streamtrack.errors import CompileError, ShapeError
from streamtrack.frame import Image
from streamtrack.model import compiled_calls
from streamtrack.model.ahead_of_time import compile_network
from streamtrack.model.compiled_calls import (
    COMPILED_ENV,
    compiled_folder,
    fingerprint,
    load_compiled,
)
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import get_entry
from tests.support.compiled import SIZE, nano
from tests.support.pictures import drifting_ellipses, ellipse
from tests.support.reference import Action, Track, random_weights, run_session

WAIT_S = 60
LOGIT_TOLERANCE = 1e-3
"""Absolute, float32, as in the parity tests: sums in another order, fed back over 20 frames."""


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
        same_module: Any = same.network.module
        same_module.no_mem_embed[0, 0, 0] += 1e-6
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
    assert caplog.messages == [
        "C++ compiler no-such-compiler is not there, expected one to compile the network; running uncompiled"
    ]


def compiled_for(threads: int) -> list[str]:
    return ["encode", "follow", "follow_alone"] if threads > 1 else ["encode", "follow"]


def pictures(size: int, num_frames: int) -> list[Image]:
    """Frames of exactly the network's size."""
    return [cv2.resize(image, (size, size)) for image in drifting_ellipses(num_frames)]


def script(size: int) -> list[Action]:
    """Every kind of prompt, and a correction; several objects, and an odd number of them."""
    mask = cv2.resize(ellipse((60, 120), (40, 25)).astype(np.uint8), (size, size)) > 0
    x, y = size / 320, size / 180
    return [
        Action(0, "add", 1, {"points": [(100 * x, 80 * y)]}),
        Action(0, "add", 2, {"box": (150 * x, 50 * y, 230 * x, 120 * y)}),
        Action(0, "add", 3, {"mask": mask}),
        Action(0, "add", 4, {"box": (30 * x, 30 * y, 120 * x, 100 * y)}),
        Action(0, "add", 5, {"points": [(200 * x, 90 * y)]}),
        Action(5, "correct", 1, {"points": [(110 * x, 85 * y)], "labels": [0]}),
    ]


def largest_difference(ours: Track, theirs: Track) -> float:
    """Of the low-res mask logits of every object on every frame."""
    assert ours.keys() == theirs.keys()
    assert any((found.low_res_mask_logits > 0).any() for found in theirs.values())
    return max(
        (ours[key].low_res_mask_logits - expected.low_res_mask_logits).abs().max().item()
        for key, expected in theirs.items()
    )


@pytest.mark.usefixtures("blind_compiler")
def test_frames_of_the_networks_size_lie_as_the_library_reads_them() -> None:
    eager, compiled = nano(compile="off"), nano(compile="on")
    assert compiled.network.compiled is not None
    frames = pictures(SIZE, 8)
    found = run_session(compiled.network, frames, script(SIZE))
    exact = run_session(eager.network, frames, script(SIZE))
    assert largest_difference(found, exact) <= LOGIT_TOLERANCE
    bgr = [np.ascontiguousarray(image[:, :, ::-1]) for image in frames]
    larger = [np.pad(image, ((3, 2), (4, 5), (0, 0))) for image in frames]
    odd = {
        "a BGR picture seen as RGB": [image[:, :, ::-1] for image in bgr],
        "Fortran order": [np.asfortranarray(image) for image in frames],
        "a part of a larger picture": [image[3:-2, 4:-5] for image in larger],
    }
    for name, views in odd.items():
        assert largest_difference(run_session(compiled.network, views, script(SIZE)), found) == 0, name


@pytest.mark.usefixtures("blind_compiler")
def test_image_of_another_size_or_type_is_refused_by_compiled_calls() -> None:
    network = nano(compile="on").network
    with pytest.raises(ShapeError, match=r"^compiled encode: input 0 is \(1, 3, 64, 64\) torch\.uint8"):
        network.encode(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    with pytest.raises(ShapeError, match=r"torch\.float32, expected \(1, 3, 128, 128\) torch\.uint8$"):
        network.encode(torch.zeros(1, 3, SIZE, SIZE))


def test_from_python_it_is_compiled_once_and_found_the_next_time(
    blind_compiler: list[str], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tracker = Tracker.from_checkpoint("nano", device="cpu", image_size=SIZE, compile=True)
    assert blind_compiler == compiled_for(torch.get_num_threads())
    [said] = caplog.messages
    threads = torch.get_num_threads()
    assert said == (
        f"nano at {SIZE} px, fp32, threads {threads}: compiling for this processor, a minute or two, once"
    )
    caplog.clear()
    again = Tracker.from_checkpoint("nano", device="cpu", image_size=SIZE, compile=True)
    auto = Tracker.from_checkpoint("nano", device="cpu", image_size=SIZE)
    never = Tracker.from_checkpoint("nano", device="cpu", image_size=SIZE, compile=False)
    for one, compiled in ((tracker, True), (again, True), (auto, True), (never, False)):
        assert (one.model.network.compiled is not None) is compiled
    assert len(blind_compiler) == len(compiled_for(torch.get_num_threads()))
    assert caplog.messages == []
    kept = folder / fingerprint(never.model.network, "fp32")
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {kept.name}


def test_two_starts_at_the_same_time_compile_once(
    blind_compiler: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [nano(compile="off"), nano(compile="off")]
    said: list[str] = []
    waits = threading.Event()
    compile_call = torch._inductor.aoti_compile_and_package

    def compile_slowly(*arguments: Any, **options: Any) -> None:
        assert waits.wait(WAIT_S), "the other start did not say that it waits"
        compile_call(*arguments, **options)

    def say(what: str) -> None:
        said.append(what)
        if what.startswith("waiting"):
            waits.set()

    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", compile_slowly)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(compile_network, one.network, "fp32", one.autocast, say) for one in models]
        assert all(future.result(WAIT_S) is not None for future in futures)
    assert blind_compiler == compiled_for(torch.get_num_threads())
    assert sorted(said) == [
        "compiling for this processor, a minute or two, once",
        "waiting for another process that compiles it for this processor",
    ]


def test_what_does_not_load_is_compiled_anew(blind_compiler: list[str], folder: Path) -> None:
    broken = folder / fingerprint(nano(compile="off").network, "fp32")
    broken.mkdir()
    (broken / "encode.pt2").write_bytes(b"cut off")
    assert nano(compile="on").network.compiled is not None
    assert blind_compiler == compiled_for(torch.get_num_threads())
    assert nano(compile="auto").network.compiled is not None, (
        "what was made is kept in place of what was broken"
    )


@pytest.mark.usefixtures("blind_compiler")
def test_folder_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(COMPILED_ENV, str(tmp_path / "file" / "compiled"))
    with caplog.at_level(logging.WARNING):
        assert nano(compile="on").network.compiled is None
    [said] = caplog.messages
    assert said.startswith(f"{tmp_path / 'file' / 'compiled'}: cannot be written: ")
    assert said.endswith("; running uncompiled")


def test_a_compiler_that_errs_is_told_and_nothing_of_it_is_kept(
    blind_compiler: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load = compiled_calls.load_library

    def load_wrong(path: Path, *_: int) -> Callable[..., Sequence[Tensor]]:
        run = load(path)
        if path.stem == "encode":
            return run
        return lambda *tensors: [-part for part in run(*tensors)]

    monkeypatch.setattr("streamtrack.model.compiled_calls.load_library", load_wrong)
    with caplog.at_level(logging.WARNING):
        assert nano(compile="on").network.compiled is None
    said = "compiling failed: follow: what was compiled is off by 200% of what the uncompiled call gives"
    assert caplog.messages[-1] == f"network of {SIZE} x {SIZE}: {said}; running uncompiled"
    assert not [path for path in folder.iterdir() if path.is_dir()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("model", "size", "num_frames"), [("nano", 256, 20), ("sam2.1-tiny", 512, 10)])
def test_compiled_calls_follow_as_the_eager_ones_do(
    folder: Path, tmp_path: Path, model: str, size: int, num_frames: int
) -> None:
    """Frames of exactly the network's size: nothing resizes them, and they come as they lie."""
    options: dict[str, object] = {"name": model, "image_size": size}
    if model != "nano":
        weights = random_weights(get_entry(model), size, seed=11, object_score_bias=1.0)
        checkpoint = tmp_path / "random.pt"
        torch.save({"model": weights}, checkpoint)
        options["checkpoint"] = checkpoint
    eager, compiled = nano(compile="off", **options), nano(compile="on", **options)
    assert compiled.network.compiled is not None
    assert compiled_folder() == folder
    again = load_compiled(nano(compile="off", **options).network, "fp32")
    assert again is not None, "a second start finds what the first one compiled"
    frames = pictures(size, num_frames)
    expected = run_session(eager.network, frames, script(size))
    difference = largest_difference(run_session(compiled.network, frames, script(size)), expected)
    print(f"{model} at {size}, compiled: logits within {difference:.1e}")
    assert difference <= LOGIT_TOLERANCE
