"""A first run through a film, whose prompts any model follows it by."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np

from streamtrack.config import DetectorAutoprompt, SourceConfig
from streamtrack.detect import Detection
from streamtrack.frame import Image
from streamtrack.ingest import FilmReader
from streamtrack.offline.scout import scout
from streamtrack.tracking.film_span import FilmSpan

FRAMES, FPS = 36, 10
RED, BLUE = (200, 30, 30), (30, 60, 220)


def square(index: int, first: int, y: int) -> tuple[int, int, int, int]:
    x = 20 + 3 * (index - first)
    return x, y, x + 50, y + 50


def there(index: int) -> dict[str, tuple[int, int, int, int]]:
    """A red square from the first frame to the 16th, a blue one from the 12th on."""
    red = {"red": square(index, 0, 20)} if index < 16 else {}
    return red | ({"blue": square(index, 12, 120)} if index >= 12 else {})


def picture(index: int) -> Image:
    image = np.random.default_rng(1).integers(90, 130, (200, 260, 3)).astype(np.uint8)
    for name, (x0, y0, x1, y1) in there(index).items():
        image[y0:y1, x0:x1] = RED if name == "red" else BLUE
    return image


class SeesSquares:
    """Finds them by their colour."""

    def detect(self, image: Image) -> list[Detection]:
        found = []
        for colour in (RED, BLUE):
            rows, columns = np.nonzero((image == colour).all(axis=2))
            if rows.size:
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                found.append(Detection("square", 0.9, tuple(map(float, box))))  # type: ignore[arg-type]
        return found


def test_objects_start_on_later_frames_once_each_and_end_when_they_are_gone(tmp_path: Path) -> None:
    for index in range(FRAMES):
        cv2.imwrite(str(tmp_path / f"{index:03d}.png"), picture(index)[..., ::-1])
    film = FilmReader(SourceConfig(url=str(tmp_path), fps=FPS))
    asked = DetectorAutoprompt(
        detector="python:a:b",
        classes=("square",),
        interval_ms=200,
        remove_lost_after_ms=400,
        remove_unconfirmed_after_ms=600,
    )
    found = scout(asked, SeesSquares(), film, FilmSpan(), itertools.count(5))
    starts = {prompt.object_id: prompt for prompt in reversed(found.prompts)}
    assert set(starts) == {5, 6}, "each square once"
    assert starts[5].at_frame == 2, "it was there in two looks in a row"
    assert 12 <= (starts[6].at_frame or 0) <= 16
    assert starts[6].label == "square"
    first, last = found.lifetimes[5]
    assert first == 2
    assert last is not None
    assert 16 <= last <= 26
    assert found.lifetimes[6] == (starts[6].at_frame, None)
