"""One module an exporter. A new one is found by its class alone: no list names it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from streamtrack.errors import PublishError
from streamtrack.offline.exporters.exporter import Exporter, OpenContainer, Run

__all__ = ["Exporter", "OpenContainer", "Run", "describe_exporters", "find_exporter", "find_exporters"]


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
        if isinstance(value, type) and issubclass(value, Exporter) and hasattr(value, "name")
    ]
    return {exporter.name: exporter for exporter in sorted(classes, key=lambda exporter: exporter.name)}


def find_exporter(name: str) -> type[Exporter]:
    """An exporter by its name, or one of your own as `module:Class`.

    Raises:
        PublishError: there is none of that name; the module cannot be imported or holds no such exporter.
    """
    known = find_exporters()
    if name in known:
        return known[name]
    for exporter in known.values():
        if name in exporter.aliases:
            return exporter
    module_name, separator, class_name = name.partition(":")
    if not separator:
        raise PublishError(f"--export is {name!r}, expected one of: {', '.join(known)}; or MODULE:CLASS")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except (ImportError, ValueError) as error:
        raise PublishError(f"--export {name}: {module_name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Exporter)):
        raise PublishError(f"--export {name}: {module_name} has no Exporter called {class_name!r}")
    return found


def describe_exporters() -> str:
    """A line an exporter: its name, what it writes, its other names."""
    known = find_exporters()
    width = max(map(len, known))
    return "\n".join(
        f"{name:{width}}  {exporter.summary}"
        + (f" (also: {', '.join(exporter.aliases)})" if exporter.aliases else "")
        for name, exporter in known.items()
    )
