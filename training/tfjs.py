"""Weights of a TensorFlow.js graph model as arrays in PyTorch's layout."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DTYPES = {"float16": np.float16, "float32": np.float32, "int32": np.int32}


def read_tfjs(model_json: Path) -> dict[str, Tensor]:
    """Read every weight by its name, float32.

    Kernels come as (out, in, H, W); depthwise ones as (C, 1, H, W).

    Raises:
        ValueError: the binary file does not hold what the JSON lists.
    """
    manifest = json.loads(model_json.read_text())["weightsManifest"][0]
    buffer = b"".join((model_json.parent / path).read_bytes() for path in manifest["paths"])
    weights, offset = {}, 0
    for entry in manifest["weights"]:
        dtype = np.dtype(DTYPES[entry.get("quantization", {}).get("dtype", entry["dtype"])])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        array = np.frombuffer(buffer, dtype, count, offset).reshape(entry["shape"]).astype(np.float32)
        offset += count * dtype.itemsize
        if array.ndim == 4:
            depthwise = "depthwise_weights" in entry["name"]
            array = array.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        weights[entry["name"].removeprefix("tower_0/")] = torch.from_numpy(np.ascontiguousarray(array))
    if offset != len(buffer):
        raise ValueError(f"{model_json}: weights take {offset} bytes, the files have {len(buffer)}")
    return weights


def trunk_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The MobileNetV3 part under the names of `streamtrack.model.nano.mobilenet_trunk.MobileNetTrunk`.

    The graph's hard-swish multiplies by a sixth in half precision: 0.02 % that is left to training.
    """
    parts = {"squeeze_excite/Conv_1": "excite", "squeeze_excite/Conv": "squeeze"}
    pattern = re.compile(
        r"MobilenetV3/expanded_conv(?:_(\d+))?/"
        r"(expand|depthwise|project|squeeze_excite/Conv_1|squeeze_excite/Conv)/"
        r"(?:Conv2D_|depthwise_)?(?:weights|biases|bn_offset)"
    )
    named = {}
    for name, value in weights.items():
        kind = "bias" if value.ndim == 1 else "weight"
        if name.startswith("MobilenetV3/Conv/Conv2D"):
            # The graph takes 0 to 255, the trunk 0 to 1.
            named[f"stem.{kind}"] = value * 255 if kind == "weight" else value
        elif match := pattern.fullmatch(name):
            named[f"blocks.{match[1] or 0}.{parts.get(match[2], match[2])}.{kind}"] = value
    return named
