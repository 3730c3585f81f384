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
import json
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
from streamtrack.model import interface, tensor_layout
from streamtrack.model.interface import (
    FrameFeatures,
    MaskPrediction,
    MemoryRead,
    Network,
    split_features,
)
from streamtrack.model.tensor_layout import TensorLayout, apply_layouts

COMPILED_ENV = "STREAMTRACK_COMPILED"
"""Environment variable that names the folder of compiled networks."""
MOST_MEMORY_FRAMES = 64
"""T and P that a compiled `follow` takes; more than a session can be configured to read."""
INPUTS_FILE = "inputs.json"
"""Beside the libraries: how the tensors lay that they were compiled for."""
INDUCTOR_OPTIONS = {"freezing": True}
"""Weights are constants, kept in the layout that the kernels want."""

Autocast = Callable[[], AbstractContextManager[Any]]
logger = logging.getLogger(__name__)


def _says_something(record: logging.LogRecord) -> bool:
    """False for what torch says wherever CUDA's compiler is and no GPU: nothing is wrong there."""
    return not str(record.msg).startswith("No CUDA runtime is found")


# torch's compiler imports this module, which looks for CUDA as it is imported.
logging.getLogger("torch.utils.cpp_extension").addFilter(_says_something)


@dataclass(frozen=True, slots=True)
class CompiledCall:
    """One compiled library, and how its inputs must lie."""

    name: str
    run: Callable[..., Sequence[Tensor]]
    layouts: tuple[TensorLayout, ...]

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        """Run it on tensors that lie anyhow.

        Raises:
            ShapeError: a tensor of another shape or type than it was compiled for.
        """
        return self.run(*apply_layouts(self.layouts, tensors, f"compiled {self.name}"))


@dataclass(frozen=True, slots=True)
class AheadOfTimeCalls:
    """`Network.encode` and `Network.follow` as compiled libraries."""

    run_encode: CompiledCall
    run_follow: CompiledCall
    num_kept: int
    """How many tensors of a frame are its `kept` ones."""

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`, of a (1, 3, H, W) uint8 image."""
        return split_features(self.run_encode(image), self.num_kept)

    def fits(self, memory: MemoryRead) -> bool:
        """Whether `follow` was compiled for a memory of this shape."""
        plain = memory.absent is None and memory.expected is None
        one_object = memory.features.shape[0] == 1 and plain
        return one_object and all(1 < length <= MOST_MEMORY_FRAMES for length in _lengths(memory))

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`, of a memory that fits."""
        logits, object_scores, ious, pointers, memory_features = self.run_follow(
            *features.tensors(), memory.features, memory.slots, memory.pointers, memory.pointer_ages
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
        network.settings,
        precision,
        INDUCTOR_OPTIONS,
        network.module.training,
    )
    digest.update(repr(facts).encode())
    code = {type(part).__module__ for part in network.module.modules()}
    for name in sorted(code | {__name__, interface.__name__, tensor_layout.__name__}):
        if not name.startswith("torch."):
            digest.update(inspect.getsource(sys.modules[name]).encode())
    # The network's own module imports others of its family, so all of them count.
    for path in sorted(Path(inspect.getfile(type(network))).parent.glob("*.py")):
        digest.update(path.read_bytes())
    for name, weight in sorted(network.module.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def load_compiled(network: Network, precision: str) -> AheadOfTimeCalls | None:
    """The compiled calls of a network on a CPU, for as many threads as torch has now; None where they were
    never compiled, or no longer load."""
    if not compiled_folder().is_dir():
        return None  # without reading every weight
    folder = compiled_folder() / fingerprint(network, precision)
    if not folder.is_dir():
        return None
    try:
        inputs = json.loads((folder / INPUTS_FILE).read_text(encoding="utf-8"))
        encode, follow = (
            CompiledCall(
                path.stem,
                load_library(path),
                tuple(TensorLayout.from_json(layout) for layout in inputs[path.stem]),
            )
            for path in _artefacts(folder)
        )
        return AheadOfTimeCalls(encode, follow, int(inputs["num_kept"]))
    except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        logger.warning("%s: does not load, running uncompiled: %s", folder, reason)
        return None


def compile_network(network: Network, precision: str, autocast: Autocast) -> AheadOfTimeCalls:
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
            height, width = network.geometry.input_size
            raise CompileError(f"network of {width} x {height}: compiling failed: {error}") from error
        # A start at the same time finds all of it or none; whoever compiled the same meanwhile was first.
        with contextlib.suppress(OSError):
            os.rename(Path(workshop) / "done", target)
    compiled = load_compiled(network, precision)
    if compiled is None:
        raise CompileError(f"{target}: what was compiled just now does not load")
    return compiled


def load_library(path: Path) -> Callable[..., Sequence[Tensor]]:
    """A compiled library as a function of flat tensors.

    torch's own `aoti_load_package` imports the whole compiler, two seconds of every start, and reads the
    shape of the arguments anew at every call; the class below it does neither, and is not public.
    """
    try:
        loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
        run = loader.boxed_run
    except (AttributeError, TypeError):  # another version of torch
        library: Callable[..., Sequence[Tensor]] = torch._inductor.aoti_load_package(str(path))
        return library
    return lambda *tensors: run(list(tensors))


def _artefacts(folder: Path) -> tuple[Path, Path]:
    return folder / "encode.pt2", folder / "follow.pt2"


def _compile_into(folder: Path, network: Network) -> None:
    folder.mkdir()
    g = network.geometry
    image = torch.zeros(1, 3, *g.input_size, dtype=torch.uint8)
    num_kept = len(network.encode_eagerly(image).kept)
    features = _Encode(network)(image)
    frames, pointers = g.recent_frames + 1, g.recent_pointers + 1
    memory = (
        torch.zeros(1, frames, g.memory_tokens, g.memory_dim, dtype=g.memory_dtype),
        torch.zeros(1, frames, dtype=torch.long),
        torch.zeros(1, pointers, g.pointer_dim),
        torch.zeros(1, pointers),
    )
    t = torch.export.Dim("T", min=2, max=MOST_MEMORY_FRAMES)
    p = torch.export.Dim("P", min=2, max=MOST_MEMORY_FRAMES)
    varies: list[dict[int, Any]] = [{} for _ in features] + [{1: t}, {1: t}, {1: p}, {1: p}]
    encode_path, follow_path = _artefacts(folder)
    inputs = {
        "num_kept": num_kept,
        encode_path.stem: _compile(_Encode(network), (image,), [{}], encode_path),
        follow_path.stem: _compile(_Follow(network, num_kept), (*features, *memory), varies, follow_path),
    }
    (folder / INPUTS_FILE).write_text(json.dumps(inputs), encoding="utf-8")


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
    return [
        TensorLayout.of(tensor, tuple(free)).as_json() for tensor, free in zip(example, varies, strict=True)
    ]


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
        *of_frame, remembered, slots, pointers, ages = tensors
        memory = MemoryRead(remembered, slots, pointers, ages)
        features = split_features(of_frame, self._num_kept)
        found, memory_features = self._network.follow_eagerly(features, memory)
        return (
            found.low_res_mask_logits,
            found.object_score_logits,
            found.iou_scores,
            found.object_pointers,
            memory_features,
        )


def _laid_out(features: FrameFeatures) -> tuple[Tensor, ...]:
    """A frame's features as they are compiled for: maps with their channels last, rows of tokens as such."""
    return tuple(
        part.contiguous(memory_format=torch.channels_last if part.dim() == 4 else torch.contiguous_format)
        for part in features.tensors()
    )


def _lengths(memory: MemoryRead) -> tuple[int, int]:
    return memory.features.shape[1], memory.pointers.shape[1]
