"""Object detection by models of the package transformers: DETR, RT-DETR, YOLOS, D-FINE, ..."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from streamtrack.detect.detector import Detection
from streamtrack.errors import ConfigError
from streamtrack.frame import Image

PACKAGE = "transformers"
EXTRA = "pip install 'streamtrack[detect]'"


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
    try:
        processor = package.AutoImageProcessor.from_pretrained(name)
        model = package.AutoModelForObjectDetection.from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ConfigError(f"{where}: {_first_line(error)}") from error
    if not hasattr(processor, "post_process_object_detection"):
        raise ConfigError(
            f"{where}: {type(processor).__name__} makes no boxes, expected a model for object detection"
        )
    return TransformersDetector(model, processor, device, lowest_score)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
