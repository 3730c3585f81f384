"""From a model's name or a weights file to a `Network` that is ready to run."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from streamtrack.allocator import keep_freed_memory
from streamtrack.config import ModelConfig
from streamtrack.config.image_size import input_size_of, size_text
from streamtrack.errors import CheckpointError, CompileError, ConfigError
from streamtrack.model.ahead_of_time import compile_network
from streamtrack.model.checkpoint import read_checkpoint
from streamtrack.model.compiled_calls import load_compiled
from streamtrack.model.families import family_of, identify
from streamtrack.model.hardware import cpu_has_bf16
from streamtrack.model.interface import Network
from streamtrack.model.just_in_time import JustInTimeCalls, can_compile_for_gpu
from streamtrack.model.out_of_memory import tell_what_fits, warn_if_tight
from streamtrack.model.weights_file import load_strict
from streamtrack.weights.catalog import get_entry, require_checkpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network and what it is called."""

    name: str
    """The architecture's name in the catalog."""
    network: Network
    precision: str
    """fp32 or bf16."""

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """In which the network's calls run at its precision.

        Raises:
            CapacityError: the device's memory is used up; the message says what would fit.
        """
        device = self.network.device.type
        with tell_what_fits(self.name, max(self.network.geometry.input_size), self.precision, device):
            if self.precision == "fp32":
                yield
                return
            with torch.autocast(device, torch.bfloat16):
                yield

    def use_compiled(self, *, compile_missing: bool) -> None:
        """Let compiled calls take over where there are some on disk, or make them; uncompiled otherwise."""
        if not compile_missing:
            self.network.compiled = load_compiled(self.network, self.precision)
            if self.network.compiled is None:
                logger.info("%s runs uncompiled in %s: see streamtrack compile", self.name, self.precision)
            return
        size = size_text(self.network.geometry.input_size)
        what = f"{self.name} at {size} px, {self.precision}, threads {torch.get_num_threads()}"
        try:
            self.network.compiled = compile_network(
                self.network,
                self.precision,
                self.autocast,
                lambda doing: logger.warning("%s: %s", what, doing),
            )
        except CompileError as error:
            logger.warning("%s; running uncompiled", error)


def load_model(config: ModelConfig) -> LoadedModel:
    """Build the network that a config names, with its weights, on its device.

    Raises:
        CheckpointError: unknown model, or weights that are missing, damaged or of another model.
        ConfigError: the device is not there, or the image size does not fit.
        CapacityError: the device's memory is too small; the message says what would fit.
    """
    if config.threads is not None:
        # Before anything is compiled or loaded: that depends on it.
        torch.set_num_threads(config.threads)
    entry = get_entry(config.name)
    device = resolve_device(config.device)
    path = config.checkpoint if config.checkpoint is not None else require_checkpoint(entry)
    weights = read_checkpoint(path)
    found = identify(weights)
    if found is not None and found != entry.name:
        raise CheckpointError(f"{path}: holds weights of {found}, expected {entry.name}")
    family = family_of(entry)
    input_size = input_size_of(config.image_size or entry.image_size)
    side = max(input_size)
    module = family.build_module(entry, side, **family.options_of(weights))
    load_strict(module, weights, path, entry.name)
    precision = resolve_precision(config.precision, device, exact=config.preset == "quality")
    warn_if_tight(entry, side, precision, device.type)
    with tell_what_fits(entry.name, side, precision, device.type):
        network = family.make_network(
            module.to(device), input_size=input_size, memory_pool=config.memory_pool
        )
    loaded = LoadedModel(entry.name, network, precision)
    if device.type == "cpu" and config.compile != "off":
        loaded.use_compiled(compile_missing=config.compile == "on")
    elif device.type == "cuda" and config.compile == "on" and can_compile_for_gpu():
        loaded.network.compiled = JustInTimeCalls(loaded.network)
    if device.type == "cpu":
        del weights
        keep_freed_memory()
    return loaded


def resolve_device(device: str) -> torch.device:
    """The device that a config's word means here.

    Raises:
        ConfigError: it is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if device not in available:
        close = difflib.get_close_matches(device, available, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ConfigError(f"model.device is {device!r}{hint}, expected auto, cpu, cuda or mps")
    if not available[device]:
        raise ConfigError(
            f"model.device is {device}, but there is none on this machine; expected auto or cpu"
        )
    return torch.device(device)


def resolve_precision(precision: str, device: torch.device, *, exact: bool = True) -> str:
    """fp32 or bf16; auto is bf16 on CUDA devices that have it in hardware, and unless `exact` on such CPUs.

    SAM 2 is made for bf16 on CUDA and for fp32 on CPUs: that is what its masks are compared with.
    """
    if precision == "auto":
        cuda = device.type == "cuda" and torch.cuda.is_bf16_supported()
        cpu = device.type == "cpu" and not exact and cpu_has_bf16()
        return "bf16" if cuda or cpu else "fp32"
    if precision == "bf16" and device.type == "mps":
        raise ConfigError("model.precision is bf16, expected fp32 on mps")
    return precision
