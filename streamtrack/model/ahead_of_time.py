"""Compiles the network's two calls of every frame for this CPU, ahead of time, and keeps them on disk.

`Network.encode` and `Network.follow` are exported whole (no graph break is possible: what cannot be traced
fails the export) and compiled by AOTInductor, weights frozen into the layout that the CPU's kernels want.
A later start loads the finished library in milliseconds and traces nothing.

An artefact fits one set of weights at one size and precision, one number of threads, one version of torch,
one instruction set and one version of this code: `fingerprint` says all of it, and a file of another name is
never loaded. Threads count because the layout of the weights depends on them: run with another number, they
are laid out anew at every call, and nano's step takes two to three times as long.

`follow` is compiled for one object and any amount of memory, so filling a memory and corrections compile
nothing: once for all threads, and where those are several once more for one of them, on which several objects
are followed side by side. What was not compiled (a memory of a single frame) runs eagerly.

What comes of it is compared with the uncompiled call before it is kept: a compiler that errs costs speed, and
no masks.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import filelock
import torch
from torch import Tensor, nn

from streamtrack.errors import CompileError
from streamtrack.model import compiled_calls
from streamtrack.model.compiled_calls import (
    EXPECTED_WIDTH,
    FOLLOW_ALONE,
    INDUCTOR_OPTIONS,
    INPUTS_FILE,
    MOST_MEMORY_FRAMES,
    AheadOfTimeCalls,
    artefacts,
    compiled_folder,
    fingerprint,
    load_compiled,
)
from streamtrack.model.interface import FrameFeatures, MemoryRead, Network, split_features
from streamtrack.model.onednn import compiles_products
from streamtrack.model.tensor_layout import TensorLayout

COMPILING_TIMEOUT_S = 900.0
"""How long a start waits for another process that compiles the same: far longer than that takes."""

LARGEST_ERROR = 0.1
"""Of a compiled call's output, over the norm of the uncompiled one's: far above rounding, in bf16 as well."""
EXAMPLES = 3
"""On which it is compared at most."""

Autocast = Callable[[], AbstractContextManager[Any]]
logger = logging.getLogger(__name__)


def _says_something(record: logging.LogRecord) -> bool:
    """False for what torch says wherever CUDA's compiler is and no GPU: nothing is wrong there."""
    return not str(record.msg).startswith("No CUDA runtime is found")


# torch's compiler imports this module, which looks for CUDA as it is imported.
logging.getLogger("torch.utils.cpp_extension").addFilter(_says_something)


def compile_network(
    network: Network, precision: str, autocast: Autocast, say: Callable[[str], None] = logger.warning
) -> AheadOfTimeCalls:
    """The compiled calls of a network on a CPU, for as many threads as torch has now: those on disk, or new
    ones, which are kept there. One process compiles a network at a time, others wait for what it makes.

    It takes a minute or two, and a C++ compiler.

    Args:
        say: told in a line why it takes long, before it does.
    Raises:
        CompileError: no C++ compiler, the compilation failed, or the folder cannot be written.
    """
    compiled = load_compiled(network, precision)
    if compiled is not None:
        return compiled
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise CompileError(f"C++ compiler {compiler} is not there, expected one to compile the network")
    target = compiled_folder() / fingerprint(network, precision)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, say) as waited:
            compiled = load_compiled(network, precision) if waited else None
            if compiled is None:
                say("compiling for this processor, a minute or two, once")
                _compile_to(target, network, autocast)
                compiled = load_compiled(network, precision)
    except OSError as error:
        raise CompileError(f"{target.parent}: cannot be written: {error.strerror or error}") from error
    if compiled is None:
        raise CompileError(f"{target}: what was compiled just now does not load")
    return compiled


@contextlib.contextmanager
def _alone(target: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Only this process makes `target` meanwhile; the lock goes with its process, however that ends.

    Yields:
        Whether another process had to be waited for, which may have made it.
    """
    lock = filelock.FileLock(target.with_name(target.name + ".lock"))
    waited = False
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say("waiting for another process that compiles it for this processor")
        waited = True
        try:
            lock.acquire(timeout=COMPILING_TIMEOUT_S)
        except filelock.Timeout:
            raise CompileError(
                f"{lock.lock_file}: held by another process for {COMPILING_TIMEOUT_S:g} s,"
                " expected it to have compiled by then: end that process"
            ) from None
    except NotImplementedError:
        pass  # a file system without locks: two may compile the same, and the later one replaces the other's
    try:
        yield waited
    finally:
        lock.release()


def _compile_to(target: Path, network: Network, autocast: Autocast) -> None:
    """Compile a network into a folder that appears when all of it is there."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-") as workshop:
        try:
            with torch.no_grad(), autocast(), compiles_products(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own, about its own insides
                _compile_into(Path(workshop) / "done", network)
        except Exception as error:
            height, width = network.geometry.input_size
            reason = str(error).strip().partition("\n")[0]
            raise CompileError(f"network of {width} x {height}: compiling failed: {reason}") from error
        if target.is_dir():  # what did not load
            os.rename(target, Path(workshop) / "broken")
        os.rename(Path(workshop) / "done", target)


def _compile_into(folder: Path, network: Network) -> None:
    folder.mkdir()
    image = torch.zeros(1, 3, *network.geometry.input_size, dtype=torch.uint8)
    num_kept = len(network.encode_eagerly(image).kept)
    features = _Encode(network)(image)
    encode_path, *follow_paths = artefacts(folder)
    inputs: dict[str, Any] = {
        "num_kept": num_kept,
        encode_path.stem: _compile(_Encode(network), (image,), [{}], encode_path),
    }
    memory, varies = _memory_example(network)
    call, example = _Follow(network, num_kept), (*features, *memory)
    lengths = [*({} for _ in features), *varies]
    for path in follow_paths:
        with _threads(1 if path.stem == FOLLOW_ALONE else torch.get_num_threads()):
            inputs[path.stem] = _compile(call, example, lengths, path)
    (folder / INPUTS_FILE).write_text(json.dumps(inputs), encoding="utf-8")


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """With so many threads of torch, for which it lays weights out."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _memory_example(network: Network) -> tuple[tuple[Tensor, ...], list[dict[int, Any]]]:
    """A memory to compile `follow` with, and which of its lengths may differ. Not the number of objects:
    inductor's convolutions gave wrong numbers for one that is not known, and one at a time is as fast."""
    g = network.geometry
    frames, pointers = g.recent_frames + 1, g.recent_pointers + 1
    seeded = torch.Generator().manual_seed(1)
    memory = (
        torch.randn(1, frames, g.memory_tokens, g.memory_dim, generator=seeded).to(g.memory_dtype),
        torch.arange(frames).flip(0)[None],
        torch.randn(1, pointers, g.pointer_dim, generator=seeded),
        torch.arange(1.0, pointers + 1)[None],
        torch.zeros(1, EXPECTED_WIDTH),
    )
    t = torch.export.Dim("T", min=2, max=MOST_MEMORY_FRAMES)
    p = torch.export.Dim("P", min=2, max=MOST_MEMORY_FRAMES)
    return memory, [{1: t}, {1: t}, {1: p}, {1: p}, {}]


def _compile(
    call: nn.Module, example: tuple[Tensor, ...], varies: Sequence[dict[int, Any]], path: Path
) -> list[dict[str, Any]]:
    """Compile a call; how its inputs must lie, as JSON values."""
    # A module that takes any number of tensors has one argument to torch.export: all of them.
    shapes = (tuple(varies),) if any(varies) else None
    exported = torch.export.export(call, example, dynamic_shapes=shapes, strict=False)
    torch._inductor.aoti_compile_and_package(
        exported,
        package_path=str(path),
        inductor_configs=dict(INDUCTOR_OPTIONS),  # torch adds to it
    )
    _check(compiled_calls.load_library(path), call, example, path.stem)
    return [
        TensorLayout.of(tensor, tuple(free)).as_json() for tensor, free in zip(example, varies, strict=True)
    ]


def _check(
    run: Callable[..., Sequence[Tensor]], call: nn.Module, example: Sequence[Tensor], what: str
) -> None:
    """Refuse a library that gives other numbers. Between near equals a choice may fall otherwise by rounding
    alone, so another example may show that it does not err."""
    off: list[float] = []
    for turn in range(EXAMPLES):
        # What has four dimensions may lie channels last, and would no longer.
        given = [part.roll(turn, -1) if 1 < part.dim() < 4 else part for part in example]
        off = [
            float((ours.float() - exact.float()).norm() / exact.float().norm().clamp(min=1e-6))
            for ours, exact in zip(run(*given), call(*given), strict=True)
        ]
        if all(share <= LARGEST_ERROR for share in off):  # not so where one is NaN
            return
    raise CompileError(
        f"{what}: what was compiled is off by {max(off):.0%} of what the uncompiled call gives"
    )


class _Encode(nn.Module):
    """`Network.encode` over bare tensors."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.module = network.module
        self._network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return _laid_out(self._network.encode_eagerly(image))


class _Follow(nn.Module):
    """`Network.follow` over bare tensors."""

    def __init__(self, network: Network, num_kept: int) -> None:
        super().__init__()
        self.module = network.module
        self._network = network
        self._num_kept = num_kept

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        *of_frame, remembered, slots, pointers, ages, expected = tensors
        memory = MemoryRead(remembered, slots, pointers, ages, expected=expected)
        features = split_features(of_frame, self._num_kept)
        found, memory_features = self._network.follow_eagerly(features, memory)
        assert found.rivals is not None  # something is expected
        assert found.seen is not None
        return (
            found.low_res_mask_logits,
            found.object_score_logits,
            found.iou_scores,
            found.object_pointers,
            found.rivals,
            found.seen,
            memory_features,
        )


def _laid_out(features: FrameFeatures) -> tuple[Tensor, ...]:
    """A frame's features as they are compiled for: maps with their channels last, rows of tokens as such."""
    return tuple(
        part.contiguous(memory_format=torch.channels_last if part.dim() == 4 else torch.contiguous_format)
        for part in features.tensors()
    )
