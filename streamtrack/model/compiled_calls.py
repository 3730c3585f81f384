"""The network's two calls of every frame as compiled libraries on disk: what they are named by, how they are
loaded and run. `ahead_of_time` makes them."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from streamtrack.model import interface, tensor_layout
from streamtrack.model.compiled_library import CompiledLibrary
from streamtrack.model.interface import (
    FrameFeatures,
    MaskPrediction,
    MemoryRead,
    Network,
    split_features,
)
from streamtrack.model.side_by_side import SideBySide
from streamtrack.model.tensor_layout import TensorLayout, apply_layouts

COMPILED_ENV = "STREAMTRACK_COMPILED"
"""Environment variable that names the folder of compiled networks."""
MOST_MEMORY_FRAMES = 64
"""T and P that a compiled `follow` takes; more than a session can be configured to read."""
EXPECTED_WIDTH = 5
"""Of `MemoryRead.expected`."""
FOLLOW_ALONE = "follow_alone"
"""`follow` compiled for one thread."""
INPUTS_FILE = "inputs.json"
"""Beside the libraries: how the tensors lay that they were compiled for."""
INDUCTOR_OPTIONS = {"freezing": True}
"""Weights are constants, kept in the layout that the kernels want."""

logger = logging.getLogger(__name__)


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
        return self.run(*self.lay_out(tensors))

    def lay_out(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Its inputs, or the first of them, as they must lie.

        Raises:
            ShapeError: as a call.
        """
        return apply_layouts(self.layouts[: len(tensors)], tensors, f"compiled {self.name}")


@dataclass(frozen=True, slots=True)
class AheadOfTimeCalls:
    """`Network.encode` and `Network.follow` as compiled libraries."""

    run_encode: CompiledCall
    run_follow: CompiledCall
    """For one object, on all threads."""
    run_follow_alone: CompiledCall | None
    """For one object, on one thread; None where there is only one."""
    beside: SideBySide
    """Where it runs, for several objects at the same time."""
    num_kept: int
    """How many tensors of a frame are its `kept` ones."""

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`, of a (1, 3, H, W) uint8 image."""
        return split_features(self.run_encode(image), self.num_kept)

    def fits(self, memory: MemoryRead) -> bool:
        """Whether `follow` was compiled for a memory of this shape."""
        return memory.absent is None and all(1 < length <= MOST_MEMORY_FRAMES for length in _lengths(memory))

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`, of a memory that fits. Each object is a call of its own."""
        objects = memory.features.shape[0]
        # Nothing expected weighs nothing: the choice is then by the estimates alone.
        expected = torch.zeros(objects, EXPECTED_WIDTH) if memory.expected is None else memory.expected
        parts = memory.features, memory.slots, memory.pointers, memory.pointer_ages, expected
        each = list(zip(*(torch.split(part, 1) for part in parts), strict=True))
        of_frame = self.run_follow.lay_out(features.tensors())
        found: list[Sequence[Tensor]] = []
        if self.run_follow_alone is not None:
            # One that is left over alone gets all threads to itself.
            num_beside = objects - (objects % self.beside.workers == 1)
            alone = self.run_follow_alone
            found += self.beside.map(lambda one: alone(*of_frame, *one), each[:num_beside])
        found += [self.run_follow(*of_frame, *one) for one in each[len(found) :]]
        whole = found[0] if objects == 1 else [torch.cat(one) for one in zip(*found, strict=True)]
        logits, object_scores, ious, pointers, rivals, seen, memory_features = whole
        prediction = MaskPrediction(logits, object_scores, ious, pointers)
        if memory.expected is not None:
            prediction = replace(prediction, rivals=rivals if memory.wants_rivals else None, seen=seen)
        return prediction, memory_features


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
    for name in sorted(code | {interface.__name__, tensor_layout.__name__}):
        if not name.startswith("torch."):
            digest.update(inspect.getsource(sys.modules[name]).encode())
    for name in ("compiled_calls.py", "ahead_of_time.py", "choice.py", "onednn.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
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
    beside = SideBySide(torch.get_num_threads())
    # Streams that share the network compute at the same time, as far as there are cores.
    streams = max(1, (os.cpu_count() or 1) // beside.workers)
    try:
        inputs = json.loads((folder / INPUTS_FILE).read_text(encoding="utf-8"))
        encode, follow, *alone = (
            CompiledCall(
                path.stem,
                load_library(path, beside.workers if path.stem == FOLLOW_ALONE else streams),
                tuple(TensorLayout.from_json(layout) for layout in inputs[path.stem]),
            )
            for path in artefacts(folder)
        )
        return AheadOfTimeCalls(encode, follow, alone[0] if alone else None, beside, int(inputs["num_kept"]))
    except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        logger.warning("%s: does not load, running uncompiled: %s", folder, reason)
        return None


def load_library(path: Path, runs_at_once: int = 1) -> Callable[..., Sequence[Tensor]]:
    """A compiled library as a function of flat tensors, of which so many calls compute at the same time.

    torch's own `aoti_load_package` imports the whole compiler, two seconds of every start, and reads the
    shape of the arguments anew at every call; the class below it does neither, but keeps Python's lock while
    it computes. Neither the class nor what `CompiledLibrary` needs is public.
    """
    try:
        return CompiledLibrary(path, runs_at_once)
    except (AttributeError, RuntimeError) as error:  # another version of torch
        logger.info("%s: objects wait for each other: %s", path, error)
        library: Callable[..., Sequence[Tensor]] = torch._inductor.aoti_load_package(str(path))
        return library


def artefacts(folder: Path) -> list[Path]:
    """Encode, follow, and where there are several threads follow on one of them."""
    names = ["encode", "follow", *([FOLLOW_ALONE] if torch.get_num_threads() > 1 else [])]
    return [folder / f"{name}.pt2" for name in names]


def _lengths(memory: MemoryRead) -> tuple[int, int]:
    return memory.features.shape[1], memory.pointers.shape[1]
