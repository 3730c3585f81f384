"""From what a config names to something that finds: the one place that knows all who look."""

from __future__ import annotations

import difflib

import numpy as np

from streamtrack.config import DetectorAutoprompt, FindingAutoprompt, GridAutoprompt, MotionAutoprompt
from streamtrack.config.autoprompt import PYTHON, SHIPPED, TRANSFORMERS
from streamtrack.detect.checked_detector import CheckedDetector
from streamtrack.detect.coco_detector import LOWEST_SCORE, load_detector
from streamtrack.detect.detector import Detector
from streamtrack.detect.foreign import told_in_one_line
from streamtrack.detect.grid_detector import load_grid_detector
from streamtrack.detect.motion_detector import MotionDetector
from streamtrack.detect.own_detector import load_own_detector
from streamtrack.detect.transformers_detector import load_transformers_detector
from streamtrack.errors import ConfigError

TRIAL_SIZE = (96, 128)
"""H, W of the grey picture that somebody else's detector is tried on."""
MAX_CLASSES_SHOWN = 8


def open_detector(config: FindingAutoprompt) -> Detector:
    """Who looks, ready to.

    Raises:
        ConfigError: it cannot be had, answers nonsense, or does not know a class that is asked for.
        CheckpointError: the shipped weights are missing or damaged.
    """
    match config:
        case MotionAutoprompt():
            return MotionDetector(config)
        case GridAutoprompt():
            return load_grid_detector(config)
        case DetectorAutoprompt(detector=name):
            lowest = min(LOWEST_SCORE, config.min_score)
            if name == SHIPPED:
                return load_detector(lowest, config.image_size)
            if name.startswith(TRANSFORMERS):
                found: Detector = load_transformers_detector(
                    name.removeprefix(TRANSFORMERS), config.detector_device, lowest
                )
            else:
                found = load_own_detector(name.removeprefix(PYTHON))
            return _tried(found, config)
    raise ConfigError(f"autoprompt kind is {config.kind}, which looks for nothing")


def _tried(detector: Detector, config: DetectorAutoprompt) -> Detector:
    """Somebody else's detector, once it has answered sensibly."""
    where = f"detector {config.detector}"
    with told_in_one_line(f"{where}: its classes raised"):
        known = [str(name) for name in getattr(detector, "classes", None) or ()]
    if known:
        _check_classes(config.classes, known, where)
    checked = CheckedDetector(detector, where)
    checked.detect(np.full((*TRIAL_SIZE, 3), 128, np.uint8))
    return checked


def _check_classes(asked: tuple[str, ...], known: list[str], where: str) -> None:
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            more = ", ..." if len(known) > MAX_CLASSES_SHOWN else ""
            meant = f"did you mean {close[0]}?" if close else ""
            expected = meant or f"expected one of: {', '.join(known[:MAX_CLASSES_SHOWN])}{more}"
            raise ConfigError(f"{where}: it knows no class {name!r}, {expected}")
