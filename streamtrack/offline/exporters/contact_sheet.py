"""contact_sheet.png: a few annotated frames on one page, evenly spread over the run."""

from __future__ import annotations

import math

import cv2
import numpy as np

from streamtrack.frame import FrameResult, Image, Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.object_rows import pts_seconds
from streamtrack.offline.png_files import encode_rgb
from streamtrack.offline.video_file import fit_into
from streamtrack.offline.whole_writes import write_file

FILE = "contact_sheet.png"
CELL_WIDTH_PX, CAPTION_PX, GAP_PX = 320, 22, 8
KEPT_CELLS = 96
"""Held at least, 20 MB: the more, the more evenly the sheet is spread."""
PAPER, INK = (18, 20, 24), (225, 228, 232)


class ContactSheet(Exporter):
    """As many pictures as `--contact-frames` says, or fewer; each with its frame and time.

    Nobody knows how long a run will be. More pictures are kept, of every n-th frame; when there are too many,
    each second one goes and n doubles.
    """

    name = "contact-sheet"
    aliases = ("sheet",)
    summary = f"{FILE}: some annotated frames on one page (--contact-frames)"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._run = run
        self._wanted = run.options.contact_frames
        self._path = run.folder.new_file(FILE)
        self._cells: list[Image] = []
        self._every, self._count = 1, 0
        self._size = (0, 0)

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        if self._count % self._every == 0:
            if len(self._cells) == max(2 * self._wanted, KEPT_CELLS):
                self._cells = self._cells[::2]
                self._every *= 2
            if self._count % self._every == 0:
                self._cells.append(self._cell(update.result))
        self._count += 1

    def close(self) -> None:
        if self._cells:
            write_file(self._path, encode_rgb(lay_out(spread(self._cells, self._wanted))))

    def _cell(self, result: FrameResult) -> Image:
        """The frame's overlay, small, over its caption."""
        overlay = self._run.pictures.overlay(result)
        if self._size == (0, 0):
            height, width = overlay.shape[:2]
            self._size = (CELL_WIDTH_PX, max(1, min(4 * CELL_WIDTH_PX, height * CELL_WIDTH_PX // width)))
        small = fit_into(overlay, self._size)
        caption = np.full((CAPTION_PX, CELL_WIDTH_PX, 3), PAPER, np.uint8)
        seconds = pts_seconds(result)
        text = f"{result.frame_idx}" + ("" if seconds is None else f"   {_clock(seconds)}")
        place = (2, CAPTION_PX - 7)
        cv2.putText(caption, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
        return np.concatenate([small, caption])


def spread(cells: list[Image], count: int) -> list[Image]:
    """So many of them, evenly, the first and the last among them."""
    if len(cells) <= count:
        return cells
    if count == 1:
        return cells[:1]
    return [cells[round(index * (len(cells) - 1) / (count - 1))] for index in range(count)]


def lay_out(cells: list[Image]) -> Image:
    """Cells of one size in rows, about as wide as high pages are."""
    height, width = cells[0].shape[:2]
    columns = max(1, min(len(cells), math.ceil(math.sqrt(len(cells) * height / width * 4 / 3))))
    rows = math.ceil(len(cells) / columns)
    page = np.empty(
        (rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3), dtype=np.uint8
    )
    page[:] = PAPER
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        top, left = GAP_PX + row * (height + GAP_PX), GAP_PX + column * (width + GAP_PX)
        page[top : top + height, left : left + width] = cell
    return page


def _clock(seconds: float) -> str:
    """As 1:02:03.45, hours only where there are some."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"
