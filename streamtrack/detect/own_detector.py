"""Detectors that somebody else wrote, by module and name."""

from __future__ import annotations

import importlib
from typing import Any

from streamtrack.detect.detector import Detector
from streamtrack.errors import ConfigError, StreamTrackError


def load_own_detector(name: str) -> Detector:
    """What calling `MODULE:NAME` gives.

    Raises:
        ConfigError: it cannot be imported or called, or gives no detector.
    """
    where = f"detector python:{name}"
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module_name), attribute, None)
    except (ImportError, ValueError, SyntaxError) as error:
        raise ConfigError(f"{where}: {module_name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigError(f"{where}: {module_name} has nothing to call named {attribute!r}")
    try:
        made = found()
    except StreamTrackError:
        raise
    except Exception as error:  # whatever foreign code raises is told in one line
        raise ConfigError(f"{where}: {attribute}() raised {type(error).__name__}: {error}") from error
    if not isinstance(made, Detector) or isinstance(made, type):
        raise ConfigError(
            f"{where}: {attribute}() gave {type(made).__name__}, expected an object with detect(image)"
        )
    return made
