from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest import FrameReader, iter_frames


def write_image(path: Path, red: int, size: tuple[int, int] = (48, 64)) -> None:
    image = np.zeros((*size, 3), np.uint8)
    image[..., 2] = red  # OpenCV writes BGR
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def test_folder_gives_its_pictures_in_natural_order_as_rgb(tmp_path: Path) -> None:
    for number in (1, 2, 9, 10, 11):
        write_image(tmp_path / f"f{number}.png", red=number)

    with FrameReader(SourceConfig(url=str(tmp_path), fps=10)) as reader:
        frames = list(reader)

    assert [int(f.image[0, 0, 0]) for f in frames] == [1, 2, 9, 10, 11]
    assert [float(f.pts * f.time_base) for f in frames if f.pts is not None] == [0, 0.1, 0.2, 0.3, 0.4]
    assert (reader.info.width_px, reader.info.height_px, reader.info.fps, reader.info.num_frames) == (
        64,
        48,
        10,
        5,
    )


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm"])
def test_folder_reads_each_kind_of_picture(suffix: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"0{suffix}", red=200)

    (frame,) = iter_frames(SourceConfig(url=str(tmp_path)))

    assert frame.image.shape == (48, 64, 3)
    assert abs(int(frame.image[20, 20, 0]) - 200) < 6  # JPEG is not exact


def test_picture_that_cannot_be_read_keeps_its_place_and_is_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", red=1)
    (tmp_path / "2.png").write_bytes(b"no picture")
    (tmp_path / "3.png").touch()
    write_image(tmp_path / "4.png", red=4)

    with FrameReader(SourceConfig(url=str(tmp_path))) as reader:
        frames = list(reader)

    assert [int(f.image[0, 0, 0]) for f in frames] == [1, 1, 1, 4]
    assert [f.damaged for f in frames] == [False, True, True, False]
    assert [f.pts for f in frames] == [0, 1, 2, 3]
    assert reader.dropped == {"corrupt": 2}


def test_folder_of_nothing_but_broken_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no picture")

    with pytest.raises(SourceError, match="none of 1 pictures can be read"):
        FrameReader(SourceConfig(url=str(tmp_path)))


def test_pictures_may_change_size_and_wide_ones_are_scaled_down(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", red=1, size=(48, 64))
    write_image(tmp_path / "2.png", red=2, size=(60, 240))

    shapes = [f.image.shape for f in iter_frames(SourceConfig(url=str(tmp_path), max_width_px=120))]

    assert shapes == [(48, 64, 3), (30, 120, 3)]


def test_scene_is_scaled_down_together_with_its_ground_truth() -> None:
    config = SourceConfig(url="synthetic:leave?width=192&height=108&frames=1", max_width_px=96)
    (full,) = iter_frames(config.model_copy(update={"max_width_px": None}))

    (small,) = iter_frames(config)

    assert small.image.shape == (54, 96, 3)
    assert small.ground_truth is not None
    assert full.ground_truth is not None
    for object_id, mask in full.ground_truth.items():
        scaled = small.ground_truth[object_id]
        assert scaled.shape == (54, 96)
        # A quarter of the pixels, but for the half-covered ones along the edge.
        assert scaled.sum() == pytest.approx(mask.sum() / 4, rel=0.05)
