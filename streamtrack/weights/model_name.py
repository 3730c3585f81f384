"""The one rule for what users may write where a model is named: a name of the catalog, or a weights file."""

from __future__ import annotations

import os
from pathlib import Path

from streamtrack.weights.catalog import CATALOG

WEIGHTS_SUFFIXES = (".pt", ".pth", ".safetensors")


def weights_file(name: str) -> Path | None:
    """The weights file that a model's name means; None where it means a model of the catalog.

    A name of the catalog wins; `./nano` is the file of that name. Anything else is a file where it ends as
    weights do, has a folder before it, or exists.
    """
    if name in CATALOG:
        return None
    path = Path(os.path.expanduser(name))  # pathlib's raises for unknown users
    has_folder = os.sep in name or "/" in name
    return path if path.suffix.lower() in WEIGHTS_SUFFIXES or has_folder or os.path.isfile(path) else None
