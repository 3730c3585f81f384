"""The network's two calls of every frame, compiled for this CPU ahead of time and kept on disk.

`Network.encode` and `Network.follow` are exported whole (no graph break is possible: what cannot be traced
fails the export) and compiled by AOTInductor, weights frozen into the layout that the CPU's kernels want.
A later start loads the finished library in milliseconds and traces nothing.

An artefact fits one set of weights at one size and precision, one number of threads, one version of torch,
one instruction set and one version of this code: `fingerprint` says all of it, and a file of another name is
never loaded. Threads count because the layout of the weights depends on them: run with another number, they
are laid out anew at every call, and nano's step takes two to three times as long.

`follow` is compiled for one object and any amount of memory, so filling a memory and corrections compile
nothing; what was not compiled (several objects in one pass, a memory of a single frame) runs eagerly.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import Tensor, nn

from streamtrack.errors import CompileError
from streamtrack.model.sam2 import attention
from streamtrack.model.sam2.network import Network
from streamtrack.model.values import MEMORY_DTYPE, FrameFeatures, MaskPrediction, MemoryRead

COMPILED_ENV = "STREAMTRACK_COMPILED"
"""Environment variable that names the folder of compiled networks."""
MOST_MEMORY_FRAMES = 64
"""T and P that a compiled `follow` takes; more than a session can be configured to read."""
INDUCTOR_OPTIONS = {"freezing": True}
"""Weights are constants, kept in the layout that the kernels want."""

Autocast = Callable[[], AbstractContextManager[Any]]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompiledCalls:
    """`Network.encode` and `Network.follow` as compiled libraries."""

    run_encode: Callable[..., Sequence[Tensor]]
    run_follow: Callable[..., Sequence[Tensor]]

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`, of a (1, 3, S, S) uint8 image."""
        return _features(*self.run_encode(image))

    def fits(self, memory: MemoryRead) -> bool:
        """Whether `follow` was compiled for a memory of this shape."""
        one_object = memory.features.shape[0] == 1 and memory.absent is None
        return one_object and all(1 < length <= MOST_MEMORY_FRAMES for length in _lengths(memory))

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`, of a memory that fits."""
        logits, object_scores, ious, pointers, memory_features = self.run_follow(
            *_tensors(features),
            memory.features.contiguous(),
            memory.slots.contiguous(),
            memory.pointers.contiguous(),
            memory.pointer_ages.contiguous(),
        )
        return MaskPrediction(logits, object_scores, ious, pointers), memory_features


def compiled_folder() -> Path:
    """Where compiled networks are kept: the folder that STREAMTRACK_COMPILED names, else the user's cache."""
    named = os.environ.get(COMPILED_ENV)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("streamtrack") / "compiled"


def fingerprint(network: Network, precision: str) -> str:
    """A name for everything that a compiled network depends on."""
    digest = hashlib.sha256()
    facts = (
        torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
        network.geometry,
        network.memory_pool,
        precision,
        INDUCTOR_OPTIONS,
        network.module.training,
    )
    digest.update(repr(facts).encode())
    code = {type(part).__module__ for part in network.module.modules()}
    for name in sorted(code | {__name__, *(type(part).__module__ for part in (network, network.geometry))}):
        if not name.startswith("torch."):
            digest.update(inspect.getsource(sys.modules[name]).encode())
    digest.update(inspect.getsource(attention).encode())
    for name, weight in sorted(network.module.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def load_compiled(network: Network, precision: str) -> CompiledCalls | None:
    """The compiled calls of a network on a CPU, for as many threads as torch has now; None where they were
    never compiled, or no longer load."""
    if not compiled_folder().is_dir():
        return None  # without reading every weight
    folder = compiled_folder() / fingerprint(network, precision)
    if not folder.is_dir():
        return None
    try:
        loaded = [torch._inductor.aoti_load_package(str(path)) for path in _artefacts(folder)]
    except (RuntimeError, OSError) as error:
        logger.warning("%s: does not load, running uncompiled: %s", folder, str(error).splitlines()[0])
        return None
    return CompiledCalls(*loaded)


def compile_network(network: Network, precision: str, autocast: Autocast) -> CompiledCalls:
    """Compile the calls of a network on a CPU, for as many threads as torch has now; keep and load them.

    It takes a minute, and a C++ compiler.

    Raises:
        CompileError: no C++ compiler, or the compilation failed.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise CompileError(f"C++ compiler {compiler} is not there, expected one to compile the network")
    target = compiled_folder() / fingerprint(network, precision)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-") as workshop:
        try:
            with torch.no_grad(), autocast(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own, about its own insides
                _compile_into(Path(workshop) / "done", network)
        except Exception as error:
            raise CompileError(f"{network.module.image_size} px: compiling failed: {error}") from error
        # A start at the same time finds all of it or none; whoever compiled the same meanwhile was first.
        with contextlib.suppress(OSError):
            os.rename(Path(workshop) / "done", target)
    compiled = load_compiled(network, precision)
    if compiled is None:
        raise CompileError(f"{target}: what was compiled just now does not load")
    return compiled


def _artefacts(folder: Path) -> tuple[Path, Path]:
    return folder / "encode.pt2", folder / "follow.pt2"


def _compile_into(folder: Path, network: Network) -> None:
    folder.mkdir()
    g = network.geometry
    image = torch.zeros(1, 3, g.image_size, g.image_size, dtype=torch.uint8)
    features = _Encode(network)(image)
    frames, pointers = g.recent_frames + 1, g.recent_pointers + 1
    memory = (
        torch.zeros(1, frames, g.memory_tokens, g.memory_dim, dtype=MEMORY_DTYPE),
        torch.zeros(1, frames, dtype=torch.long),
        torch.zeros(1, pointers, g.hidden_dim),
        torch.zeros(1, pointers),
    )
    t = torch.export.Dim("T", min=2, max=MOST_MEMORY_FRAMES)
    p = torch.export.Dim("P", min=2, max=MOST_MEMORY_FRAMES)
    varies: list[dict[int, Any]] = [{} for _ in features] + [{1: t}, {1: t}, {1: p}, {1: p}]
    encode_path, follow_path = _artefacts(folder)
    _compile(_Encode(network), (image,), None, encode_path)
    _compile(_Follow(network), (*features, *memory), (tuple(varies),), follow_path)


def _compile(call: nn.Module, example: tuple[Tensor, ...], varies: Any, path: Path) -> None:
    exported = torch.export.export(call, example, dynamic_shapes=varies, strict=False)
    torch._inductor.aoti_compile_and_package(
        exported,
        package_path=str(path),
        inductor_configs=dict(INDUCTOR_OPTIONS),  # torch adds to it
    )


class _Encode(nn.Module):
    """`Network.encode` over bare tensors."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.module = network.module
        self._network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return _tensors(self._network.encode_eagerly(image))


class _Follow(nn.Module):
    """`Network.follow` over bare tensors."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.module = network.module
        self._network = network

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        *of_frame, remembered, slots, pointers, ages = tensors
        memory = MemoryRead(remembered, slots, pointers, ages)
        found, memory_features = self._network.follow_eagerly(_features(*of_frame), memory)
        return (
            found.low_res_mask_logits,
            found.object_score_logits,
            found.iou_scores,
            found.object_pointers,
            memory_features,
        )


def _features(
    tokens: Tensor, fine: Tensor, coarse: Tensor, attended: Tensor, pixels: Tensor
) -> FrameFeatures:
    return FrameFeatures(tokens, (fine, coarse), attended, pixels)


def _tensors(features: FrameFeatures) -> tuple[Tensor, ...]:
    """A frame's features in the one layout that is compiled for: a library does not look at strides."""
    maps = (*features.high_res, features.memory_pixels)
    fine, coarse, pixels = (level.contiguous(memory_format=torch.channels_last) for level in maps)
    return features.tokens.contiguous(), fine, coarse, features.attended.contiguous(), pixels


def _lengths(memory: MemoryRead) -> tuple[int, int]:
    return memory.features.shape[1], memory.pointers.shape[1]
