"""What `track` leaves in its folder: pictures of masks, run lengths, a table, and the annotated video."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import cv2
import numpy as np

from streamtrack.config import AnnotateConfig
from streamtrack.errors import PublishError
from streamtrack.frame import FrameResult, ObjectMask
from streamtrack.object_record import COLUMNS as OBJECT_COLUMNS
from streamtrack.object_record import record_of
from streamtrack.object_record import table_row as object_row
from streamtrack.offline.overlay_video import OverlayVideo
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.video.draw import annotate

MaskFormat = Literal["png", "rle", "both", "none"]

OVERLAY, MASKS, RUN_LENGTHS, TABLE = "overlay.mp4", "masks", "masks.jsonl", "objects.csv"
WIDEST_PX = 16_384
"""The annotated video is as wide as the source."""
COLUMNS = ("frame_idx", "pts_seconds", *OBJECT_COLUMNS)


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the folder, without what an earlier run left in it.

    Raises:
        PublishError: it cannot be made, or holds an earlier run and `overwrite` is False.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PublishError(f"--out {folder}: cannot be made: {error.strerror}") from error
    left = [folder / name for name in (OVERLAY, MASKS, RUN_LENGTHS, TABLE) if (folder / name).exists()]
    if left and not overwrite:
        raise PublishError(f"--out {folder}: holds {left[0].name} of an earlier run, expected --overwrite")
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class Outputs:
    """Writes every result of a recording. Use it as a context manager."""

    def __init__(self, folder: Path, *, fps: float | None, masks: MaskFormat, overlay: bool) -> None:
        """Open the files.

        Raises:
            PublishError: a file cannot be written.
        """
        self._folder = folder
        self._pictures = masks in ("png", "both")
        self._annotate = AnnotateConfig(max_width_px=WIDEST_PX)
        with ExitStack() as files:
            try:
                table = files.enter_context((folder / TABLE).open("w", newline="", encoding="utf-8"))
                self._run_lengths = (
                    files.enter_context((folder / RUN_LENGTHS).open("w", encoding="utf-8"))
                    if masks in ("rle", "both")
                    else None
                )
            except OSError as error:
                raise PublishError(f"--out {folder}: cannot be written: {error.strerror}") from error
            self._overlay = files.enter_context(OverlayVideo(folder / OVERLAY, fps)) if overlay else None
            self._rows = csv.writer(table)
            self._rows.writerow(COLUMNS)
            self._files = files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.close()

    def write(self, result: FrameResult) -> None:
        """Append one frame to every file.

        Raises:
            PublishError: the disk is full, or a mask's picture cannot be written.
        """
        try:
            for item in result.objects.values():
                self._rows.writerow(table_row(result, item))
                if self._pictures:
                    self._write_picture(result.frame_idx, item)
            if self._run_lengths is not None:
                self._run_lengths.write(json.dumps(frame_record(result), separators=(",", ":")) + "\n")
        except OSError as error:
            raise PublishError(f"--out {self._folder}: cannot be written: {error.strerror}") from error
        if self._overlay is not None:
            self._overlay.write(annotate(result, self._annotate), result.frame)

    def _write_picture(self, frame_idx: int, item: ObjectMask) -> None:
        folder = self._folder / MASKS / f"{item.object_id:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        written, data = cv2.imencode(".png", item.mask.astype(np.uint8) * 255)
        assert written, "OpenCV encodes every uint8 picture as PNG"
        (folder / f"{frame_idx:05d}.png").write_bytes(data.tobytes())


def table_row(result: FrameResult, item: ObjectMask) -> tuple[Any, ...]:
    """One object on one frame, as COLUMNS."""
    return (result.frame_idx, _pts_seconds(result), *object_row(item))


def frame_record(result: FrameResult) -> dict[str, Any]:
    """One frame as JSON: boxes as COCO's x, y, width, height; masks as COCO's compressed run lengths."""
    objects = []
    for item in result.objects.values():
        x0, y0, x1, y1 = item.box
        counts = encode_rle(item.crop, item.box, item.frame_size).decode("ascii")
        coco = {
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": item.area_px,
            "segmentation": {"size": list(item.frame_size), "counts": counts},
        }
        objects.append({**record_of(item), **coco})
    return {"frame_idx": result.frame_idx, "pts_seconds": _pts_seconds(result), "objects": objects}


def _pts_seconds(result: FrameResult) -> float | None:
    frame = result.frame
    return None if frame.pts is None else round(float(frame.pts * frame.time_base), 6)
