"""Pictures of a film as a page asks for them, and the masks that lie over them."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from streamtrack.errors import PromptError
from streamtrack.frame import Frame, ObjectMask
from streamtrack.pick import pictures
from streamtrack.pick.overlay import FILL, overlay_address
from streamtrack.pick.pictures import Pictures, shown_size
from streamtrack.scenes.scene import make_scene
from streamtrack.video.palette import object_colour
from tests.support.image_files import decode_image
from tests.support.recordings import frame


class Drawn:
    """A film that is drawn when it is asked for, and counts how often."""

    num_frames = 50

    def __init__(self) -> None:
        self._scene = make_scene("leave?width=128&height=72")
        self.reads: list[int] = []

    def read(self, number: int) -> Frame:
        self.reads.append(number)
        return frame(self._scene.render(number)[0])


async def test_picture_is_that_of_its_frame_and_read_once() -> None:
    film = Drawn()
    shown = Pictures(film)
    for number in (7, 3, 7):
        picture = decode_image(await shown.jpeg(number), cv2.IMREAD_COLOR_RGB)
        drawn = make_scene("leave?width=128&height=72").render(number)[0]
        # JPEG at 90 keeps pixels within some levels; the next frame's differ by more.
        assert np.abs(picture.astype(int) - drawn).mean() < 4
    assert film.reads == [7, 3]
    with pytest.raises(PromptError, match="frame is 50, expected 0 to 49"):
        await shown.jpeg(50)
    shown.close()


async def test_only_so_many_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Drawn()
    shown = Pictures(film)
    monkeypatch.setattr(pictures, "KEPT_BYTES", int(2.5 * len(await shown.jpeg(0))))
    for number in (1, 2, 0):
        await shown.jpeg(number)
    assert film.reads == [0, 1, 2, 0]
    shown.close()


def test_large_pictures_are_scaled_down_and_small_ones_left_alone() -> None:
    assert shown_size(640, 360) == (640, 360)
    assert shown_size(3840, 2160) == (1920, 1080)
    assert shown_size(2160, 3840) == (1080, 1920)
    assert shown_size(100_000, 10) == (1920, 1)


def overlay(masks: list[ObjectMask]) -> np.ndarray:
    address = overlay_address(masks)
    assert address is not None
    return decode_image(base64.b64decode(address.partition(",")[2]), cv2.IMREAD_UNCHANGED)


def test_overlay_has_each_mask_in_its_colour_and_nothing_elsewhere() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:40] = True
    picture = overlay([ObjectMask.from_mask(mask, 3)])
    red, green, blue = object_colour(3)
    assert picture[20, 25].tolist() == [blue, green, red, FILL]
    assert picture[10, 25].tolist() == [blue, green, red, 255], "the outline"
    assert not picture[:8].any()
    assert overlay_address([ObjectMask.from_mask(np.zeros((40, 60), bool), 3)]) is None


def test_overlay_of_a_large_frame_has_the_size_of_its_picture() -> None:
    mask = np.zeros((1440, 2560), bool)
    mask[:, 1280:] = True
    picture = overlay([ObjectMask.from_mask(mask, 1)])
    assert picture.shape == (1080, 1920, 4)
    assert not picture[500, 900].any()
    assert picture[500, 1500, 3] == FILL
