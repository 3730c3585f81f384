"""Detectors that somebody else wrote, by module and name."""

from __future__ import annotations

import importlib
from typing import Any

from streamtrack.detect.detector import Detector
from streamtrack.detect.foreign import told_in_one_line
from streamtrack.errors import ConfigError


def load_own_detector(name: str) -> Detector:
    """What calling `MODULE:NAME` gives.

    Raises:
        ConfigError: it cannot be imported or called, or gives no detector.
    """
    where = f"detector python:{name}"
    module_name, _, attribute = name.partition(":")
    with told_in_one_line(f"{where}: {module_name!r} cannot be imported:"):
        try:
            found: Any = getattr(importlib.import_module(module_name), attribute, None)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise  # something that it imports
            raise ConfigError(
                f"{where}: no module {error.name!r}, expected one that is installed, or in a folder that the "
                "environment's PYTHONPATH names"
            ) from error
    if not callable(found):
        raise ConfigError(f"{where}: {module_name} has nothing to call named {attribute!r}")
    with told_in_one_line(f"{where}: {attribute}() raised"):
        made = found()
    if not isinstance(made, Detector) or isinstance(made, type) or not callable(made.detect):
        raise ConfigError(
            f"{where}: {attribute}() gave {type(made).__name__}, expected an object with detect(image)"
        )
    return made
