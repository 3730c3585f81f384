"""The one rule for what users may write where a model is named: a name of the catalog, an id on the Hugging
Face hub, a weights file, or a folder that `save_pretrained` wrote."""

from __future__ import annotations

import os
from pathlib import Path

from streamtrack.weights.catalog import CATALOG
from streamtrack.weights.hub import CONFIG_FILE, find_hub_folder, published_name

WEIGHTS_SUFFIXES = (".pt", ".pth", ".safetensors")


def weights_file(name: str) -> Path | None:
    """The weights file or folder that a model's name means; None where it means a model of the catalog.

    A name of the catalog wins; `./nano` is the file of that name. What exists comes next, then an id of the
    hub whose folder is on this machine. Anything else is a file where it ends as weights do or has a folder
    before it; an id of Meta's models means the catalog's, whose weights are the same.
    """
    if name in CATALOG:
        return None
    path = Path(os.path.expanduser(name))  # pathlib's raises for unknown users
    if os.path.isfile(path) or os.path.isfile(path / CONFIG_FILE):
        return path
    folder = find_hub_folder(name)
    if folder is not None:
        return folder
    has_folder = (os.sep in name or "/" in name) and published_name(name) is None
    return path if path.suffix.lower() in WEIGHTS_SUFFIXES or has_folder else None


def catalog_name(name: str) -> str:
    """The catalog's name where one of the hub's ids of Meta's models is written; other names as they are."""
    return published_name(name) or name
