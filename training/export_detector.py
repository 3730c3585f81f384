"""The shipped detector's file: `python -m training.export_detector centernet.json detector.safetensors`.

From models/centernet.json of the npm package `@vladmandic/human`, CenterNet on MobileNetV3-large, 512 px.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from streamtrack.detect.centernet import CenterNet
from training.export import write_half
from training.tfjs import read_tfjs, trunk_weights

HEAD = "CenternetHead/"


def read_centernet(model_json: Path) -> CenterNet:
    """The network with the published weights."""
    weights = read_tfjs(model_json)
    state = {f"trunk.{name}": value for name, value in trunk_weights(weights).items()}

    def take(target: str, kernel: str, bias: str | None = None) -> None:
        state[f"{target}.weight"] = weights[kernel]
        state[f"{target}.bias"] = weights[bias] if bias else torch.zeros(len(weights[kernel]))

    take("top", "extern1/Conv2D_weights", "extern1/Conv2D_bn_offset")
    for level in ("c2", "c3", "c4"):
        name = f"{HEAD}{level}_reverse/"
        take(f"narrow.{level}", f"{name}1x1/Conv2D_weights", f"{name}1x1/Conv2D_bn_offset")
        take(f"lateral.{level}.depthwise", f"{name}3x3/depthwise_weights")
        pointwise = f"{name}3x3/separable_conv2d_"
        take(f"lateral.{level}.pointwise", f"{pointwise}weights", f"{pointwise}bn_offset")
    for level in ("c5", "c4", "c3"):
        for index, axis in enumerate("xy"):
            name = f"{HEAD}{level}_upsample/branch_{axis}_upsample_resize/"
            take(f"up.{level}.{index}.depthwise", f"{name}depthwise_weights")
            pointwise = f"{name}separable_conv2d_"
            take(f"up.{level}.{index}.pointwise", f"{pointwise}weights", f"{pointwise}bn_offset")
    take("squeeze", f"{HEAD}conv1x1_se_a/Conv2D_weights", f"{HEAD}conv1x1_se_a/Conv2D_bn_offset")
    take("excite", f"{HEAD}conv1x1_se_b/weights")
    for target, name in (("classes", "cls"), ("sides", "wh")):
        output = f"{HEAD}centernet_{name}_output/"
        take(f"{target}.depthwise", f"{output}depthwise_weights")
        take(f"{target}.pointwise", f"{output}pointwise_weights", f"{output}biases")
    network = CenterNet().eval()
    network.load_state_dict(state)
    return network


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_json", type=Path, help="centernet.json, with centernet.bin beside it")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    state = read_centernet(arguments.model_json).state_dict()
    write_half(state, arguments.target, {"architecture": "centernet-mobilenetv3-large", "classes": "coco-80"})


if __name__ == "__main__":
    main()
