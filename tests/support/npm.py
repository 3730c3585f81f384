"""Packages of npm that tests play with; nothing of ours is built from them."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path


def npm_package(name: str, version: str, folder: Path) -> Path:
    """The files of a package as its authors published them; `npm` checks their digest."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder / name, filter="data")
    return folder / name / "package"
