"""Exporters run on a few drawn frames, no model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from streamtrack.frame import ObjectMask, ObjectState, Update
from streamtrack.offline import ExportOptions, FrameNames, ResultFolder, Run
from streamtrack.offline.exporters import Exporter, find_exporters

MASK = np.zeros((192, 320), np.bool_)
MASK[20:60, 100:180] = True
BALL = ObjectMask.from_mask(MASK, 7, label="ball, red", object_score=0.98765432)
GONE = ObjectMask.from_mask(np.zeros_like(MASK), 8, state=ObjectState.OCCLUDED, object_score=0.01)


def box_mask(x0: int, y0: int, x1: int, y1: int, object_id: int, label: str = "") -> ObjectMask:
    """An object that fills a box of a 320 x 192 frame."""
    mask = np.zeros((192, 320), np.bool_)
    mask[y0:y1, x0:x1] = True
    return ObjectMask.from_mask(mask, object_id, label=label)


def run_for(
    folder: Path,
    options: ExportOptions | None = None,
    file_names: tuple[str, ...] = (),
    open_source: Callable[[], Any] | None = None,
) -> Run:
    """A run of objects 7 and 8 into a folder that was claimed."""
    results = ResultFolder(folder, overwrite=False)
    results.claim(())
    return Run(
        results,
        (7, 8),
        25.0,
        options=options or ExportOptions(),
        names=FrameNames(file_names),
        open_source=open_source,
    )


def export(name: str, folder: Path, *updates: Update, run: Run | None = None) -> Exporter:
    """The exporter after a whole run."""
    run = run or run_for(folder)
    exporter_class = find_exporters()[name]
    exporter_class.check(run)
    exporter = exporter_class(run)
    for one in updates:
        exporter.take(one)
    exporter.finish()
    exporter.close()
    run.folder.close()
    return exporter


def opens(path: Path) -> bool:
    """Whether a file that an exporter wrote is whole, as its usual reader finds it."""
    if path.suffix in (".mp4", ".webm", ".mov"):
        with av.open(str(path)) as container:
            return any(True for _ in container.decode(video=0))
    if path.suffix == ".png":
        return path.read_bytes().endswith(b"IEND\xaeB`\x82")
    if path.suffix == ".jpg":
        return path.read_bytes().endswith(b"\xff\xd9")
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return all(arrays[name] is not None for name in arrays)
    if path.suffix == ".parquet":
        return bool(importlib.import_module("pyarrow.parquet").read_table(path).num_rows >= 0)
    if path.suffix == ".json":
        return bool(json.loads(path.read_text(encoding="utf-8")))
    return not path.read_bytes() or path.read_bytes().endswith(b"\n")
