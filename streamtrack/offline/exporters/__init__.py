"""One module an exporter. A new one is found by its class alone: no list names it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from streamtrack.offline.exporters.exporter import Exporter, Run

__all__ = ["Exporter", "Run", "find_exporters"]


@cache
def find_exporters() -> Mapping[str, type[Exporter]]:
    """Every exporter by its name."""
    modules = [
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    classes = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exporter) and value is not Exporter
    ]
    return {exporter.name: exporter for exporter in sorted(classes, key=lambda exporter: exporter.name)}
