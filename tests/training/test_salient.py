"""Tracks by a teacher: where its map lands in the frame, and which masks are kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from streamtrack.detect import Detection
from tests.support.image_files import read_image
from training.bank import Bank, Image
from training.build import write_outlined_track
from training.salient import MIN_KEPT, mask_in_box, segment_tracks, steady
from training.selftrain import write_tracks


def red(picture: Image) -> npt.NDArray[np.float32]:
    """A teacher to whom red things stand out."""
    return np.asarray(picture[..., 0] > picture[..., 1], np.float32)


def scene(x: int, side: int = 40) -> Image:
    frame = np.full((120, 200, 3), 90, np.uint8)
    cv2.circle(frame, (x, 60), side // 2, (220, 30, 30), -1)
    return frame


def test_mask_lies_where_the_object_is_in_the_whole_frame() -> None:
    frame = scene(150)

    mask = mask_in_box(red, frame, (130, 40, 170, 80))

    assert mask is not None
    assert mask.shape == frame.shape[:2]
    truth = frame[..., 0] == 220
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95


def test_mask_that_does_not_fill_its_box_is_left_out() -> None:
    assert mask_in_box(red, scene(150), (100, 20, 200, 100)) is None
    assert mask_in_box(red, scene(150), (0, 0, 60, 60)) is None


def test_box_too_small_to_outline_is_left_out() -> None:
    assert mask_in_box(red, scene(150, 16), (142, 52, 158, 68)) is None


def test_mask_of_another_size_than_its_neighbours_is_left_out() -> None:
    masks = {t: np.zeros((50, 50), np.bool_) for t in range(7)}
    for t, mask in masks.items():
        mask[: 40 if t == 3 else 20, :20] = True

    assert sorted(steady(masks)) == [0, 1, 5, 6]


class RightDetector:
    """Finds the red disc."""

    def detect(self, image: Image) -> list[Detection]:
        x, y, width, height = cv2.boundingRect((image[..., 0] == 220).astype(np.uint8))
        return [Detection("ball", 0.9, (float(x), float(y), float(x + width), float(y + height)))]


def test_a_segment_gives_a_track_that_the_bank_reads(tmp_path: Path) -> None:
    frames = [scene(60 + 4 * t) for t in range(MIN_KEPT + 1)]

    (track,) = segment_tracks(frames, RightDetector(), red)
    write_tracks(tmp_path / "tracks" / "salient_disc_0", frames, [track])
    (tmp_path / "photos").mkdir()
    for index in range(2):
        cv2.imwrite(str(tmp_path / "photos" / f"{index:05d}.jpg"), frames[0])

    assert sorted(track) == list(range(MIN_KEPT + 1))
    (read,) = Bank.open(tmp_path, held_out=False).tracks
    assert len(read.frames) == MIN_KEPT + 1


def test_outlines_of_a_clip_are_read_from_masks_of_any_colour_and_frames_of_either_kind(
    tmp_path: Path,
) -> None:
    for folder in ("frames", "masks"):
        (tmp_path / folder).mkdir()
    for t, suffix in ((0, "jpg"), (2, "png")):
        frame = scene(60 + t)
        cv2.imwrite(str(tmp_path / "frames" / f"{t:05d}.{suffix}"), frame)
        mask = np.zeros_like(frame)
        mask[frame[..., 0] == 220] = (0, 0, 128)
        cv2.imwrite(str(tmp_path / "masks" / f"{t:05d}.png"), mask)
        cv2.imwrite(str(tmp_path / "masks" / f"{t:05d}x.png"), mask)  # every second one is read

    write_outlined_track(tmp_path / "frames", tmp_path / "masks", tmp_path / "track")

    assert len(list((tmp_path / "track").glob("frame_*.jpg"))) == 2
    mask = read_image(tmp_path / "track" / "track_00_00001.png", cv2.IMREAD_GRAYSCALE)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask > 0).sum() == (scene(62)[..., 0] == 220).sum()
