"""Panels side by side, as video and as pictures; the overlay's own pictures; the objects alone as video."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamtrack.offline import ExportOptions
from streamtrack.video.palette import object_colour
from tests.support.exports import BALL, GONE, MASK, export, run_for
from tests.support.recordings import update

GREY = np.full((192, 320, 3), 90, np.uint8)
UPDATES = tuple(update(index, GREY, [BALL, GONE]) for index in range(3))


def read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.asarray(bgr[..., ::-1], np.uint8)


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_panels_are_source_overlay_and_mask_from_left_to_right(tmp_path: Path) -> None:
    export("panels-png", tmp_path, *UPDATES)
    picture = read(tmp_path / "panels" / "00001.png")
    assert picture.shape == (192, 960, 3)
    source, overlay, mask = np.split(picture, 3, axis=1)
    assert (source == 90).all()
    assert (overlay[40, 140] != 90).any()
    assert (mask[MASK] == object_colour(7)).all()
    assert not mask[~MASK].any()


def test_panels_that_are_asked_for_are_those_shown(tmp_path: Path) -> None:
    run = run_for(tmp_path, ExportOptions(panels=("mask", "source")))
    export("panels-png", tmp_path, UPDATES[0], run=run)
    mask, source = np.split(read(tmp_path / "panels" / "00000.png"), 2, axis=1)
    assert (mask[0, 0].tolist(), source[0, 0].tolist()) == ([0, 0, 0], [90, 90, 90])


@pytest.mark.parametrize(("width", "shown"), [(320, (960, 192)), (3840, (4092, 52))])
def test_panels_are_a_video_that_players_can_show(tmp_path: Path, width: int, shown: tuple[int, int]) -> None:
    image = np.full((192 if width == 320 else 150, width, 3), 90, np.uint8)
    export("panels", tmp_path, *(update(index, image) for index in range(3)))
    found = frames(tmp_path / "panels.mp4")
    assert [(one.width, one.height) for one in found] == [shown] * 3


def test_overlay_is_a_picture_of_the_sources_size_named_after_its_own(tmp_path: Path) -> None:
    export("overlay-png", tmp_path, UPDATES[0], run=run_for(tmp_path, file_names=("dog_1.jpg",)))
    picture = read(tmp_path / "overlay" / "dog_1.png")
    assert picture.shape == (192, 320, 3)
    assert (picture[40, 140] != 90).any()
    assert (picture[5, 300] == 90).all()


def test_cut_out_has_alpha_in_the_codec_that_browsers_take(tmp_path: Path) -> None:
    export("cutout", tmp_path, *UPDATES)
    with av.open(str(tmp_path / "cutout.webm")) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        assert tags["alpha_mode"] == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        packets = [packet for packet in container.demux(video=0) if packet.size]
        shown = [one for packet in packets for one in decoder.decode(packet)]
        shown += decoder.decode(None)
    assert len(shown) == 3
    alpha = shown[1].reformat(format="rgba").to_ndarray()[..., 3] > 127
    assert (alpha & MASK).sum() / (alpha | MASK).sum() > 0.95


def test_cut_out_for_editing_is_prores_with_alpha(tmp_path: Path) -> None:
    export("cutout", tmp_path, *UPDATES, run=run_for(tmp_path, ExportOptions(cutout_format="mov")))
    shown = frames(tmp_path / "cutout.mov")
    assert len(shown) == 3
    assert "a" in shown[0].format.name, "a pixel format with alpha"
    alpha = shown[1].reformat(format="rgba").to_ndarray()[..., 3] > 127
    assert (alpha & MASK).sum() / (alpha | MASK).sum() > 0.99


def test_cut_out_on_a_colour_shows_it_off_the_objects(tmp_path: Path) -> None:
    run = run_for(tmp_path, ExportOptions(background=(0, 0, 255)))
    export("cutout-colour", tmp_path, *UPDATES, run=run)
    picture = frames(tmp_path / "cutout.mp4")[1].to_ndarray(format="rgb24").astype(int)
    # x264 and 8 bits of YCbCr take a few levels.
    assert np.abs(picture[150, 250] - (0, 0, 255)).max() <= 6
    assert np.abs(picture[40, 140] - 90).max() <= 6
