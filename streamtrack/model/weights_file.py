"""Weights from a file that anyone may have written: tensors by name, or one clear line.

Nothing in the file is run (`weights_only=True` for .pt files, or safetensors), it decides by its content and
not by its suffix, and it never makes more of itself in memory than a few times its size.
"""

from __future__ import annotations

import os
import pickle  # nosec B403 # for the name of its error
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from streamtrack.errors import CheckpointError

MAX_FILE_BYTES = 8 * 2**30
"""Twice the largest published network of this kind."""
_ZIP_START = b"PK\x03\x04"
_PICKLE_START = b"\x80"
"""Of a .pt file as torch wrote it before 1.6."""
_SAFETENSORS_HEADER = slice(8, 9)
"""After eight bytes of length, its JSON begins."""
_SHOWN_CHARACTERS = 200


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a .pt or .safetensors file, on the CPU, in float32 where they are floats.

    Raises:
        CheckpointError: the file cannot be read or holds something else.
    """
    num_bytes = _size_of(path)
    try:
        weights = _read(path, num_bytes)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except CheckpointError:
        raise
    # Of a file that is damaged or made to harm, the readers raise whatever they stumble over.
    except Exception as error:
        raise CheckpointError(f"{path}: damaged, or not a checkpoint: {_first_line(error)}") from error
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and _is_plain(value) for name, value in weights.items()
    ):
        raise CheckpointError(f"{path}: holds no model weights, expected tensors by name")
    # Views of few numbers can claim to be many.
    claimed = sum(value.numel() * value.element_size() for value in weights.values())
    if claimed > 2 * num_bytes:
        raise CheckpointError(
            f"{path}: damaged, or not a checkpoint: tensors of {claimed} bytes in a file of {num_bytes}"
        )
    return {name: _as_float(value, name, path) for name, value in weights.items()}


def load_strict(module: nn.Module, weights: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Load weights, every one of them and no other.

    Args:
        path: where they are from, for the message.
        name: of the network that the module is.
    Raises:
        CheckpointError: a tensor is missing, is too many, or has another shape or type.
    """
    expected: Mapping[str, Tensor] = module.state_dict()
    missing, unknown = expected.keys() - weights.keys(), weights.keys() - expected.keys()
    if missing or unknown:
        fault = f"{len(missing)} tensors are missing, {len(unknown)} are unknown"
        example = _one_line(min(missing or unknown))
        raise CheckpointError(f"{path}: not weights of {name}: {fault} (such as {example})")
    for key, value in weights.items():
        wanted = expected[key]
        if value.shape != wanted.shape:
            found = f"{key} is {tuple(value.shape)}, expected {tuple(wanted.shape)}"
            raise CheckpointError(f"{path}: not weights of {name}: {found}")
        if value.is_floating_point() != wanted.is_floating_point():
            raise CheckpointError(
                f"{path}: not weights of {name}: {key} is {value.dtype}, expected {wanted.dtype}"
            )
    module.load_state_dict(weights, strict=True)


def _size_of(path: Path) -> int:
    """Bytes of a file that is worth opening: a pipe or a device might never end."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{_one_line(str(path))}: cannot be read: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{path}: cannot be read: not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path}: {status.st_size} bytes, expected weights of at most {MAX_FILE_BYTES}")
    return status.st_size


def _read(path: Path, num_bytes: int) -> Any:
    with path.open("rb") as file:
        start = file.read(16)
    if start[_SAFETENSORS_HEADER] == b"{":
        return load_file(path)
    if start.startswith(_ZIP_START):
        _refuse_compressed(path, num_bytes)
    elif not start.startswith(_PICKLE_START):
        raise ValueError("neither a safetensors file nor one that torch.save wrote")
    # An open file: of a path, torch would look at the suffix.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about types of storage that are no longer made
        weights = torch.load(file, map_location="cpu", weights_only=True)
    return weights.get("model", weights) if isinstance(weights, Mapping) else weights


def _refuse_compressed(path: Path, num_bytes: int) -> None:
    """torch.save compresses nothing; a small archive of large entries would fill the memory."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > num_bytes:
        raise ValueError(f"an archive of {num_bytes} bytes that unpacks to {unpacked}")


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers that lie in memory."""
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"


def _as_float(value: Tensor, name: str, path: Path) -> Tensor:
    if not value.is_floating_point():
        return value
    value = value.detach().float()
    if not torch.isfinite(value).all():
        raise CheckpointError(
            f"{path}: damaged, or not a checkpoint: {_one_line(name)} holds numbers that are not finite"
        )
    return value


def _first_line(error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError):
        # What torch says there is how to run the file's code all the same.
        return "torch.save wrote more into it than tensors by name, or it is cut"
    return _one_line(str(error).strip().split("\n", maxsplit=1)[0]) or type(error).__name__


def _one_line(text: str) -> str:
    """What can be shown of a text that a file brought along."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_SHOWN_CHARACTERS])
