"""A page of frames, evenly spread over a run whose length nobody knew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.offline import ExportOptions
from streamtrack.offline.exporters.contact_sheet import spread
from tests.support.exports import BALL, export, run_for
from tests.support.recordings import update


def shade(index: int, of: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((192, 320, 3), 255 * index // of, np.uint8)


@pytest.mark.parametrize(("frames", "wanted"), [(1, 4), (3, 4), (4, 4), (37, 4), (9, 1), (250, 3)])
def test_sheet_has_frames_from_all_of_the_run(tmp_path: Path, frames: int, wanted: int) -> None:
    run = run_for(tmp_path, ExportOptions(contact_frames=wanted))
    export("contact-sheet", tmp_path, *(update(i, shade(i, frames)) for i in range(frames)), run=run)
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet is not None
    cells = [
        sheet[top + 100, left + 160].tolist()
        for top in range(8, sheet.shape[0] - 100, 192 + 22 + 8)
        for left in range(8, sheet.shape[1] - 160, 328)
    ]
    shown = [cell[0] for cell in cells if cell != [24, 20, 18]]
    assert len(shown) == min(frames, wanted)
    assert shown == sorted(shown)
    if frames > wanted > 1:
        assert shown[0] == 0
        assert shown[-1] >= 255 * (frames - 5) // frames


def test_objects_are_drawn_and_frames_numbered(tmp_path: Path) -> None:
    export("contact-sheet", tmp_path, update(0, objects=[BALL]))
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet is not None
    blue, green, red = sheet[8 + 40, 8 + 140].tolist()
    assert max(blue, green, red) - min(blue, green, red) > 20, "tinted"
    assert sheet[8 + 192 :, 8:40].max() > 150, "a caption"


def test_spread_takes_the_first_and_the_last() -> None:
    cells = [np.full((1, 1, 3), index, np.uint8) for index in range(9)]
    assert [int(cell[0, 0, 0]) for cell in spread(cells, 3)] == [0, 4, 8]
    assert spread(cells[:2], 3) == cells[:2]
