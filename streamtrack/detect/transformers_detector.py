"""Object detection by models of the package transformers: DETR, RT-DETR, YOLOS, D-FINE, ..."""

from __future__ import annotations

import importlib
import os
from typing import Any

import torch

from streamtrack.detect.detector import Detection
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.frame import Image
from streamtrack.weights.hub import is_model_id, require_hub

PACKAGE = "transformers"
EXTRA = "pip install 'streamtrack[detect]'"
FAILURES = OSError, ValueError, KeyError, ImportError, RuntimeError
"""What loading raises; OSError where files are not there."""


class TransformersDetector:
    """A model with its processor, on one device. One thread at a time."""

    def __init__(self, model: Any, processor: Any, device: str, lowest_score: float) -> None:
        self._model = model.eval().to(device)
        self._processor = processor
        self._device = device
        self._lowest_score = lowest_score
        self._names: dict[int, str] = {int(key): str(name) for key, name in model.config.id2label.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model was trained to find."""
        return tuple(self._names.values())

    @torch.inference_mode()
    def detect(self, image: Image) -> list[Detection]:
        """Find objects in an (H, W, 3) uint8 RGB picture, surest first."""
        given = self._processor(images=image, return_tensors="pt", input_data_format="channels_last")
        output = self._model(**given.to(self._device))
        [found] = self._processor.post_process_object_detection(
            output, threshold=self._lowest_score, target_sizes=[image.shape[:2]]
        )
        rows = zip(*(found[key].tolist() for key in ("labels", "scores", "boxes")), strict=True)
        finds = [
            Detection(self._names.get(label, str(label)), float(score), (x0, y0, x1, y1))
            for label, score, (x0, y0, x1, y1) in rows
        ]
        return sorted(finds, key=lambda one: -one.score)


def load_transformers_detector(name: str, device: str, lowest_score: float) -> TransformersDetector:
    """A model by its folder or its name on the hub.

    Raises:
        ConfigError: transformers is not installed, there is no such model, or it finds no objects.
    """
    where = f"detector transformers:{name}"
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError:
        raise ConfigError(f"{where}: the package transformers is not installed, expected {EXTRA}") from None
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"{where}: detector_device is {device}, and CUDA is not there, expected cpu")
    is_folder = os.path.isdir(name)
    if not is_folder and not is_model_id(name):
        raise ConfigError(f"{where}: no such folder, expected one, or a name such as PekingU/rtdetr_v2_r18vd")
    try:
        processor, model = _load(package, name, only_here=True)
    except FAILURES as error:
        if is_folder or not isinstance(error, OSError):
            raise ConfigError(f"{where}: {_first_line(error)}") from error
        # Not on this machine. The hub's client tries an absent one for minutes, file by file.
        try:
            require_hub(name)
            processor, model = _load(package, name, only_here=False)
        except CheckpointError as unreachable:
            raise ConfigError(f"{where}: {unreachable}") from unreachable
        except FAILURES as refusal:
            raise ConfigError(f"{where}: {_first_line(refusal)}") from refusal
    if not hasattr(processor, "post_process_object_detection"):
        raise ConfigError(
            f"{where}: {type(processor).__name__} makes no boxes, expected a model for object detection"
        )
    return TransformersDetector(model, processor, device, lowest_score)


def _load(package: Any, name: str, *, only_here: bool) -> tuple[Any, Any]:
    """Processor and model; `only_here`: of what is on this machine."""
    classes = package.AutoImageProcessor, package.AutoModelForObjectDetection
    processor, model = (one.from_pretrained(name, local_files_only=only_here) for one in classes)
    return processor, model


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
