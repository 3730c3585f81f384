"""From a model's name or a weights file to a `Network` that is ready to run.

Weights are read without running code: `weights_only=True` for .pt files, or safetensors.
"""

from __future__ import annotations

import difflib
import logging
import pickle
import zipfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sam2
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from streamtrack.config import ModelConfig
from streamtrack.errors import CheckpointError, CompileError, ConfigError
from streamtrack.model.ahead_of_time import compile_network, load_compiled
from streamtrack.model.hardware import cpu_has_bf16
from streamtrack.model.interface import Network
from streamtrack.model.just_in_time import JustInTimeCalls, can_compile_for_gpu
from streamtrack.model.nano.build import POST_PROCESSING, build_nano, trunk_of
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.weights.catalog import CATALOG, CatalogEntry, get_entry, require_checkpoint

logger = logging.getLogger(__name__)

IMAGE_SIZE_STEP = 32
"""The stride of the coarsest feature map: image sizes are multiples of it."""
_TRUNKS = {(96, 12): "tiny", (96, 16): "small", (112, 24): "base-plus", (144, 48): "large"}
"""Width and number of blocks of each Hiera trunk."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network and what it is called."""

    name: str
    """The architecture's name in the catalog."""
    network: Network
    precision: str
    """fp32 or bf16."""

    def autocast(self) -> AbstractContextManager[Any]:
        """In which the network's calls run at its precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.network.device.type, torch.bfloat16)

    def use_compiled(self, *, compile_missing: bool) -> None:
        """Let compiled calls take over where there are some on disk, or make them; uncompiled otherwise."""
        self.network.compiled = load_compiled(self.network, self.precision)
        if self.network.compiled is None and not compile_missing:
            logger.info("%s runs uncompiled in %s: see streamtrack compile --help", self.name, self.precision)
        elif self.network.compiled is None:
            logger.warning("compiling %s for this processor: a minute or two, once", self.name)
            try:
                self.network.compiled = compile_network(self.network, self.precision, self.autocast)
            except CompileError as error:
                logger.warning("%s; running uncompiled", error)


def load_model(config: ModelConfig) -> LoadedModel:
    """Build the network that a config names, with its weights, on its device.

    Raises:
        CheckpointError: unknown model, or weights that are missing, damaged or of another model.
        ConfigError: the device is not there, or the image size does not fit.
    """
    if config.threads is not None:
        # Before anything is compiled or loaded: that depends on it.
        torch.set_num_threads(config.threads)
    entry = get_entry(config.name)
    device = resolve_device(config.device)
    path = config.checkpoint if config.checkpoint is not None else require_checkpoint(entry)
    weights = read_weights(path)
    found = identify(weights)
    if found is not None and found != entry.name:
        raise CheckpointError(f"{path}: holds weights of {found}, expected {entry.name}")
    # nano's trunk is exchangeable: which one it is, its weights tell.
    overrides = {"trunk": trunk_of(weights)} if entry.sam2_config is None else {}
    module = build_module(entry, config.image_size or entry.image_size, **overrides)
    load_strict(module, weights, path, entry.name)
    network = Sam2Network(module.to(device), memory_pool=config.memory_pool)
    precision = resolve_precision(config.precision, device, exact=config.preset == "quality")
    loaded = LoadedModel(entry.name, network, precision)
    if device.type == "cpu" and config.compile != "off":
        loaded.use_compiled(compile_missing=config.compile == "on")
    elif device.type == "cuda" and config.compile == "on" and can_compile_for_gpu():
        loaded.network.compiled = JustInTimeCalls(loaded.network)
    return loaded


def name_of_checkpoint(path: Path) -> str:
    """The architecture that a weights file belongs to.

    Raises:
        CheckpointError: the file cannot be read, or its weights are of no known model.
    """
    name = identify(read_weights(path))
    if name is None:
        raise CheckpointError(
            f"{path}: holds weights of no known model, expected one of: {', '.join(CATALOG)}"
        )
    return name


def build_module(entry: CatalogEntry, image_size: int, **overrides: Any) -> Any:
    """The sam2 module of a catalog entry with fresh random weights, on the CPU, in eval mode.

    Args:
        image_size: side of the square input in pixels, a multiple of 32.
        overrides: keys of the module's config; `_target_` may name a subclass of SAM2Base.
    Raises:
        ConfigError: the image size does not fit.
    """
    if image_size < IMAGE_SIZE_STEP or image_size % IMAGE_SIZE_STEP:
        raise ConfigError(f"model.image_size is {image_size}, expected a multiple of {IMAGE_SIZE_STEP}")
    if entry.sam2_config is None:
        return build_nano(image_size, **overrides).eval()
    source = Path(sam2.__file__).parent / entry.sam2_config
    node = OmegaConf.load(source).model
    # The released configs leave out what upstream's build function adds for use: the same additions here.
    added = {**POST_PROCESSING, "image_size": image_size, **overrides}
    return instantiate(OmegaConf.merge(node, OmegaConf.create(added)), _recursive_=True).eval()


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a .pt or .safetensors file, on the CPU, in float32.

    Raises:
        CheckpointError: the file cannot be read or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            weights: Any = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            weights = weights.get("model", weights) if isinstance(weights, Mapping) else weights
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (
        SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError,
        KeyError
    ) as error:  # fmt: skip
        raise CheckpointError(f"{path}: damaged, or not a checkpoint: {_first_line(error)}") from error
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path}: holds no model weights, expected tensors by name")
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def identify(weights: Mapping[str, Tensor]) -> str | None:
    """The catalog name that a state dict fits; None for one that fits none."""
    if any(key.startswith("image_encoder.trunk.blocks.0.depthwise") for key in weights):
        return "nano"
    patch_embedding = weights.get("image_encoder.trunk.patch_embed.proj.weight")
    if patch_embedding is None:
        return None
    blocks = {key.split(".")[3] for key in weights if key.startswith("image_encoder.trunk.blocks.")}
    size = _TRUNKS.get((patch_embedding.shape[0], len(blocks)))
    family = "sam2.1" if "no_obj_embed_spatial" in weights else "sam2"
    return None if size is None else f"{family}-{size}"


def load_strict(module: Any, weights: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Load weights, every one of them and no other.

    Raises:
        CheckpointError: a tensor is missing, is too many, or has another shape.
    """
    expected: Mapping[str, Tensor] = module.state_dict()
    missing, unknown = expected.keys() - weights.keys(), weights.keys() - expected.keys()
    if missing or unknown:
        fault = f"{len(missing)} tensors are missing, {len(unknown)} are unknown"
        example = min(missing or unknown)
        raise CheckpointError(f"{path}: not weights of {name}: {fault} (such as {example})")
    for key, value in weights.items():
        if value.shape != expected[key].shape:
            raise CheckpointError(
                f"{path}: not weights of {name}: {key} is {tuple(value.shape)}, "
                f"expected {tuple(expected[key].shape)}"
            )
    module.load_state_dict(weights, strict=True)


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


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:200] or type(error).__name__
